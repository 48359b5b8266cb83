package compare

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// Names are the paths of fields that any message of a comparison has, each with
// one number, so that equal messages are equal bytes. Sets that are compared
// share one. It is safe for concurrent use.
type Names struct {
	mu  sync.RWMutex
	ids map[string]uint32
	all []string
	// now is what ordered returns; nil once a path is new.
	now atomic.Pointer[pathOrder]
}

// pathOrder are paths by their numbers, and the place of each among them all.
type pathOrder struct {
	paths []string
	ranks []uint32
}

// NewNames returns empty Names.
func NewNames() *Names { return &Names{ids: map[string]uint32{}} }

func (n *Names) id(path string) uint32 {
	n.mu.RLock()
	id, ok := n.ids[path]
	n.mu.RUnlock()
	if ok {
		return id
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[path]; ok {
		return id
	}
	id = uint32(len(n.all))
	n.ids[path] = id
	n.all = append(n.all, path)
	n.now.Store(nil)
	return id
}

// ordered are the paths that there are.
func (n *Names) ordered() *pathOrder {
	if o := n.now.Load(); o != nil {
		return o
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	o := &pathOrder{paths: slices.Clone(n.all), ranks: make([]uint32, len(n.all))}
	for rank, path := range slices.Sorted(maps.Keys(n.ids)) {
		o.ranks[n.ids[path]] = uint32(rank)
	}
	n.now.Store(o)
	return o
}

// node is a place in bodies, with its number and those below it. A walker has a
// tree of its own, so that it asks Names once for each place.
type node struct {
	path    string
	id      uint32
	members map[string]*node
	items   []*node
}

// member is the node of the member called name, which may share memory with a
// body.
func (w *walker) member(of *node, name []byte) *node {
	if n := of.members[string(name)]; n != nil {
		return n
	}
	own := string(name)
	path := of.path + "[" + strconv.Quote(own) + "]"
	if isIdentifier(own) {
		path = of.path + "." + own
	}
	if of.members == nil {
		of.members = map[string]*node{}
	}
	n := w.node(path)
	of.members[own] = n
	return n
}

func (w *walker) item(of *node, i int) *node {
	for i >= len(of.items) {
		of.items = append(of.items, w.node(of.path+"["+strconv.Itoa(len(of.items))+"]"))
	}
	return of.items[i]
}

func (w *walker) node(path string) *node {
	w.nodes++
	return &node{path: path, id: w.names.id(path)}
}

// isIdentifier reports whether name may follow a dot, as in expressions.
func isIdentifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
