package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

//go:embed kafka/pom.xml elasticmq/pom.xml
var poms embed.FS

func installKafka(ctx context.Context, home string) error {
	return installJars(ctx, "kafka", testbroker.KafkaVersion, testbroker.KafkaJars(home))
}

func installElasticMQ(ctx context.Context, home string) error {
	return installJars(ctx, "elasticmq", testbroker.ElasticMQVersion, testbroker.ElasticMQJars(home))
}

// installJars has Maven copy a program's jar files into dir, which is there only when it is complete.
func installJars(ctx context.Context, name, version, dir string) error {
	if err := programs("apt-get install -y default-jre-headless maven", "java", "mvn"); err != nil {
		return err
	}
	if exists(dir) {
		return nil
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	pom, err := poms.ReadFile(name + "/pom.xml")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o600); err != nil {
		return err
	}
	err = command(ctx, nil, "mvn", "-q", "-B", "-f", filepath.Join(work, "pom.xml"), "-Dbroker.version="+version,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(work, "jars"))
	if err != nil {
		return err
	}
	return os.Rename(filepath.Join(work, "jars"), dir)
}

// installMinistack makes a Python environment of ministack's own. pip writes the program last.
func installMinistack(ctx context.Context, home string) error {
	dir := testbroker.MinistackVenv(home)
	if exists(filepath.Join(dir, "bin", "ministack")) {
		return nil
	}
	const remedy = "apt-get install -y python3-venv"
	if err := programs(remedy, "python3"); err != nil {
		return err
	}
	if err := command(ctx, nil, "python3", "-m", "venv", "--clear", dir); err != nil {
		return fmt.Errorf("%w\nto install what it needs: %s", err, remedy)
	}
	return command(ctx, nil, filepath.Join(dir, "bin", "pip"), "install", "-q", "ministack=="+testbroker.MinistackVersion)
}

// installRabbitMQ installs Debian's package, and keeps the packaged service from starting.
func installRabbitMQ(ctx context.Context, home string) error {
	if exists(testbroker.RabbitMQServer) {
		return nil
	}
	if err := installPackage(ctx, home, "rabbitmq-server"); err != nil {
		return err
	}
	if exists("/run/systemd/system") {
		return command(ctx, nil, "systemctl", "disable", "rabbitmq-server", "epmd.socket")
	}
	return nil
}

// installPostgres installs Debian's package, and keeps the packaged service from starting.
func installPostgres(ctx context.Context, home string) error {
	if testbroker.PostgresBin() != "" {
		return nil
	}
	if err := installPackage(ctx, home, "postgresql"); err != nil {
		return err
	}
	if exists("/run/systemd/system") {
		return command(ctx, nil, "systemctl", "disable", "postgresql")
	}
	return nil
}

// installChromium installs Debian's package, for the tests of pages.
func installChromium(ctx context.Context, home string) error {
	if _, err := testbroker.FindChromium(); err == nil {
		return nil
	}
	return installPackage(ctx, home, "chromium")
}

// installMariaDB installs the server of Debian's packages without its service. Its
// installation script needs a program of the clients'.
func installMariaDB(ctx context.Context, home string) error {
	for name, program := range map[string]string{"mariadb-server-core": testbroker.MariaDBServer, "mariadb-client-core": "/usr/bin/my_print_defaults"} {
		if exists(program) {
			continue
		}
		if err := installPackage(ctx, home, name); err != nil {
			return err
		}
	}
	return nil
}

// installPackage installs one of Debian's packages, which only root may, and has none of them start a service.
func installPackage(ctx context.Context, home, name string) error {
	remedy := "sudo apt-get install -y --no-install-recommends " + name
	if os.Geteuid() != 0 {
		return fmt.Errorf("not installed, and only root may: %s", remedy)
	}
	if err := programs(remedy, "apt-get"); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(home, "packages.lock")) // the policy on services is one for all
	if err != nil {
		return err
	}
	defer unlock()
	allow, err := forbidServices("/usr/sbin/policy-rc.d")
	if err != nil {
		return err
	}
	defer allow()
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	install := []string{"apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends", name}
	if command(ctx, env, install...) == nil {
		return nil
	}
	// A machine whose package lists are missing or old.
	if err := command(ctx, env, "apt-get", "-q", "update"); err != nil {
		return err
	}
	return command(ctx, env, install...)
}

// forbidServices lets Debian's packages start no service until allow is called. A policy that the machine already
// has is put back then.
func forbidServices(policy string) (allow func(), err error) {
	kept := policy + ".kept-by-flowcheck"
	if err := os.Rename(policy, kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	allow = func() {
		_ = os.Remove(policy)
		_ = os.Rename(kept, policy)
	}
	if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		allow()
		return nil, err
	}
	return allow, nil
}

// lock keeps two runs from installing the same broker at once; the lock ends with this process at the latest.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// programs fails with the remedy unless all programs are there.
func programs(remedy string, names ...string) error {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("it needs %s, which is not installed: %s", name, remedy)
		}
	}
	return nil
}

// command runs a program to its end; what it printed is told only when it fails. At an interrupt it is asked to end,
// so that a package is not left half installed.
func command(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
