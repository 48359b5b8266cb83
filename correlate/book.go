package correlate

// Number names a chain that an engine keeps; 0 is none. It is used again once
// the chain has been let go of.
type Number uint32

// chain is what an engine keeps of a chain beside its records.
type chain struct {
	touched Instant // latest arrival
	// The last of its ids, of the loose ids that it has met, and of its entries.
	ids, met, entries ref
	prev, next        Number // in the order of the latest arrival
	count             uint32 // entries
	full, remnant     bool   // as in Chain
	shared            bool   // other chains may have some of the entries
	note              uint16 // the judge's
}

// book has the chains by their numbers. It grows without moving any.
type book struct {
	pages []*[pageSize]chain
	used  Number // numbers given out so far, the free ones included
	free  Number // the first of the free ones, which are linked by next
}

const pageSize = 1 << 10

func (b *book) at(n Number) *chain { return &b.pages[n/pageSize][n%pageSize] }

// take returns a number for a new chain.
func (b *book) take() Number {
	n := b.free
	if n == 0 {
		b.used++
		n = b.used
		if int(n/pageSize) == len(b.pages) || len(b.pages) == 0 {
			b.pages = append(b.pages, new([pageSize]chain))
		}
		return n
	}
	b.free = b.at(n).next
	*b.at(n) = chain{}
	return n
}

// give takes back the number of a chain that is no more.
func (b *book) give(n Number) {
	*b.at(n) = chain{next: b.free}
	b.free = n
}
