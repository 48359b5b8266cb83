package message

import (
	"errors"
	"fmt"
	"strings"
)

// mark makes a mark of the line that was scanned; nil of a mark that this
// version does not know.
func (d *Decoder) mark() (*Mark, error) {
	kind, err := d.text(fMark)
	if err != nil {
		return nil, err
	}
	m := &Mark{Kind: MarkKind(strings.Clone(kind))}
	switch m.Kind {
	case MarkGap:
		err = d.copyTexts(texts{fChannel: &m.Channel, fReason: &m.Reason})
	case MarkScenario:
		err = d.scenario(m)
	case MarkProbe:
		err = d.probe(m)
	case MarkSchema:
		err = d.schema(m)
	case MarkUnsent:
		err = d.copyTexts(texts{fID: &m.ID, fReason: &m.Reason})
	case MarkEnd:
	case MarkFence:
		if err = d.copyTexts(texts{fChannel: &m.Channel, fID: &m.ID}); err == nil {
			m.Position, err = d.position()
		}
	case MarkAway:
		if err = d.copyTexts(texts{fChannel: &m.Channel}); err == nil {
			m.Since, err = d.time(fTime)
		}
	case MarkBack:
		err = d.copyTexts(texts{fChannel: &m.Channel})
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, m.Seen, err = d.times()
	return m, err
}

// schema fills in what belongs to a schema's mark.
func (d *Decoder) schema(m *Mark) error {
	err := d.copyTexts(texts{fChannel: &m.Channel, fID: &m.ID, fReason: &m.Reason})
	if err != nil {
		return err
	}
	m.Schema, err = d.object(fSchema)
	return err
}

// scenario fills in what belongs to a scenario's mark.
func (d *Decoder) scenario(m *Mark) error {
	err := d.copyTexts(texts{fName: &m.Name, fOutcome: &m.Outcome, fID: &m.ID})
	if err != nil {
		return err
	}
	if m.Name == "" && m.Kind == MarkScenario {
		return errors.New("a scenario mark without a name")
	}
	if m.Case, err = d.object(fCase); err != nil {
		return err
	}
	if m.Probe, err = d.probeMark(); err != nil {
		return err
	}
	ids, err := d.object(fIDs)
	if err != nil || ids == nil {
		return err
	}
	m.IDs = make(map[string]string, len(ids))
	for name, v := range ids {
		id, ok := v.(string)
		if !ok {
			return fmt.Errorf("ids: %s: want a string", clip(name))
		}
		m.IDs[name] = id
	}
	return nil
}

// texts tells where to copy string fields to.
type texts map[field]*string

func (d *Decoder) copyTexts(into texts) error {
	for f, to := range into {
		text, err := d.text(f)
		if err != nil {
			return err
		}
		*to = strings.Clone(text)
	}
	return nil
}

// object reads a field that holds plain JSON; nil where the line lacks it.
func (d *Decoder) object(f field) (map[string]any, error) {
	s := d.spans[f]
	if s.end == 0 {
		return nil, nil
	}
	if d.line[s.start] != '{' {
		return nil, fmt.Errorf("%s: want an object", fieldNames[f])
	}
	v, _, err := objectAt(d.line, s.start, plain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fieldNames[f], err)
	}
	return v.(map[string]any), nil
}
