package message

import "bytes"

// Marks calls yield for each mark of a kind among the lines that r, a Reader
// from Split, has not read yet, with the number of its line. What is wrong with a
// line, Next tells.
func (r *Reader) Marks(kind MarkKind, yield func(m *Mark, line int)) {
	var d Decoder
	word := []byte(`"` + string(kind) + `"`)
	for rest, number := r.buffer[r.next:], r.number; ; {
		at := bytes.Index(rest, word)
		if at < 0 {
			return
		}
		start := bytes.LastIndexByte(rest[:at], '\n') + 1
		number += bytes.Count(rest[:start], []byte{'\n'})
		line, after, _ := bytes.Cut(rest[start:], []byte{'\n'})
		number++
		if bytes.Contains(line, []byte(`"mark"`)) {
			d.Reset()
			if e, err := d.Decode(line); err == nil && e.Mark != nil && e.Mark.Kind == kind {
				yield(e.Mark, number)
			}
		}
		rest = after
	}
}
