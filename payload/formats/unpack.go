package formats

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// maxUnpacked bounds what a body may unpack to, in bytes, and maxLayers how many
// encodings lie around each other.
const (
	maxUnpacked = 64 << 20
	maxLayers   = 4
)

var errTooLarge = fmt.Errorf("it unpacks to more than %d MiB", maxUnpacked>>20)

// unpacker is one encoding around a body.
type unpacker struct {
	name   string
	unpack func([]byte) ([]byte, error)
	pack   func([]byte) []byte
}

func unpackers(names []string) ([]unpacker, error) {
	known := map[string]unpacker{
		"gzip":   {"gzip", ungzip, packWith(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })},
		"zlib":   {"zlib", unzlib, packWith(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })},
		"snappy": {"snappy", unsnappy, func(b []byte) []byte { return snappy.Encode(nil, b) }},
		"zstd":   {"zstd", unzstd, zstdEncoded},
		"base64": {"base64", unbase64, func(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }},
	}
	if len(names) > maxLayers {
		return nil, fmt.Errorf("more than %d encodings", maxLayers)
	}
	var all []unpacker
	for _, name := range names {
		u, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("there is no encoding %s; there are %s", name, list(known))
		}
		all = append(all, u)
	}
	return all, nil
}

// bounded reads all of r, but no more than may be.
func bounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if len(data) > maxUnpacked {
		return nil, errTooLarge
	}
	return data, err
}

func ungzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, looked(data, err)
	}
	return bounded(r)
}

func unzlib(data []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, looked(data, err)
	}
	return bounded(r)
}

// snappyStream begins Snappy's framing format; without it, it is one block, which
// is what Java's and Python's libraries write into a message.
const snappyStream = "\xff\x06\x00\x00sNaPpY"

func unsnappy(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte(snappyStream)) {
		return bounded(s2.NewReader(bytes.NewReader(data), s2.ReaderMaxBlockSize(4<<20)))
	}
	n, err := snappy.DecodedLen(data)
	if err != nil {
		return nil, looked(data, err)
	}
	if n > maxUnpacked {
		return nil, errTooLarge
	}
	out, err := snappy.Decode(nil, data)
	if err != nil {
		return nil, looked(data, err)
	}
	return out, nil
}

func unzstd(data []byte) ([]byte, error) {
	r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return nil, looked(data, err)
	}
	defer r.Close()
	out, err := bounded(r)
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, looked(data, err)
	}
	return out, err
}

func zstdEncoded(data []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil // never: the options are right
	}
	return w.EncodeAll(data, nil)
}

func unbase64(data []byte) ([]byte, error) {
	data = bytes.TrimSpace(data)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if out, err := enc.AppendDecode(nil, data); err == nil {
			return out, nil
		}
	}
	return nil, errors.New(looksLike(data))
}

// looked adds what the data looks like.
func looked(data []byte, err error) error { return fmt.Errorf("%w (%s)", err, looksLike(data)) }

func packWith(open func(io.Writer) io.WriteCloser) func([]byte) []byte {
	return func(data []byte) []byte {
		var b bytes.Buffer
		w := open(&b)
		_, _ = w.Write(data) // a buffer takes all
		_ = w.Close()
		return b.Bytes()
	}
}
