package protobuf

import (
	"slices"
	"testing"
)

// TestAtCountsAsClientsDo: the entries of map fields count for some clients, and
// not for others; what only one of them can have meant is found.
func TestAtCountsAsClientsDo(t *testing.T) {
	f, err := Compile(Source{Name: "a.proto", Text: `syntax = "proto3"; package a;
		message Other {}
		message Outer { map<string, int64> tags = 1; message First {} message Second {} }`})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		indexes []int
		want    []string // the likelier first
	}{
		{[]int{0}, []string{"a.Other"}},
		{[]int{1}, []string{"a.Outer"}},
		{[]int{1, 0}, []string{"a.Outer.First"}},
		{[]int{1, 1}, []string{"a.Outer.Second", "a.Outer.First"}},
		{[]int{1, 2}, []string{"a.Outer.Second"}},
		{[]int{1, 3}, nil},
		{[]int{2}, nil},
		{nil, nil},
	} {
		var names []string
		for _, m := range f.At(c.indexes) {
			names = append(names, m.Name())
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%v leads to %v, want %v", c.indexes, names, c.want)
		}
	}
	m, err := f.Message("Outer.Second")
	if err != nil || !slices.Equal(m.Indexes(), []int{1, 1}) {
		t.Errorf("the indexes are %v, %v", m.Indexes(), err)
	}
}
