package replay

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// State is a file that keeps what a replay has sent, so that it can be resumed
// without sending anything twice: a line before a message is sent, and one when
// it is acknowledged. A message with the first alone may have been sent: it is
// never sent again, and told of. Its methods may be called from any goroutine; a
// nil State keeps nothing.
type State struct {
	Header StateHeader

	mu    sync.Mutex
	file  *os.File
	begun map[int]bool // true: acknowledged
	ended bool
	err   error

	earlier map[int]bool // what begun held when the file was opened
}

// StateHeader is the first line: which replay it is.
type StateHeader struct {
	Replay int `json:"replay"` // 1
	// Run is the replay's name, Recording and Options what it must be resumed with.
	Run       string        `json:"run"`
	Recording string        `json:"recording"`
	Options   string        `json:"options"`
	Shift     time.Duration `json:"shift"` // in nanoseconds
}

// ErrOtherReplay says that a state file is of another replay.
var ErrOtherReplay = errors.New("is of another replay")

// ErrNotKept says that nothing can be noted in the state file: the disk is full.
var ErrNotKept = errors.New("cannot be written")

// OpenState opens the file, or makes it: then the header is the caller's.
func OpenState(name string, h StateHeader) (*State, error) {
	h.Replay = 1
	f, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the state file: %w", err)
	}
	s := &State{Header: h, file: f, begun: map[int]bool{}}
	if err := s.read(h); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the state file %s %w", name, err)
	}
	return s, nil
}

// start writes the header of a file that has nothing yet.
func (s *State) start(h StateHeader) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	if _, err := s.file.WriteAt(append(line, '\n'), 0); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	_, err = s.file.Seek(0, io.SeekEnd)
	return err
}

// read reads what the file has; a last line that was cut off is dropped.
func (s *State) read(want StateHeader) error {
	data, err := io.ReadAll(s.file)
	if err != nil {
		return err
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	if len(whole) == 0 {
		return s.start(want)
	}
	lines := bufio.NewScanner(bytes.NewReader(whole))
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	if err := json.Unmarshal(lines.Bytes(), &s.Header); err != nil || s.Header.Replay != 1 {
		return errors.New("is none of a replay, or of a newer version")
	}
	if s.Header.Recording != want.Recording {
		return fmt.Errorf("%w: it was begun with another recording", ErrOtherReplay)
	}
	if s.Header.Options != want.Options {
		return fmt.Errorf("%w: it was begun with %s, now with %s", ErrOtherReplay, s.Header.Options, want.Options)
	}
	for lines.Scan() {
		s.line(lines.Bytes())
	}
	s.earlier = make(map[int]bool, len(s.begun))
	for n := range s.begun {
		s.earlier[n] = true
	}
	if err := s.file.Truncate(int64(len(whole))); err != nil {
		return err
	}
	_, err = s.file.Seek(0, io.SeekEnd)
	return err
}

func (s *State) line(line []byte) {
	if len(line) < 3 {
		s.ended = s.ended || string(line) == "e"
		return
	}
	n, err := strconv.Atoi(string(line[2:]))
	if err != nil {
		return
	}
	s.begun[n] = s.begun[n] || line[0] == 'd'
}

// Has reports whether a message has been sent, or may have been.
func (s *State) Has(number int) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.begun[number]
	return has
}

// Earlier reports whether an earlier process has sent the message, or may have.
func (s *State) Earlier(number int) bool { return s != nil && s.earlier[number] }

// Counts are the messages that were sent, and those of which it is not known.
func (s *State) Counts() (sent, doubtful int) {
	if s == nil {
		return 0, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, done := range s.begun {
		if done {
			sent++
		} else {
			doubtful++
		}
	}
	return sent, doubtful
}

// Ended reports whether everything has been sent.
func (s *State) Ended() bool { return s != nil && s.ended }

func (s *State) begin(number int) error { return s.write('b', number) }
func (s *State) done(number int) error  { return s.write('d', number) }

func (s *State) write(what byte, number int) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	var line [24]byte
	b := append(strconv.AppendInt(append(line[:0], what, ' '), int64(number), 10), '\n')
	if _, err := s.file.Write(b); err != nil {
		s.err = fmt.Errorf("the state file: %w: nothing is sent of which it could not be known", err)
		return s.err
	}
	s.begun[number] = what == 'd'
	return nil
}

func (s *State) finish() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	_, err := s.file.WriteString("e\n")
	return err
}

// Close closes the file.
func (s *State) Close() error {
	if s == nil {
		return nil
	}
	return s.file.Close()
}

// Digest names a recording by its content.
func Digest(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
