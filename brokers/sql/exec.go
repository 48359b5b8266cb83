package sql

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/brokers"
)

// execute executes statements in one transaction: all, or none of them where the
// database can take them back. Errors name the statement.
func execute(ctx context.Context, cfg brokers.Config, statements []string) (err error) {
	db, err := openFor(cfg, "rw")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	for i, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			_ = tx.Rollback() // what went wrong is the statement
			return fmt.Errorf("statement %d, %.60q: %w", i+1, s, sqliteOrOther(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", classify(err))
	}
	return nil
}
