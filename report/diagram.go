package report

import (
	"slices"

	"github.com/flowcheck/flowcheck/flows"
)

// diagram is a chain as a sequence diagram: a lane for each channel, a line for
// each message. Measures are in the units of its SVG.
type diagram struct {
	Width, Height, Foot int
	Box                 int // the width of a lane's head
	Lanes               []lane
	Rows                []row
	More                int // messages that are not shown
}

type lane struct {
	X    int
	BoxX int
	Name string
	Full string
}

// row is a message.
type row struct {
	TipX     int // where the head of the arrow begins
	X, Y     int
	FromX    int // of the message before it
	FromY    int
	Arrow    bool
	Step, At string
	Place    string
	Marked   bool // a finding rests on it
	LabelX   int
	Anchor   string
}

// Measures of a diagram.
const (
	laneWidth  = 150 // on its own
	sideWidth  = 104 // beside another
	rowHeight  = 44
	headHeight = 44
	maxRows    = 60
)

// diagramOf draws a timeline; nil where there is none.
func diagramOf(moments []flows.Moment, marked map[flows.Evidence]bool, wide int) *diagram {
	if len(moments) == 0 {
		return nil
	}
	laneX := func(i int) int { return wide/2 + i*wide }
	d := &diagram{Box: wide - 12}
	if len(moments) > maxRows {
		d.More = len(moments) - maxRows
		moments = moments[:maxRows]
	}
	var names []string
	for _, m := range moments {
		if !slices.Contains(names, m.Channel) {
			names = append(names, m.Channel)
		}
	}
	for i, name := range names {
		d.Lanes = append(d.Lanes, lane{X: laneX(i), BoxX: laneX(i) - d.Box/2, Name: short(clean(name), wide/8), Full: clean(name)})
	}
	began := at(moments[0])
	for i, m := range moments {
		k := slices.Index(names, m.Channel)
		r := row{
			X: laneX(k), Y: headHeight + 30 + i*rowHeight, Step: clean(m.Step), Place: clean(m.Channel + " " + m.Position.String()),
			Marked: marked[flows.Evidence{Channel: m.Channel, Position: m.Position}], At: "+" + span(at(m).Sub(began)),
		}
		if r.Step == "" {
			r.Step = "?"
		}
		if m.Note != "" {
			r.Place += ", " + clean(m.Note)
		}
		if !m.Time.Known() {
			r.At += " seen"
		}
		r.LabelX, r.Anchor = r.X+12, "start"
		if k > 0 && k == len(names)-1 {
			r.LabelX, r.Anchor = r.X-12, "end"
		}
		if i > 0 {
			before := d.Rows[i-1]
			r.Arrow, r.FromX = before.X != r.X, before.X
			r.TipX = r.X - 11
			if before.X > r.X {
				r.TipX = r.X + 11
			}
		}
		d.Rows = append(d.Rows, r)
	}
	d.Width = max(wide*len(names), 2*wide)
	d.Height = headHeight + 30 + len(moments)*rowHeight
	d.Foot = d.Height - 10
	return d
}

// short cuts a text to n characters.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
