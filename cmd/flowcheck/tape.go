package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/flowcheck/flowcheck/message"
)

// tape is a recording in the making: a file that only its owner can read. When
// the disk is full, it keeps the whole lines that fit.
type tape struct {
	file   *os.File
	packed *zstd.Encoder
	lines  *message.Writer
	err    error
}

// newTape creates the file, mode 0600.

func newTape(name string) (*tape, error) {
	file, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if err := file.Chmod(0o600); err != nil && !errors.Is(err, os.ErrInvalid) {
		_ = file.Close()
		return nil, fmt.Errorf("record: %w", err)
	}
	t := &tape{file: file}
	if strings.HasSuffix(name, ".zst") {
		if t.packed, err = zstd.NewWriter(file); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("record: %w", err)
		}
	}
	return t, nil
}

// Begin writes the header.
func (t *tape) Begin(h message.RecordingHeader) error {
	var w io.Writer = t.file
	if t.packed != nil {
		w = t.packed
	}
	t.lines = message.NewWriter(w, h)
	return nil
}

// Event writes one line.
func (t *tape) Event(e message.Event) error {
	if t.err != nil {
		return t.err
	}
	t.err = t.lines.Write(e)
	return t.err
}

// close finishes the file. After a failed write it is cut to its last whole
// line.
func (t *tape) close() error {
	var errs []error
	if t.packed != nil {
		errs = append(errs, t.packed.Close())
	} else if t.err != nil && t.lines != nil {
		errs = append(errs, t.file.Truncate(t.lines.Written()))
	}
	errs = append(errs, t.file.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
