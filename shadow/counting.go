package shadow

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// counting tells how many chains have closed, each once, however often the process
// dies. How many there are in all is a function of the journal; what has been told
// of them is in the last line of the findings file, and, for those who are told of
// each chain and while no line is in that file, in one of a few bytes that is written
// as they are told.
type counting struct {
	before flows.ChainCounts // of chains that are in no file of the journal any more
	told   Tally             // in the findings file
	lined  time.Time         // when the last line was written
	again  int64             // chains that will close again, of which watchers know
	noted  noted             // what the file has
	file   *os.File          // nil: nothing is kept
}

// noted is what the file has, each number in eight bytes: how many chains watchers
// have been told of, and what the findings file says, in all, passed, failed and
// unknown.
type noted [5]int64

// maxAhead is how many chains may have closed whose messages the journal had not
// got yet. What is beyond that was counted by another flow file.
const maxAhead = 10_000

// resume finds out what has been told before, once the journal has been read: last
// is the last line's word, nil where there is none.
func (c *counting) resume(j *journal, last *Tally, stats flows.LiveStats) error {
	c.before = j.before
	total := c.total(stats.Chains)
	whole, err := c.open(j)
	if err != nil {
		return err
	}
	if last == nil && whole {
		t := &c.noted
		last = &Tally{int(t[1]), int(t[2]), int(t[3]), int(t[4])}
	}
	if last != nil && int64(last.Total-total.Total) <= int64(stats.Open)+maxAhead {
		c.told = *last
	} else if j.resumed() {
		c.told = total
	}
	if c.again = c.noted[0] - int64(total.Total); c.again < 0 || c.again > int64(stats.Open)+maxAhead {
		c.again = 0
	}
	return nil
}

// open opens the file and reads it; it is whole where it says what was told. A
// journal that begins has one that says nothing was.
func (c *counting) open(j *journal) (whole bool, err error) {
	if c.file, err = os.OpenFile(filepath.Join(j.dir, "counted"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return false, err
	}
	if !j.resumed() {
		return false, c.write()
	}
	var data [8 * len(c.noted)]byte
	n, err := c.file.ReadAt(data[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	for i := range c.noted {
		c.noted[i] = int64(binary.LittleEndian.Uint64(data[8*i:])) //nolint:gosec // as it was written
	}
	return n == len(data), nil
}

func (c *counting) write() error {
	var data []byte
	for _, n := range c.noted {
		data = binary.LittleEndian.AppendUint64(data, uint64(n)) //nolint:gosec // read back as it was
	}
	_, err := c.file.WriteAt(data, 0)
	return err
}

// total are all chains that have closed, as they are judged now.
func (c *counting) total(live flows.ChainCounts) Tally {
	return Tally{
		Total: c.before.Total + live.Total, Pass: c.before.Pass + live.Pass,
		Fail: c.before.Fail + live.Fail, Unknown: c.before.Unknown + live.Unknown,
	}
}

// first reports whether watchers are to be told of a chain that closes.
func (c *counting) first() bool {
	if c.again > 0 {
		c.again--
		return false
	}
	return true
}

// note keeps how many chains watchers have been told of, and what the findings file
// has. It costs no more than the count after a loss of power.
func (c *counting) note(live flows.ChainCounts) error {
	t := &c.told
	now := noted{
		max(c.noted[0], int64(c.total(live).Total)),
		int64(t.Total), int64(t.Pass), int64(t.Fail), int64(t.Unknown),
	}
	if c.file == nil || now == c.noted {
		return nil
	}
	c.noted = now
	return c.write()
}

// line is what the findings file is to say now, nil for nothing: chains that it does
// not know of, where the last line is old, or all is to be said.
func (c *counting) line(live flows.ChainCounts, now time.Time, all bool) *Record {
	total := c.total(live)
	if total.Total <= c.told.Total || !all && now.Sub(c.lined) < tallyEvery {
		return nil
	}
	news := Tally{total.Total - c.told.Total, total.Pass - c.told.Pass, total.Fail - c.told.Fail, total.Unknown - c.told.Unknown}
	c.told, c.lined = total, now
	return &Record{Time: now, Event: EventChains, Chains: &news, All: &total}
}

func (c *counting) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
