package testbroker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// PostgresVersions matches the folders in which Debian keeps the servers, one for
// each major version.
const PostgresVersions = "/usr/lib/postgresql/*/bin"

// PostgresBin is the folder with the newest PostgreSQL server that is installed,
// "" where none is.
func PostgresBin() string {
	found, err := filepath.Glob(PostgresVersions + "/postgres")
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.Max(found))
}

// StartPostgres starts a PostgreSQL with the login flowcheck:flowcheck and a
// database of that name. It refuses to run as root: then it is Debian's user
// postgres.
func StartPostgres(ctx context.Context, o Options) (*Broker, error) {
	b, err := startPostgres(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return b, nil
}

func startPostgres(ctx context.Context, o Options) (*Broker, error) {
	bin := PostgresBin()
	if bin == "" {
		return nil, fmt.Errorf("no server in %s", PostgresVersions)
	}
	ports, err := ports.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(o.Dir, "data")
	owner, err := postgresOwner(o.Dir, data)
	if err != nil {
		return nil, err
	}
	password := filepath.Join(data, "..", "password")
	if err := os.WriteFile(password, []byte("flowcheck\n"), 0o644); err != nil {
		return nil, err
	}
	init := exec.CommandContext(ctx, filepath.Join(bin, "initdb"),
		"-D", data, "-U", "flowcheck", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-locale", "--no-sync")
	init.SysProcAttr = asUser(owner)
	init.Dir = data
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port := strconv.Itoa(ports[0])
	b := &Broker{
		Name: "postgres",
		URL:  "postgres://flowcheck:flowcheck@" + address(ports[0]) + "/postgres",
		server: &process{
			path: filepath.Join(bin, "postgres"),
			args: []string{"-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"},
			dir:  data,
			log:  filepath.Join(o.Dir, "postgres.log"),
			user: owner,

			ready: func(ctx context.Context) error {
				ready := exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-h", "127.0.0.1", "-p", port)
				return ready.Run()
			},
		},
	}
	return b, b.start(ctx)
}

// postgresOwner makes the folder of the data for whom the server is to be: this
// user, or, since root may not, Debian's postgres.
func postgresOwner(dir, data string) (*user.User, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.Atoi(owner.Uid)
	gid, gidErr := strconv.Atoi(owner.Gid)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("user postgres has the ids %s and %s", owner.Uid, owner.Gid)
	}
	// Another user has to come through to its own folder; it can list nothing.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(d)
		if err != nil {
			return nil, err
		}
		if err := os.Chmod(d, info.Mode().Perm()|0o011); err != nil {
			return nil, err
		}
	}
	return owner, os.Chown(data, uid, gid)
}
