package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// nameOnBroker finds what the flow files name on the brokers.
var nameOnBroker = regexp.MustCompile(`\b(topic|exchange|sns): ([a-z])`)

// prefixed has each name on a broker begin with the prefix.
func prefixed(text, prefix string) string {
	return nameOnBroker.ReplaceAllString(text, "${1}: "+prefix+"${2}")
}

// calls are what the flow files call beside their own: the shop connects once the
// proxies listen, and is closed before they go.
const calls = `
setup: [ { post: "${env.SHOP}/restart" } ]
cleanup: [ { post: "${env.SHOP}/stop" } ]
`

// flowFiles copies the flow files into a folder, with calls, longer times, and names
// that begin with the prefix.
func flowFiles(c config, prefix string) (string, error) {
	dir, err := os.MkdirTemp("", "matrix-")
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(c.flows, "*.flow.yaml"))
	if err != nil {
		return "", err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		one := prefixed(shop.Stretched(string(text), c.stretch), prefix) + calls
		for name, text := range map[string]string{"": one, sideBySide: copied(one, c.copies)} {
			if err := os.WriteFile(filepath.Join(dir, name+filepath.Base(f)), []byte(text), 0o600); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// sideBySide is how the names of the flow files begin whose scenarios are in copies.
const sideBySide = "copies-"

// Parts of the flow files, as they are written.
var (
	scenarioName = regexp.MustCompile(`(?m)^  - name: .*\n`)
	caseList     = regexp.MustCompile(`(?m)^    cases: \[ (.*) \]\n`)
	oneCase      = regexp.MustCompile(`\{ ([^}]*) \}`)
)

// copied has each scenario of a flow file run n times: in as many cases, or in as
// many of each case that it has.
func copied(text string, n int) string {
	starts := scenarioName.FindAllStringIndex(text, -1)
	if len(starts) == 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text[:starts[0][0]])
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, rest := text[at[0]:at[1]], text[at[1]:end]
		cases := []string{"{ }"}
		if has := caseList.FindStringSubmatch(rest); has != nil {
			cases, rest = oneCase.FindAllString(has[1], -1), caseList.ReplaceAllString(rest, "")
		}
		var all []string
		for _, c := range cases {
			for k := range n {
				all = append(all, strings.Replace(c, "{ ", fmt.Sprintf("{ copy: %d, ", k+1), 1))
			}
		}
		list := strings.ReplaceAll(strings.Join(all, ", "), ", }", " }")
		fmt.Fprintf(&b, "%s    cases: [ %s ]\n%s", name, list, rest)
	}
	return b.String()
}
