// Package docs holds the documentation; its tests hold the documentation to the
// truth: links lead somewhere, commands exist, examples are those of the tests,
// and the picture is of the real report.
package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testprogram"
)

const root = ".."

// pages are the Markdown files of the repository, by their paths from its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(name)] = string(data)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

// TestLinks: each relative link leads to a file, and each anchor to a heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			path := name
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, m[1])
				continue
			}
			if anchor != "" && !hasHeading(all[path], anchor) {
				t.Errorf("%s: the link %s: %s has no such heading", name, m[1], path)
			}
		}
	}
}

// hasHeading reports whether a page has a heading with the anchor that GitHub
// gives it.
func hasHeading(page, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, m[1])
		if slug == anchor {
			return true
		}
	}
	return false
}

// blocks are the fenced blocks of a language.
func blocks(page, language string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(page, -1) {
		all = append(all, m[2])
	}
	return all
}

// TestCommands: each flowcheck command in a block of shell has a verb and flags
// that exist, and each make target does.
func TestCommands(t *testing.T) {
	program := testprogram.Build(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	help := map[string]string{}
	checked := 0
	for name, text := range pages(t) {
		for _, block := range blocks(text, "sh") {
			for line := range strings.Lines(block) {
				words := strings.Fields(line)
				if len(words) < 2 {
					continue
				}
				verb := words[1]
				switch filepath.Base(words[0]) {
				case "make":
					if !strings.Contains(string(makefile), "\n"+verb+":") {
						t.Errorf("%s: %s: the Makefile has no %s", name, strings.TrimSpace(line), verb)
					}
					checked++
				case "flowcheck":
					if verb == "dlq" && len(words) > 2 { // verbs of its own
						verb += " " + words[2]
					}
					if _, ok := help[verb]; !ok {
						out, err := exec.Command(program, append(strings.Fields(verb), "--help")...).CombinedOutput()
						if err != nil {
							t.Errorf("%s: %s: %s", name, strings.TrimSpace(line), out)
						}
						help[verb] = string(out)
					}
					checkFlags(t, name, words[2:], help[verb])
					checked++
				}
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d commands found", checked)
	}
}

func checkFlags(t *testing.T, page string, words []string, help string) {
	t.Helper()
	for _, w := range words {
		if w == "|" || w == "#" || w == "&&" {
			return
		}
		flag, _, _ := strings.Cut(w, "=")
		if len(flag) < 2 || flag[0] != '-' {
			continue
		}
		if !regexp.MustCompile(`(?m)^ +(-\w, )?` + regexp.QuoteMeta(flag) + `\b|^ +` + regexp.QuoteMeta(flag) + `, `).MatchString(help) {
			t.Errorf("%s: there is no flag %s:\n%s", page, flag, help)
		}
	}
}

// TestStories: each example of the semantics is one of the tests, to the letter.
func TestStories(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "flows/testdata/stories/*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	found := regexp.MustCompile("(?s)<!-- story -->\n```\n(.*?)```").FindAllStringSubmatch(pages(t)["docs/semantics.md"], -1)
	if len(found) == 0 {
		t.Fatal("no examples")
	}
	for _, m := range found {
		if !strings.Contains(all.String(), m[1]) {
			t.Errorf("docs/semantics.md: no story says\n%s", m[1])
		}
	}
}

// TestAnomalies: the table has each anomaly that a story tells, and each reason why
// it is weaker.
func TestAnomalies(t *testing.T) {
	stories, err := os.ReadFile(filepath.Join(root, "flows/testdata/stories/anomalies"))
	if err != nil {
		t.Fatal(err)
	}
	page, told := pages(t)["docs/correctness.md"], 0
	for _, m := range regexp.MustCompile(`(?m)^  anomaly: (\S+?)(?:, weaker: (.*))?$`).FindAllStringSubmatch(string(stories), -1) {
		told++
		if !strings.Contains(page, "| `"+m[1]+"` |") || !strings.Contains(page, m[2]) {
			t.Errorf("docs/correctness.md lacks %q", m[0])
		}
	}
	if told < 8 {
		t.Errorf("only %d anomalies in the stories", told)
	}
}

// TestTestsThatAreNamed: each test that a page names is there, and so is each story.
func TestTestsThatAreNamed(t *testing.T) {
	out, err := exec.Command("grep", "-rhoE", "--include=*_test.go", "^func (Test|Fuzz)[A-Za-z0-9_]+", root).Output()
	if err != nil {
		t.Fatal(err)
	}
	there, checked := map[string]bool{}, 0
	for line := range strings.Lines(string(out)) {
		there[strings.TrimSpace(strings.TrimPrefix(line, "func "))] = true
	}
	page := pages(t)["docs/correctness.md"]
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(page, -1) {
		if checked++; !there[m[1]] {
			t.Errorf("docs/correctness.md: there is no %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("[Ss]tories (`[a-z]+`(?:, `[a-z]+`)*)").FindAllStringSubmatch(page, -1) {
		for story := range strings.SplitSeq(m[1], ", ") {
			if _, err := os.Stat(filepath.Join(root, "flows/testdata/stories", strings.Trim(story, "`"))); err != nil {
				t.Errorf("docs/correctness.md: %v", err)
			}
			checked++
		}
	}
	if checked < 50 {
		t.Errorf("only %d names found", checked)
	}
}

// TestFlowFiles: each whole flow file in the documentation loads.
func TestFlowFiles(t *testing.T) {
	checked := 0
	for name, text := range pages(t) {
		for _, block := range blocks(text, "yaml") {
			if !strings.HasPrefix(block, "flowcheck: 1\n") {
				continue
			}
			checked++
			if _, errs := flows.Load(name, []byte(block), flows.Options{}); len(errs) > 0 {
				t.Errorf("%s: %v", name, errs)
			}
		}
	}
	if checked == 0 {
		t.Error("no flow file found")
	}
}
