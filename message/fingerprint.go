package message

import "hash/fnv"

// Fingerprint tells observations apart by channel and payload: of the key not every
// broker tells. It is a hash, FNV-1a of 64 bits, and no proof.
func (o *Observation) Fingerprint() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(o.Channel))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(o.Payload)
	return h.Sum64()
}
