package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEachVerbHasAnExample that begins with what is typed.
func TestEachVerbHasAnExample(t *testing.T) {
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		if cmd.Name() != "flowcheck" && !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s --help has no example of it: %q", cmd.CommandPath(), cmd.Example)
		}
		for _, c := range cmd.Commands() {
			if cmd.Name() != "completion" { // cobra's own help tells how to load each
				look(c)
			}
		}
	}
	look(newRoot(&app{}))
}
