package shadow

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// maxSearched bounds the bytes of a journal that are searched for a chain.
const maxSearched = 128 << 20

// Messages finds messages in what the state folder keeps of a flow, as the flow
// masks them. The younger files are searched first, until all are found, or 128 MiB
// were read; what is not found is not in the result. It may be called
// while a shadow uses the folder.
func Messages(state, flow string, wanted []Place) (map[Place]*message.Observation, error) {
	want := map[Place]bool{}
	for _, p := range wanted {
		want[p] = true
	}
	found := map[Place]*message.Observation{}
	files, err := journalFiles(flowDir(state, flow))
	if err != nil || len(want) == 0 {
		return found, err
	}
	left := int64(maxSearched)
	for _, f := range files {
		if left -= f.size; left < 0 || len(found) == len(want) {
			break
		}
		if err := search(f.name, want, found); err != nil {
			return found, err
		}
	}
	return found, nil
}

// journalFile is a file with messages of a flow.
type journalFile struct {
	name  string
	size  int64
	wrote time.Time
}

// journalFiles are those of a folder, the youngest first.
func journalFiles(dir string) ([]journalFile, error) {
	var all []journalFile
	for _, pattern := range []string{"*.journal", filepath.Join("record", "*.zst")} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if info, err := os.Stat(name); err == nil {
				all = append(all, journalFile{name, info.Size(), info.ModTime()})
			}
		}
	}
	slices.SortFunc(all, func(a, b journalFile) int { return cmp.Or(b.wrote.Compare(a.wrote), cmp.Compare(b.name, a.name)) })
	return all, nil
}

// search looks for messages in a file.
func search(name string, want map[Place]bool, found map[Place]*message.Observation) error {
	return scan(name, func(_ message.RecordingHeader, e message.Event) bool {
		if o := e.Observation; o != nil {
			if p := (Place{o.Channel, o.Position.String()}); want[p] && found[p] == nil {
				found[p] = o.Clone()
			}
		}
		return len(found) < len(want)
	})
}

// Evidence is the place as flows have it.
func (p Place) Evidence() flows.Evidence {
	return flows.Evidence{Channel: p.Channel, Position: message.ParsePosition(p.Position)}
}
