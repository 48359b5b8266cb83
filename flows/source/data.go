package source

// Kind is the type of a Data.
type Kind uint8

// The kinds of Data. Absent is the zero value: there is nothing in the file.
const (
	Absent Kind = iota
	Null
	Bool   // Text.Value is true or false
	Number // Text.Value is a JSON number with its digits as written
	String // Text.Value may hold ${…}
	List
	Map
)

// Data is a value written in YAML, typed as JSON types it: unquoted true,
// false, null and JSON numbers are what they look like, all else is text. There
// are no dates, no octals, and yes is text.
type Data struct {
	Kind    Kind
	Pos     Position
	Text    Text     // of a scalar
	Items   []Data   // of a List
	Members []Member // of a Map, in the order of the file
}

// Member is one entry of a Map. Its name may hold ${…}.
type Member struct {
	Name  Text
	Value Data
}

// IsSet reports whether the data is in the file.
func (d Data) IsSet() bool { return d.Kind != Absent }

// Member returns the value of an entry of a Map, absent where there is none.
func (d Data) Member(name string) Data {
	for _, m := range d.Members {
		if m.Name.Value == name {
			return m.Value
		}
	}
	return Data{}
}
