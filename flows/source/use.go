package source

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// use reads the files that f uses and adds what they define.
func (l *loader) use(f *File, stack []string) {
	const most = 100
	for _, u := range f.Use {
		if isDynamic(u.Value) || filepath.IsAbs(u.Value) {
			l.errs.add(Errorf(u.Pos, "`use` cannot be %s", quote(u.Value)).
				WithHint("write a path from the folder of this file"))
			f.Incomplete = true
			continue
		}
		path := filepath.Join(filepath.Dir(f.Name), filepath.FromSlash(u.Value))
		switch {
		case slices.Contains(stack, path):
			l.errs.add(Errorf(u.Pos, "files that use each other: %s", strings.Join(append(stack, path), " → ")).
				WithHint("move what they share into a file of its own"))
			continue
		case slices.Contains(l.read, path):
			continue
		case len(l.read) >= most:
			l.errs.add(Errorf(u.Pos, "more than %d files are used", most))
			return
		}
		l.useOne(f, u, path, stack)
	}
}

func (l *loader) useOne(f *File, u Text, path string, stack []string) {
	if l.open == nil {
		l.errs.add(Errorf(u.Pos, "`use` is not possible here"))
		f.Incomplete = true
		return
	}
	data, err := l.open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		l.errs.add(Errorf(u.Pos, "cannot read %s: %s", path, err).
			WithHint("the path starts from the folder of this file"))
		f.Incomplete = true
		return
	}
	used := l.file(path, data, stack)
	if used == nil {
		f.Incomplete = true
		return
	}
	l.merge(f, used)
}

// merge adds what a used file defines behind what f does.
func (l *loader) merge(f, used *File) {
	f.Incomplete = f.Incomplete || used.Incomplete
	f.Vars = append(f.Vars, used.Vars...)
	f.Mask = append(f.Mask, used.Mask...)
	f.Noise = append(f.Noise, used.Noise...)
	f.Brokers = append(f.Brokers, used.Brokers...)
	f.Channels = append(f.Channels, used.Channels...)
	f.Correlate = append(f.Correlate, used.Correlate...)
	f.Steps = append(f.Steps, used.Steps...)
	f.Outcomes = append(f.Outcomes, used.Outcomes...)
	f.Rules = append(f.Rules, used.Rules...)
	f.Scenarios = append(f.Scenarios, used.Scenarios...)
	f.Hooks = append(f.Hooks, used.Hooks...)
	f.Setup = append(f.Setup, used.Setup...)
	f.Cleanup = append(f.Cleanup, used.Cleanup...)
	l.once("skew", &f.Skew.Broker, used.Skew.Broker)
	l.once("skew", &f.Skew.Producer, used.Skew.Producer)
	l.once("settle", &f.Settle, used.Settle)
	l.once("timeout", &f.Timeout, used.Timeout)
	l.once("remember", &f.Remember, used.Remember)
	if f.PartitionBy.IsSet() && used.PartitionBy.IsSet() {
		l.errs.add(twice("`partition-by`", used.PartitionBy.Pos, f.PartitionBy.Pos))
	} else if used.PartitionBy.IsSet() {
		f.PartitionBy = used.PartitionBy
	}
}

// once takes a duration from a used file, unless there is one.
func (l *loader) once(key string, have *Duration, used Duration) {
	switch {
	case !used.IsSet():
	case have.IsSet():
		l.errs.add(twice(quote(key), used.Text.Pos, have.Text.Pos))
	default:
		*have = used
	}
}

func twice(what string, second, first Position) Error {
	return Errorf(second, "%s is defined twice; the first is at %s", what, first)
}
