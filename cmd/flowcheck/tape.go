package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/flowcheck/flowcheck/message"
)

// tape is a recording in the making: a file that only its owner can read, or
// standard output. When the disk is full it keeps the whole lines that fit.
//
//	event → line → (a frame of lines, packed) → file
type tape struct {
	name   string
	file   *os.File // nil for standard output
	out    io.Writer
	packer *zstd.Encoder // nil: not packed
	lines  *message.Writer
	kept   int64 // bytes of whole lines, or whole frames, in the file
	err    error

	frame []byte    // lines that wait to be packed
	began time.Time // when the first of them was seen
}

// A frame of packed lines ends when it has frameSize bytes, or when frameAge has
// passed since its first line was seen. What a full disk or a kill loses is one
// frame at most.
const (
	frameSize = 256 << 10
	frameAge  = time.Second
)

// newTape opens the file, mode 0600; - is standard output. What the file had is
// lost only when the recording begins.
func (a *app) newTape(name string) (*tape, error) {
	t := &tape{name: name, out: a.out}
	if strings.HasSuffix(name, ".zst") {
		var err error
		if t.packer, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
	}
	if name == "-" {
		return t, nil
	}
	file, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	t.file, t.out = file, file
	return t, nil
}

// Begin writes the header.
func (t *tape) Begin(h message.RecordingHeader) error {
	if t.file != nil {
		if err := errors.Join(t.truncate(0), t.file.Chmod(0o600)); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	t.began = h.Started
	t.lines = message.NewWriter(t, h)
	return nil
}

// truncate cuts a regular file; a pipe or a device is left as it is.
func (t *tape) truncate(size int64) error {
	info, err := t.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return t.file.Truncate(size)
}

// Event writes one line. After an error it returns that error.
func (t *tape) Event(e message.Event) error {
	if t.err != nil {
		return t.err
	}
	if t.packer != nil && t.due(e) {
		t.err = t.pack()
	}
	if t.err == nil {
		t.err = t.lines.Write(e)
	}
	return t.err
}

// due reports whether the frame is to end before the event.
func (t *tape) due(e message.Event) bool {
	seen := time.Time{}
	switch {
	case e.Observation != nil:
		seen = e.Observation.Seen
	case e.Mark != nil:
		seen = e.Mark.Seen
	}
	if len(t.frame) == 0 {
		t.began = seen
		return false
	}
	return len(t.frame) >= frameSize || seen.Sub(t.began) >= frameAge
}

// Write takes one whole line.
func (t *tape) Write(line []byte) (int, error) {
	if t.packer != nil {
		t.frame = append(t.frame, line...)
		return len(line), nil
	}
	n, err := t.out.Write(line)
	if err == nil {
		t.kept += int64(n)
	}
	return n, err
}

// pack writes the lines that wait as one frame.
func (t *tape) pack() error {
	if len(t.frame) == 0 {
		return nil
	}
	packed := t.packer.EncodeAll(t.frame, nil)
	t.frame = t.frame[:0]
	n, err := t.out.Write(packed)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	t.kept += int64(n)
	return nil
}

// close finishes the file. After a failed write it is cut to its last whole
// line; a file that no recording was begun in and that is empty goes.
func (t *tape) close() error {
	if t.err == nil && t.packer != nil && t.lines != nil {
		t.err = t.pack()
	}
	err := t.err
	if t.file == nil {
		return err
	}
	switch {
	case t.lines == nil:
		if info, statErr := t.file.Stat(); statErr == nil && info.Mode().IsRegular() && info.Size() == 0 {
			err = errors.Join(err, os.Remove(t.name))
		}
	case t.err != nil:
		err = fmt.Errorf("%w: %s is kept up to its last whole line, and has no end", t.err, t.name)
		if cutErr := t.truncate(t.kept); cutErr != nil {
			err = errors.Join(err, cutErr)
		}
	}
	if closeErr := t.file.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
