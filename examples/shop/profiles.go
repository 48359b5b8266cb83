package shop

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// address is a message on the topic addresses: an account's address has changed.
type address struct {
	Account string `json:"account"`
	Version int    `json:"version"`
	Address string `json:"address"`
}

// name is what a change is known by.
func (a *address) name() string { return fmt.Sprintf("profiles %s/%d", a.Account, a.Version) }

// profile is a message on the topic profiles: what the shop holds for true now.
type profile struct {
	Account string `json:"account"`
	Version int    `json:"version"`
	Address string `json:"address"`
}

// profile handles one change. One that is not newer than what is known comes too
// late, and changes nothing.
func (s *Shop) profile(ctx context.Context, r *record) error {
	a, err := readAddress(r.value)
	if err != nil {
		// Nobody is waiting for it, and a newer version will come.
		s.cfg.Log.Warn("profiles: a change that cannot be read is left out", "error", err)
		return nil
	}
	if s.has(bugRetryReorders) && a.Version == 1 {
		return s.db.flushed(ctx, s.db.update(func(t *tx) {
			t.send(row{lane: laneEvents, to: topicAddressesRetry, key: string(r.key), body: r.value})
		}))
	}
	rows := s.db.update(func(t *tx) {
		newer := a.Version > t.versions[a.Account]
		if s.has(bugArrivalWins) {
			newer = t.state(a.name(), remembered) == ""
			t.note(a.name(), stateDone)
		}
		repeated := a.Version == t.versions[a.Account] && s.has(bugVersionAgain)
		if newer || repeated || s.has(bugLostUpdate) {
			s.apply(t, a)
		}
	})
	r.once = s.out(rows)
	return nil
}

// retryProfile handles one change that failed before, whatever has come since.
// Only a bug makes one.
func (s *Shop) retryProfile(ctx context.Context, r *record) error {
	a, err := readAddress(r.value)
	if err != nil {
		return nil //nolint:nilerr // it was read once already
	}
	if err := s.pause(ctx, 300*time.Millisecond); err != nil {
		return err
	}
	return s.db.flushed(ctx, s.db.update(func(t *tx) { s.apply(t, a) }))
}

func readAddress(body []byte) (a address, err error) {
	if err := readStrict(body, &a, []string{"account", "version", "address"}); err != nil {
		return a, err
	}
	if a.Account == "" || a.Version < 1 {
		return a, errors.New("account or version are not as they must be")
	}
	return a, nil
}

func (s *Shop) apply(t *tx, a address) {
	t.versions[a.Account] = a.Version
	t.send(row{lane: laneEvents, to: topicProfiles, key: a.Account, body: encode(profile(a))})
}
