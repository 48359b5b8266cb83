package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// bare is a machine that has no program but sh and can install none.
func bare(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink("/bin/sh", filepath.Join(bin, "sh")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv(testbroker.EnvHome, t.TempDir())
	t.Setenv(testbroker.EnvNoSkip, "")
	for _, k := range kinds() {
		for _, v := range k.vars {
			t.Setenv(v.name, "")
		}
	}
}

func TestTheCommandsCodeIsReturned(t *testing.T) {
	bare(t)
	t.Setenv(testbroker.EnvKafka, "elsewhere:9092")
	var log bytes.Buffer
	code := run(t.Context(), []string{"-only", "kafka", "--", "sh", "-c", `test "$FLOWCHECK_TEST_KAFKA" = elsewhere:9092 && exit 7`}, &log)
	if code != 7 {
		t.Errorf("code %d", code)
	}
	if !strings.Contains(log.String(), "kafka     from FLOWCHECK_TEST_KAFKA") {
		t.Errorf("said: %s", &log)
	}
}

func TestWhatCannotBeInstalledIsNamedBeforeAndAfter(t *testing.T) {
	bare(t)
	var log bytes.Buffer
	if code := run(t.Context(), []string{"-only", "kafka,ministack", "--", "sh", "-c", "exit 0"}, &log); code != 0 {
		t.Errorf("code %d", code)
	}
	for _, want := range []string{
		"!!! SKIPPED: NO KAFKA, its tests do not run: it needs java, which is not installed: apt-get install -y default-jre-headless maven\n",
		"!!! SKIPPED: NO MINISTACK, its tests do not run: it needs python3, which is not installed: apt-get install -y python3-venv\n",
	} {
		if strings.Count(log.String(), want) != 2 {
			t.Errorf("said not twice:\n%s\nbut:\n%s", want, &log)
		}
	}
}

func TestNothingRunsWhereNothingMayBeSkipped(t *testing.T) {
	bare(t)
	t.Setenv(testbroker.EnvNoSkip, "1")
	ran := filepath.Join(t.TempDir(), "ran")
	var log bytes.Buffer
	if code := run(t.Context(), []string{"-only", "kafka", "--", "sh", "-c", ": >" + ran}, &log); code != 1 {
		t.Errorf("code %d", code)
	}
	if exists(ran) {
		t.Error("the command ran")
	}
}

func TestAnInterruptEndsTheCommand(t *testing.T) {
	bare(t)
	t.Setenv(testbroker.EnvKafka, "elsewhere:9092")
	dir := t.TempDir()
	begun, ended := filepath.Join(dir, "begun"), filepath.Join(dir, "ended")
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int)
	go func() {
		script := "trap ': >" + ended + "; kill $!; exit 3' TERM; /bin/sleep 60 & : >" + begun + "; wait"
		code <- run(ctx, []string{"-only", "kafka", "--", "sh", "-c", script}, &bytes.Buffer{})
	}()
	await.True(t, "it begins", func() bool { return exists(begun) })
	interrupt()
	if got := <-code; got != 130 {
		t.Errorf("code %d", got)
	}
	if !exists(ended) {
		t.Error("the command was not asked to end")
	}
}

// python has the bare machine make Python environments whose pip runs the script,
// in the environment's folder bin.
func python(t *testing.T, script string) {
	t.Helper()
	bare(t)
	text := "#!/bin/sh\n/bin/mkdir -p \"$4/bin\" && printf '%s\\n' '#!/bin/sh' 'cd \"${0%/*}\"' '" + script + "' >\"$4/bin/pip\" && /bin/chmod +x \"$4/bin/pip\"\n"
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "python3"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestInstallStartsNothing(t *testing.T) {
	python(t, `echo "exit 1" >ministack`) // a ministack that would not start
	t.Setenv(testbroker.EnvNoSkip, "1")
	var log bytes.Buffer
	if code := run(t.Context(), []string{"-only", "ministack", "-install"}, &log); code != 0 {
		t.Errorf("code %d", code)
	}
	if !strings.Contains(log.String(), "withbrokers: ministack installed in ") || !exists(filepath.Join(testbroker.MinistackVenv(testbroker.Home()), "bin", "ministack")) {
		t.Errorf("said: %s", &log)
	}
}

func TestAnInstallationThatFails(t *testing.T) {
	for noSkip, want := range map[string]int{"": 0, "1": 1} {
		python(t, "echo no such package; exit 1")
		t.Setenv(testbroker.EnvNoSkip, noSkip)
		var log bytes.Buffer
		if code := run(t.Context(), []string{"-only", "ministack", "-install"}, &log); code != want {
			t.Errorf("code %d, want %d", code, want)
		}
		if !strings.Contains(log.String(), "NO MINISTACK") || !strings.Contains(log.String(), "no such package") {
			t.Errorf("said: %s", &log)
		}
	}
}

func TestAnInterruptEndsAnInstallation(t *testing.T) {
	python(t, `/bin/sleep 60 & trap ": >ended; kill $!; exit 3" TERM; : >begun; wait`)
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int)
	go func() { code <- run(ctx, []string{"-only", "ministack", "-install"}, &bytes.Buffer{}) }()
	bin := filepath.Join(testbroker.MinistackVenv(testbroker.Home()), "bin")
	await.True(t, "it begins", func() bool { return exists(filepath.Join(bin, "begun")) })
	interrupt()
	if got := <-code; got != 130 {
		t.Errorf("code %d", got)
	}
	if !exists(filepath.Join(bin, "ended")) {
		t.Error("it was not asked to end")
	}
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"a command or -install":           {"-only", "kafka"},
		"a command or -install: ":         {"-install", "--", "sh"},
		"-only redis: the brokers are":    {"-only", "redis", "--", "sh"},
		"flag provided but not defined":   {"-skip", "--", "sh"},
		"-only kafka,kafka: the brokers ": {"-only", "kafka,kafka", "--", "sh"},
	} {
		var log bytes.Buffer
		if code := run(t.Context(), args, &log); code != 2 || !strings.Contains(log.String(), want) {
			t.Errorf("%q: code %d, said: %s", args, code, &log)
		}
	}
}

func TestServicesAreForbiddenWhileInstalling(t *testing.T) {
	for name, before := range map[string]string{"no policy": "", "a policy": "#!/bin/sh\nexit 0\n"} {
		t.Run(name, func(t *testing.T) {
			policy := filepath.Join(t.TempDir(), "policy-rc.d")
			if before != "" {
				if err := os.WriteFile(policy, []byte(before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			allow, err := forbidServices(policy)
			if err != nil {
				t.Fatal(err)
			}
			if during, err := os.ReadFile(policy); err != nil || !strings.Contains(string(during), "exit 101") {
				t.Errorf("during: %q, %v", during, err)
			}
			allow()
			if after, _ := os.ReadFile(policy); string(after) != before {
				t.Errorf("after: %q, before: %q", after, before)
			}
		})
	}
}
