package sql

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"

	"github.com/flowcheck/flowcheck/brokers"
)

// classify tells by the database's own code what kind of error it is. Codes of
// PostgreSQL: appendix A of its manual; of MySQL: its server error reference.
func classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if pg, ok := errors.AsType[*pq.Error](err); ok {
		return fmt.Errorf("%w: %s (%s)", pgKind(string(pg.Code)), pg.Message, pg.Code)
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return fmt.Errorf("%w: %s (%d)", mysqlKind(my.Number), my.Message, my.Number)
	}
	return fmt.Errorf("%w: %w", brokers.ErrUnreachable, err)
}

var errQuery = errors.New("the query")

func pgKind(code string) error {
	switch {
	case code == "42P01", code == "3D000", code == "42703", code == "3F000": // table, database, column, schema
		return brokers.ErrAbsent
	case code == "42501", len(code) > 2 && code[:2] == "28": // privilege, authorisation
		return brokers.ErrRefused
	case len(code) > 2 && (code[:2] == "42" || code[:2] == "22" || code[:2] == "25"): // syntax, data, a write
		return errQuery
	}
	return brokers.ErrUnreachable
}

func mysqlKind(number uint16) error {
	switch number {
	case 1049, 1054, 1146:
		return brokers.ErrAbsent
	case 1044, 1045, 1142, 1143:
		return brokers.ErrRefused
	case 1064, 1792:
		return errQuery
	}
	return brokers.ErrUnreachable
}
