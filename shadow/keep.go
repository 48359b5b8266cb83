package shadow

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// keepRecord packs a segment into the folder record beside it, as a recording,
// and removes those there that are older than keep.
func keepRecord(name string, keep time.Duration, now time.Time) error {
	dir := filepath.Join(filepath.Dir(name), "record")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to := filepath.Join(dir, filepath.Base(name)+".zst")
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
		if _, err := io.Copy(packer, from); err != nil {
			return err
		}
		return packer.Close()
	})
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
