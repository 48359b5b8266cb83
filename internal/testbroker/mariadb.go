package testbroker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// MariaDBServer is the server as Debian's package mariadb-server-core has it.
const MariaDBServer = "/usr/sbin/mariadbd"

// StartMariaDB starts a MariaDB with the login flowcheck:flowcheck, which may do
// everything.
func StartMariaDB(ctx context.Context, o Options) (*Broker, error) {
	b, err := startMariaDB(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start mariadb: %w", err)
	}
	return b, nil
}

func startMariaDB(ctx context.Context, o Options) (*Broker, error) {
	ports, err := ports.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	data, logins := filepath.Join(o.Dir, "data"), filepath.Join(o.Dir, "logins.sql")
	// Of an init file each line is a statement.
	err = os.WriteFile(logins, []byte("CREATE USER IF NOT EXISTS flowcheck@'127.0.0.1' IDENTIFIED BY 'flowcheck';\nGRANT ALL ON *.* TO flowcheck@'127.0.0.1';\n"), 0o600)
	if err != nil {
		return nil, err
	}
	common := []string{"--no-defaults", "--datadir=" + data, "--skip-name-resolve"}
	if os.Geteuid() == 0 {
		common = append(common, "--user=root") // it asks to be told that it may
	}
	install := exec.CommandContext(ctx, "mariadb-install-db", append(common, "--auth-root-authentication-method=normal", "--skip-test-db")...)
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	addr := address(ports[0])
	b := &Broker{
		Name: "mariadb",
		URL:  "mysql://flowcheck:flowcheck@" + addr + "/mysql",
		server: &process{
			path: MariaDBServer,
			args: append(common, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(ports[0]), "--socket="+filepath.Join(o.Dir, "s"),
				"--init-file="+logins, "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"),
			dir: o.Dir,
			log: filepath.Join(o.Dir, "mariadb.log"),

			ready: func(ctx context.Context) error { return connects(ctx, addr) },
		},
	}
	return b, b.start(ctx)
}
