package sql

import (
	"bytes"
	"context"
	"crypto/sha256"
	dbsql "database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of one answer.
const (
	maxRows      = 100_000
	maxRowBytes  = 16 << 20
	queryTimeout = 30 * time.Second
)

// row is one row of an answer.
type row struct {
	key  string
	body []byte // a JSON object of the columns
	sum  [sha256.Size]byte
}

// ask runs the query in a transaction that may not write.
func ask(ctx context.Context, db *dbsql.DB, query string, keys []string) (all []row, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tx, err := db.BeginTx(ctx, &dbsql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, classify(err)
	}
	defer func() {
		if end := tx.Rollback(); err == nil && end != nil {
			err = classify(end)
		}
	}()
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, sqliteOrOther(err)
	}
	defer rows.Close()
	read, err := newReader(rows, keys)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		if len(all) == maxRows {
			return nil, fmt.Errorf("it has more than %d rows: narrow it with WHERE", maxRows)
		}
		r, err := read.row()
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, sqliteOrOther(err)
	}
	return all, nil
}

// sqliteOrOther is classify, where an error without a code of its own is one of
// the query: SQLite has no server that could be away.
func sqliteOrOther(err error) error {
	if strings.HasPrefix(err.Error(), "SQL logic error") {
		return fmt.Errorf("%w: %w", errQuery, err)
	}
	return classify(err)
}

// reader makes rows of what the database answers.
type reader struct {
	rows  *dbsql.Rows
	names []string // as JSON
	types []string
	keys  []int
	cells []any
}

func newReader(rows *dbsql.Rows, keys []string) (*reader, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, classify(err)
	}
	r := &reader{rows: rows, cells: make([]any, len(columns))}
	var names []string
	for i, c := range columns {
		if slices.Contains(names, c.Name()) {
			return nil, fmt.Errorf("it has two columns %q: name one of them with AS", c.Name())
		}
		names = append(names, c.Name())
		name, err := json.Marshal(c.Name())
		if err != nil {
			return nil, err
		}
		r.names, r.types = append(r.names, string(name)), append(r.types, strings.ToUpper(c.DatabaseTypeName()))
		r.cells[i] = new(any)
	}
	if len(keys) == 0 {
		keys = names[:1]
	}
	for _, k := range keys {
		i := slices.Index(names, k)
		if i < 0 {
			return nil, fmt.Errorf("row-key: it has no column %s; there are %s", k, strings.Join(names, ", "))
		}
		r.keys = append(r.keys, i)
	}
	return r, nil
}

// row reads the current row.
func (r *reader) row() (row, error) {
	if err := r.rows.Scan(r.cells...); err != nil {
		return row{}, classify(err)
	}
	var body bytes.Buffer
	values := make([][]byte, len(r.cells))
	for i, cell := range r.cells {
		value, err := toJSON(*cell.(*any), r.types[i])
		if err != nil {
			return row{}, fmt.Errorf("column %s: %w", r.names[i], err)
		}
		values[i] = value
		body.WriteByte(",{"[b2i(i == 0)])
		body.WriteString(r.names[i])
		body.WriteByte(':')
		body.Write(value)
	}
	body.WriteByte('}')
	if body.Len() > maxRowBytes {
		return row{}, errors.New("a row is beyond 16 MiB: select fewer columns")
	}
	made := row{body: body.Bytes(), sum: sha256.Sum256(body.Bytes())}
	for i, k := range r.keys {
		if i > 0 {
			made.key += "|"
		}
		made.key += strings.Trim(string(values[k]), `"`)
	}
	return made, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// toJSON writes a value so that it keeps all it had: numbers their digits, times
// their zone, bytes that are no text in base64.
func toJSON(v any, databaseType string) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return []byte("null"), nil
	case []byte:
		return textJSON(v, databaseType)
	case string:
		return textJSON([]byte(v), databaseType)
	case time.Time:
		if databaseType == "DATE" {
			return json.Marshal(v.Format(time.DateOnly))
		}
		return json.Marshal(v.Format(time.RFC3339Nano))
	case float64, float32, int64, int32, int16, uint64, bool:
		if b, err := json.Marshal(v); err == nil {
			return b, nil
		}
		return json.Marshal(fmt.Sprint(v)) // NaN, Infinity
	default:
		return json.Marshal(fmt.Sprint(v))
	}
}

// textJSON writes what the driver gives as text: exact numbers and JSON as they
// are.
func textJSON(v []byte, databaseType string) ([]byte, error) {
	switch databaseType {
	case "NUMERIC", "DECIMAL", "MONEY", "BIGINT", "UNSIGNED BIGINT":
		if json.Valid(v) {
			return v, nil
		}
	case "JSON", "JSONB":
		var compact bytes.Buffer
		if json.Compact(&compact, v) == nil {
			return compact.Bytes(), nil
		}
	}
	if !utf8.Valid(v) || databaseType == "BYTEA" {
		return json.Marshal(base64.StdEncoding.EncodeToString(v))
	}
	return json.Marshal(string(v))
}
