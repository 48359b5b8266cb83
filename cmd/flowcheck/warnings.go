package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// logger is what adapters log to. Without --verbose only warnings are shown, each
// once: a broker that stays away is told of when it goes.
func (a *app) logger(verbose bool) *slog.Logger {
	if verbose {
		return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(&warnings{w: a.err, said: map[string]bool{}})
}

// warnings is a slog.Handler that says each warning once, as a line for a reader.
type warnings struct {
	w    io.Writer
	mu   sync.Mutex
	said map[string]bool
}

// Enabled implements slog.Handler.
func (h *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (h *warnings) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString("flowcheck: warning: " + r.Message)
	r.Attrs(func(at slog.Attr) bool {
		fmt.Fprintf(&line, ", %s %v", at.Key, at.Value)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.said[line.String()] {
		return nil
	}
	h.said[line.String()] = true
	_, err := fmt.Fprintln(h.w, line.String())
	return err
}

// WithAttrs implements slog.Handler. What all lines of an adapter have in common
// is left out.
func (h *warnings) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h *warnings) WithGroup(string) slog.Handler { return h }
