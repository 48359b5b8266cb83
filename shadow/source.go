package shadow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/flowcheck/flowcheck/message"
)

// scan gives the events of a file of the journal or the record, until each returns
// false. The file may be written or removed just now: what is not there any more,
// or not whole yet, is left out. An observation is valid until the next one.
func scan(name string, each func(message.RecordingHeader, message.Event) bool) error {
	f, err := os.Open(filepath.Clean(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil // a running shadow has trimmed its journal
	}
	if err != nil {
		return err
	}
	defer f.Close()
	from := bufio.NewReaderSize(f, readAhead)
	if !strings.HasSuffix(name, ".zst") {
		u, err := newUnpacker(from)
		if err != nil {
			return ended(err)
		}
		return events(u.header, u.event, each)
	}
	unpack, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return err
	}
	defer unpack.Close()
	r, err := message.NewReader(unpack)
	if err != nil {
		return err
	}
	return events(r.Header(), r.Next, each)
}

func events(header message.RecordingHeader, next func() (message.Event, error), each func(message.RecordingHeader, message.Event) bool) error {
	for {
		e, err := next()
		if err != nil {
			return ended(err)
		}
		if !each(header, e) {
			return nil
		}
	}
}

// ended is nil where a file has come to its end, or to what is being written.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
		return nil
	}
	return err
}

// Transcript writes what the journal of a flow has as one recording, carried
// messages first. The shadow may be running.
func Transcript(to io.Writer, state, flow string) error {
	dir := flowDir(state, flow)
	names, err := (&piece{}).files(dir)
	if err != nil {
		return err
	}
	var w *message.Writer
	for _, name := range names {
		var failed error
		err := scan(name, func(h message.RecordingHeader, e message.Event) bool {
			if w == nil {
				w = message.NewWriter(to, h)
			}
			failed = w.Write(e)
			return failed == nil
		})
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
