package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	dbsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"

	"github.com/flowcheck/flowcheck/brokers"
)

// open connects to the database that the URL names. Errors have no secret.
func open(cfg brokers.Config) (*dbsql.DB, error) { return openFor(cfg, "ro") }

// openFor is open; mode is what SQLite may do with the file: ro or rw.
func openFor(cfg brokers.Config, mode string) (*dbsql.DB, error) {
	scheme, _, _ := strings.Cut(cfg.URL, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(cfg, mode)
	case "mysql":
		return openMySQL(cfg)
	default:
		return openPostgres(cfg)
	}
}

var errURL = errors.New("the URL is no URL")

// openSQLite opens a file, which has to be there.
func openSQLite(cfg brokers.Config, mode string) (*dbsql.DB, error) {
	_, path, _ := strings.Cut(cfg.URL, ":")
	path = strings.TrimPrefix(path, "//")
	if !slices.Contains(dbsql.Drivers(), "sqlite") {
		return nil, errors.New("this program was built without SQLite, which is large: go build -tags sqlite ./cmd/flowcheck")
	}
	if path == "" {
		return nil, errors.New("the URL names no file: write sqlite://path/to/file")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: %w", brokers.ErrUnreachable, err)
	}
	dsn := url.URL{Scheme: "file", Opaque: filepath.ToSlash(path), RawQuery: "mode=" + mode + "&_pragma=busy_timeout(5000)"}
	return dbsql.Open("sqlite", dsn.String())
}

func openPostgres(cfg brokers.Config) (*dbsql.DB, error) {
	conf, err := pq.NewConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("the URL is no URL of PostgreSQL: write postgres://user@host:5432/database")
	}
	if cfg.Username != "" {
		conf.User = cfg.Username
	}
	if cfg.Password != "" {
		conf.Password = cfg.Password
	}
	conf.ApplicationName = "flowcheck"
	if !strings.Contains(cfg.URL, "sslmode=") {
		conf.SSLMode = pq.SSLModePrefer // as PostgreSQL's own programs do
	}
	if cfg.TLS != nil {
		if cfg.TLS.ServerName != "" {
			return nil, errors.New("tls.server-name is not served with PostgreSQL: the certificate must have the host of the URL")
		}
		conf.SSLMode = pq.SSLModeVerifyFull
		if cfg.TLS.Insecure {
			conf.SSLMode = pq.SSLModeRequire
		}
		conf.SSLRootCert, conf.SSLCert, conf.SSLKey = cfg.TLS.CA, cfg.TLS.Cert, cfg.TLS.Key
	}
	connector, err := pq.NewConnectorConfig(conf)
	if err != nil {
		return nil, fmt.Errorf("the URL: %w", err)
	}
	return dbsql.OpenDB(connector), nil
}

func openMySQL(cfg brokers.Config) (*dbsql.DB, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w of MySQL: write mysql://user@host:3306/database", errURL)
	}
	conf := mysql.NewConfig()
	conf.Net, conf.Addr, conf.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	conf.User = u.User.Username()
	conf.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		conf.Addr = u.Host + ":3306"
	}
	if cfg.Username != "" {
		conf.User = cfg.Username
	}
	if cfg.Password != "" {
		conf.Passwd = cfg.Password
	}
	conf.ParseTime = true
	if cfg.TLS != nil {
		if conf.TLS, err = tlsConfig(cfg.TLS, u.Hostname()); err != nil {
			return nil, err
		}
	}
	connector, err := mysql.NewConnector(conf)
	if err != nil {
		return nil, fmt.Errorf("the URL: %w", err)
	}
	return dbsql.OpenDB(connector), nil
}

// tlsConfig verifies the server, unless the flow file says not to.
func tlsConfig(from *brokers.TLS, host string) (*tls.Config, error) {
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: from.Insecure} //nolint:gosec // the flow file's word
	if from.ServerName != "" {
		conf.ServerName = from.ServerName
	}
	if from.CA != "" {
		pem, err := os.ReadFile(from.CA)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: %s has no certificate", from.CA)
		}
	}
	if from.Cert != "" {
		pair, err := tls.LoadX509KeyPair(from.Cert, from.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// connect opens the database and sees that it answers.
func connect(ctx context.Context, cfg brokers.Config) (*dbsql.DB, error) {
	db, err := open(cfg)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConns)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(classify(err), db.Close())
	}
	return db, nil
}

// maxConns is how many connections there are at the most: a tap is a guest.
const maxConns = 4
