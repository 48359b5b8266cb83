package source

// Open reads a file that use: names. The path is the one in use:, joined to the
// folder of the file that uses it.
type Open func(path string) ([]byte, error)

// Load reads a flow file and all that it uses. File is nil only where nothing
// of it could be read; else it holds all that could be, so that a caller can go
// on and find the errors in the expressions as well.
func Load(name string, data []byte, open Open) (*File, Errors) {
	return nil, Errors{{Position: Position{File: name}, Message: "not written yet"}}
}

// LoadVars reads a file of values, as --vars takes it: a map of names.
func LoadVars(name string, data []byte) ([]Var, Errors) {
	return nil, nil
}

// At returns the place of a byte offset into the value: exact for scalars in
// which each character stands for itself, else the scalar's beginning.
func (t Text) At(offset int) Position { return t.Pos }

type document struct{}
