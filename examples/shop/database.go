package shop

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// remembered is how long the inbox knows an id: longer than any broker of the
// shop keeps a message that may come again.
const remembered = 24 * time.Hour

// database is what the shop has on disk. It outlives a restart.
type database struct {
	name    string // of this database: no other has it
	mu      sync.Mutex
	tables  tables
	lastRow int64
	outbox  []row
	archive []row         // what was sent
	changed chan struct{} // closed and made anew at each change of the outbox
}

// tables are the state of the services.
type tables struct {
	inbox     map[string]entry           // by service and business id
	seq       map[string]int             // the last payment of each account
	delivered map[string]map[string]bool // shipments by order
	versions  map[string]int             // of each account's address
	healed    []string                   // beginnings of ids
}

// entry is what the inbox knows of an id.
type entry struct {
	state string // done, or failed
	at    time.Time
}

// The states of an id.
const (
	stateDone   = "done"
	stateFailed = "failed" // dead-lettered: it may be tried again
)

func newDatabase() *database {
	return &database{name: uuid.NewString(), changed: make(chan struct{}), tables: tables{
		inbox: map[string]entry{}, seq: map[string]int{}, delivered: map[string]map[string]bool{}, versions: map[string]int{},
	}}
}

// row is a message that is to be published.
type row struct {
	id   int64
	lane lane
	to   string // topic or exchange
	key  string // Kafka's key, the routing key, or the message group
	// order is what keeps the order of the rows that have it; "": the key.
	order string
	// dedup is the deduplication id on a FIFO topic.
	dedup   string
	noKey   bool
	headers map[string]any
	body    []byte
}

// lane is a broker.
type lane string

const (
	laneEvents lane = "kafka"
	laneTasks  lane = "rabbitmq"
	laneMails  lane = "aws"
)

// strands are how many relays a lane has; what has the same key keeps its order.
var strands = map[lane]uint32{laneEvents: 4, laneTasks: 4, laneMails: 8}

// strand of a lane that a row is in.
func (r *row) strand() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(cmp.Or(r.order, r.key))) // a hash takes everything
	return h.Sum32() % strands[r.lane]
}

// tx is a transaction.
type tx struct {
	*tables
	rows []row
}

// send writes a message into the outbox.
func (t *tx) send(r row) { t.rows = append(t.rows, r) }

// state of an id, "" if the inbox does not know it.
func (t *tx) state(id string, window time.Duration) string {
	e, ok := t.inbox[id]
	if !ok || time.Since(e.at) > window {
		return ""
	}
	return e.state
}

func (t *tx) note(id, state string) { t.inbox[id] = entry{state, time.Now()} }

// isHealed reports whether an id was repaired.
func (t *tx) isHealed(id string) bool {
	for _, h := range t.healed {
		if strings.HasPrefix(id, h) {
			return true
		}
	}
	return false
}

// update runs a transaction and returns the numbers of the rows that it wrote.
func (d *database) update(do func(*tx)) (rows []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &tx{tables: &d.tables}
	do(t)
	for _, r := range t.rows {
		d.lastRow++
		r.id = d.lastRow
		r.headers = maps.Clone(r.headers)
		d.outbox = append(d.outbox, r)
		rows = append(rows, r.id)
	}
	if len(rows) > 0 {
		d.wake()
	}
	return rows
}

// nameOf is a row's message-id: however often it is sent, it is one message.
func (d *database) nameOf(r row) string { return fmt.Sprintf("%s-%d", d.name, r.id) }

// wake tells that the outbox changed. The caller holds d.mu.
func (d *database) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// next is the oldest row of a lane's strand, or what to wait for.
func (d *database) next(l lane, strand uint32) (row, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.outbox {
		if r.lane == l && r.strand() == strand {
			return r, nil
		}
	}
	return row{}, d.changed
}

// sent takes a row out of the outbox.
func (d *database) sent(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range d.outbox {
		if r.id == id {
			d.outbox = append(d.outbox[:i:i], d.outbox[i+1:]...)
			d.archive = append(d.archive, r)
			if len(d.archive) > archived {
				d.archive = d.archive[1:]
			}
			d.wake()
			return
		}
	}
}

// archived is how many rows are kept after they were sent.
const archived = 20

// unsend puts what was sent back into the outbox.
func (d *database) unsend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outbox = append(d.archive, d.outbox...)
	d.archive = nil
	d.wake()
}

// flushed waits until the rows are published.
func (d *database) flushed(ctx context.Context, rows []int64) error {
	for {
		waiting, changed := d.waiting(rows)
		if !waiting {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *database) waiting(rows []int64) (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.outbox {
		for _, id := range rows {
			if r.id == id {
				return true, d.changed
			}
		}
	}
	return false, nil
}

func (d *database) heal(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tables.healed = append(d.tables.healed, id)
}
