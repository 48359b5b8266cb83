//go:build sqlite

package sql

import _ "modernc.org/sqlite" // the driver "sqlite"
