package flows

import (
	"io"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// Options are what a flow file takes from outside itself.
type Options struct {
	// Now and UUID serve now() and uuid() in what scenarios send.
	Now  func() time.Time
	UUID func() string
	// Seed is what the test data of fake.name() and its like is made from.
	Seed uint64
	// MaskSalt goes into the hashes of masked values.
	MaskSalt string
	// Env is what env.NAME reads.
	Env map[string]string
	// Vars override the file's vars; VarFiles too, the earlier the weaker. Names of
	// Vars that the flow does not have are left alone: see Flow.Variables.
	Vars     map[string]string
	VarFiles []VarFile
	// Brokers override the URLs of brokers by name; names that the flow does not
	// have are left alone.
	Brokers map[string]string
	// Open reads a file that use: or cases: names, ReadFile one that file("…")
	// names.
	Open source.Open
	// Codecs opens the codecs of channels that need one; nil: none can be.
	Codecs   payload.Opener
	ReadFile func(path string) ([]byte, error)
	// Offline is for callers that connect to no broker: where an address or a login
	// takes what the surroundings lack, such as an environment variable, it is left
	// empty instead of being an error.
	Offline bool
}

// VarFile is a file of values, as --vars takes it.
type VarFile struct {
	Name string
	Data []byte
}

// Load reads and compiles a flow file. The errors are all that is wrong with
// it; the flow is nil if there is any.
func Load(name string, data []byte, opts Options) (*Flow, source.Errors) {
	file, errs := source.Load(name, data, opts.Open)
	if file == nil {
		return nil, errs
	}
	c := &compiler{file: file, opts: opts, errs: errs}
	c.flow = &Flow{maskSalt: opts.MaskSalt, book: payload.NewBook(), seed: opts.Seed, variables: map[string]bool{}}
	c.compile()
	if errs := c.errs.Sort(); len(errs) > 0 {
		return nil, errs
	}
	return c.flow, nil
}

// maxSecretFile bounds what ${file("…")} reads, in bytes.
const maxSecretFile = 1 << 20

// readFile is the function file("path") of configuration values: the content
// without its last line break.
func (c *compiler) readFile(args []payload.Value) (payload.Value, error) {
	data, err := c.opts.ReadFile(args[0].Text())
	if err != nil {
		return payload.Value{}, err
	}
	if len(data) > maxSecretFile {
		return payload.Value{}, io.ErrShortBuffer
	}
	return payload.OfString(strings.TrimRight(string(data), "\r\n")), nil
}
