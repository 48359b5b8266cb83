package shadow

import (
	"errors"
	"os"
	"sync/atomic"
)

// syncer has files reach the disk, one after the other, beside who writes them.
// After an error nothing is told to be kept.
type syncer struct {
	folder  string // that the files are in; set before the first is given
	jobs    chan syncing
	pending atomic.Int32
	failed  chan error // has the first error
	done    chan struct{}
}

// syncing is a file that has been written so far.
type syncing struct {
	file *os.File
	last bool // nothing more will be written
	kept []func()
}

func startSyncer() *syncer {
	s := &syncer{jobs: make(chan syncing, 2), failed: make(chan error, 1), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *syncer) take(j syncing) {
	s.pending.Add(1)
	s.jobs <- j
}

func (s *syncer) run() {
	defer close(s.done)
	var known *os.File // whose name has reached the disk
	broken := false
	for j := range s.jobs {
		err := j.file.Sync()
		if err == nil && j.file != known {
			err = syncDir(s.folder)
			known = j.file
		}
		if j.last {
			err = errors.Join(err, j.file.Close())
		}
		if err != nil && !broken {
			broken = true
			s.failed <- err
		}
		if !broken {
			for _, kept := range j.kept {
				kept()
			}
		}
		s.pending.Add(-1)
	}
}

// close waits until all is on the disk.
func (s *syncer) close() error {
	close(s.jobs)
	<-s.done
	select {
	case err := <-s.failed:
		return err
	default:
		return nil
	}
}
