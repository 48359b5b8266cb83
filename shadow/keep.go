package shadow

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/flowcheck/flowcheck/message"
)

// keepRecord packs a segment into the folder record beside it, as a recording,
// and removes those there that are older than keep.
func keepRecord(name string, keep time.Duration, now time.Time) error {
	dir := filepath.Join(filepath.Dir(name), "record")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to := filepath.Join(dir, strings.TrimSuffix(filepath.Base(name), ".journal")+".jsonl.zst")
	if err := pack(name, to); err != nil {
		return err
	}
	if info, err := os.Stat(name); err == nil {
		_ = os.Chtimes(to, info.ModTime(), info.ModTime())
	}
	if err := os.Remove(name); err != nil {
		return err
	}
	return forgetRecords(dir, now.Add(-keep))
}

// pack makes a packed recording of a segment.
func pack(name, to string) error {
	from, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer from.Close()
	return replace(to, func(f *os.File) error {
		packer, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		if err := transcribe(from, packer); err != nil {
			return err
		}
		return packer.Close()
	})
}

// transcribe writes the recording of what a file of the journal has.
func transcribe(from io.Reader, to io.Writer) error {
	events, err := newUnpacker(bufio.NewReaderSize(from, readAhead))
	if err != nil {
		return err
	}
	w := message.NewWriter(to, events.header)
	for {
		e, err := events.event()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = w.Write(e)
		}
		if err != nil {
			return err
		}
	}
}

// forgetRecords removes the recordings whose last event was before the instant.
func forgetRecords(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), ".zst") || !info.ModTime().Before(before) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
