package shadow

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/flowcheck/flowcheck/flows"
)

// notSyncable tells of a pipe or a device, which has no disk to reach.
func notSyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

func reasonOf(r *Record) flows.Unknown { return flows.Unknown{Chain: r.Chain, Reason: r.Reason} }

// Identity is what a state folder keeps of the watch: it is the same after a
// restart.
type Identity struct {
	// ID names what the taps create on brokers.
	ID string `json:"id"`
	// MaskSalt goes into the hashes of masked values.
	MaskSalt string `json:"maskSalt"`

	lock *os.File
}

// OpenState makes the state folder where there is none, and keeps other processes
// out of it until Close. "" is an identity that nobody keeps.
func OpenState(dir string) (*Identity, error) {
	id := &Identity{ID: token(4), MaskSalt: token(16)}
	if dir == "" {
		return id, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := takeLock(lock); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%w: %s is in use by another flowcheck: give each its own --state", ErrState, dir)
	}
	name := filepath.Join(dir, "identity.json")
	data, err := os.ReadFile(filepath.Clean(name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = writeJSON(name, id)
	case err == nil:
		err = json.Unmarshal(data, id)
		if err == nil && id.ID == "" {
			err = fmt.Errorf("%s has no id", name)
		}
	}
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	id.lock = lock
	return id, nil
}

// KnownID is what the taps of the folder's watch are called by, "" where there was
// none. It changes nothing, and may be asked while the watch runs.
func KnownID(dir string) string {
	var id Identity
	data, err := os.ReadFile(filepath.Join(dir, "identity.json"))
	if err != nil || json.Unmarshal(data, &id) != nil {
		return ""
	}
	return id.ID
}

// Close lets other processes use the folder.
func (i *Identity) Close() error {
	if i.lock == nil {
		return nil
	}
	return i.lock.Close()
}

func token(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails: crypto/rand
	return hex.EncodeToString(b)
}

// writeJSON replaces a file as a whole: whoever reads it, whenever the power goes,
// finds the old or the new.
func writeJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return replace(name, func(f *os.File) error {
		_, err := f.Write(append(data, '\n'))
		return err
	})
}

// replace writes a file beside the old one, has it reach the disk, and puts it in
// its place.
func replace(name string, write func(*os.File) error) error {
	temp := name + ".tmp"
	f, err := os.OpenFile(filepath.Clean(temp), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir has the names in a folder reach the disk.
func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if notSyncable(err) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
