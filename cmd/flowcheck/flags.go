package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envPrefix begins the environment variables that stand for flags: FLOWCHECK_PARALLEL
// for --parallel. A flag on the command line beats its variable.
const envPrefix = "FLOWCHECK_"

// envOf is the variable that stands for a flag.
func envOf(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setFromEnv gives each flag that the command line leaves out the value of its
// variable. A flag that may be repeated takes a value a line.
func (a *app) setFromEnv(cmd *cobra.Command) error {
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := a.env[envOf(f.Name)]
		if value == "" || f.Changed || f.Name == "help" || first != nil {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.FieldsFunc(value, func(r rune) bool { return r == '\n' })
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				first = fmt.Errorf("%s: %w", envOf(f.Name), err)
				return
			}
		}
	})
	return first
}

// takes checks how many arguments a command has; what names them for a reader.
// most below 0 is no limit.
func takes(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		n := len(args)
		if n >= least && (most < 0 || n <= most) {
			return nil
		}
		if what == "" {
			return fmt.Errorf("%s takes no argument: %q is one too many", cmd.Name(), args[0])
		}
		if most >= 0 && n > most {
			return fmt.Errorf("%s takes %s: %q is one too many", cmd.Name(), what, args[most])
		}
		return fmt.Errorf("%s takes %s: %s given", cmd.Name(), what, count(n, "argument"))
	}
}
