package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/flowcheck/flowcheck/console"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/notify"
	"github.com/flowcheck/flowcheck/shadow"
	"github.com/flowcheck/flowcheck/tracing"
)

// seenFlags are the flags of shadow for how it is seen.
type seenFlags struct {
	listen, tokenFile, notify, traces string
}

func (s *seenFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "", "serve the page, /metrics, /healthz, /readyz and the gate at `ADDR`, such as 127.0.0.1:9464; others than loopback need a token")
	f.StringVar(&s.tokenFile, "token-file", "", "a `FILE` with the token for --listen; or the environment variable FLOWCHECK_TOKEN")
	f.StringVar(&s.notify, "notify", "", "a `FILE` that says whom to tell of findings: Slack, Teams, PagerDuty, webhooks, a file")
	f.StringVar(&s.traces, "traces", "", "send each chain as a trace to the collector at this `URL` (OTLP over HTTP), such as http://localhost:4318; headers from OTEL_EXPORTER_OTLP_HEADERS")
}

// token is read from the file, else from the environment.
func (a *app) token(file string) (string, error) {
	if file == "" {
		return strings.TrimSpace(a.env[envPrefix+"TOKEN"]), nil
	}
	data, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("--token-file: %s is empty", file)
	}
	return token, nil
}

// seen is what watches a shadow.
type seen struct {
	console  *console.Console
	notifier *notify.Notifier
	traces   *tracing.Exporter
}

func (s *seen) close() {
	if s.notifier != nil {
		s.notifier.Close()
	}
	if s.traces != nil {
		s.traces.Close()
	}
	if s.console != nil {
		_ = s.console.Close()
	}
}

// seenBy makes what the flags ask for, and has the shadow tell it. The caller
// closes it even with an error.
func (a *app) seenBy(ctx context.Context, flags *seenFlags, cfg *shadow.Config, loaded []*flows.Flow) (*seen, error) {
	s := &seen{}
	cfg.Status = &shadow.Status{}
	cfg.Watchers = append(cfg.Watchers, newFindingsLog(cfg.Log))
	telling, err := a.notifyConfig(flags.notify)
	if err != nil {
		return s, input(err)
	}
	token, err := a.token(flags.tokenFile)
	if err == nil && flags.listen != "" {
		err = console.CheckAddress(flags.listen, token)
	}
	if err != nil {
		return s, input(err)
	}
	s.console = console.New(console.Config{Flows: loaded, Status: cfg.Status, State: cfg.State, Token: token, Now: a.now, Log: cfg.Log})
	if telling != nil {
		s.notifier = notify.Start(telling, cfg.Log, s.console.Metrics().Notified)
		cfg.Watchers = append(cfg.Watchers, s.notifier)
	}
	if flags.traces != "" {
		if s.traces, err = a.startTraces(flags.traces, s.console, cfg, loaded); err != nil {
			return s, input(err)
		}
		cfg.Watchers = append(cfg.Watchers, s.traces)
	}
	if flags.listen == "" {
		return s, nil
	}
	if err := s.console.Recall(findingsFile(cfg)); err != nil {
		return s, trouble(err)
	}
	cfg.Watchers = append(cfg.Watchers, s.console)
	address, err := s.console.Listen(ctx, flags.listen)
	if err != nil {
		return s, trouble(err)
	}
	cfg.Log.Info("listening", "address", "http://"+address.String())
	return s, nil
}

// startTraces begins to export traces.
func (a *app) startTraces(to string, c *console.Console, cfg *shadow.Config, loaded []*flows.Flow) (*tracing.Exporter, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(a.env["OTEL_EXPORTER_OTLP_HEADERS"], ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: %s is not encoded as it should be", strings.TrimSpace(name))
		}
		headers[strings.TrimSpace(name)] = value
	}
	e, err := tracing.Start(tracing.Config{
		URL: to, Headers: headers, Flows: loaded, Version: version(), Log: cfg.Log, Count: c.Metrics().Traced,
	})
	if err != nil {
		return nil, fmt.Errorf("--traces: %w", err)
	}
	return e, nil
}

// notifyConfig reads the file of --notify; nil where there is none.
func (a *app) notifyConfig(name string) (*notify.Config, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no file, and nothing wrong
	}
	data, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	cfg, err := notify.Load(data, notify.Sources{Env: a.env, ReadFile: readBounded})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return cfg, nil
}

// findingsFile is where a shadow keeps its findings; "" is nowhere.
func findingsFile(cfg *shadow.Config) string {
	if cfg.Findings == "" && cfg.State != "" {
		return filepath.Join(cfg.State, "findings.jsonl")
	}
	return cfg.Findings
}

// findingsLog logs what is told: that, and not what was in the messages. An outage
// does not flood the logs; the findings file has all of it.
type findingsLog struct {
	log     *slog.Logger
	limit   *rate.Limiter
	skipped chan int // has how many were not logged
}

// Findings that are logged in a second, and at once.
const (
	logRate  = 10
	logBurst = 100
)

func newFindingsLog(log *slog.Logger) *findingsLog {
	l := &findingsLog{log: log, limit: rate.NewLimiter(logRate, logBurst), skipped: make(chan int, 1)}
	l.skipped <- 0
	return l
}

// Closed is shadow.Watcher's.
func (l *findingsLog) Closed(string, *flows.Judgement) {}

// Told logs a record.
func (l *findingsLog) Told(r *shadow.Record) {
	if r.Event == shadow.EventChains {
		return
	}
	skipped := <-l.skipped
	if !l.limit.Allow() {
		l.skipped <- skipped + 1
		return
	}
	l.skipped <- 0
	if skipped > 0 {
		l.log.Warn("more findings than are logged: the findings file has them", "skipped", skipped)
	}
	level := slog.LevelWarn
	if r.Event == shadow.EventWithdrawn {
		level = slog.LevelInfo
	}
	attrs := []any{"flow", r.Flow, "id", r.ID, "chain", r.Chain}
	for _, attr := range [][2]string{{"kind", r.Kind}, {"step", r.Step}, {"rule", r.Rule}, {"text", cmp.Or(r.Text, r.Reason)}} {
		if attr[1] != "" {
			attrs = append(attrs, attr[0], attr[1])
		}
	}
	l.log.Log(context.Background(), level, r.Event, attrs...)
}
