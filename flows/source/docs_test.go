package source

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateDocs = flag.Bool("update-docs", false, "write the generated parts of docs/flow-file.md")

// TestDocs: the tables of the reference are those of the schema, its example is
// one that the tests load, and each table is there.
func TestDocs(t *testing.T) {
	const path = "../../docs/flow-file.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root := asTree(t, "schema.json", Schema())
	shown := map[string]bool{}
	part := regexp.MustCompile(`(?s)(<!-- (keys|example): ?(\S*) ?-->\n).*?(<!-- end -->)`)
	got := part.ReplaceAllStringFunc(string(data), func(old string) string {
		m := part.FindStringSubmatch(old)
		if m[2] == "example" {
			return m[1] + example(t, m[3]) + m[4]
		}
		shown[m[3]] = true
		return m[1] + table(root, m[3]) + m[4]
	})
	for _, s := range sections() {
		if !shown[s.def] {
			t.Errorf("%s has no table of %s", path, s.name)
		}
	}
	if *updateDocs {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(data), got); diff != "" {
		t.Errorf("go test ./flows/source -run TestDocs -update-docs writes it anew (-have +want):\n%s", diff)
	}
}

func example(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return "```yaml\n" + string(data) + "```\n"
}

// table is the Markdown of one kind of mapping.
func table(root Data, def string) string {
	at := root
	if def != "" {
		at = root.Member("definitions").Member(def)
	}
	var required []string
	for _, r := range at.Member("required").Items {
		required = append(required, r.Text.Value)
	}
	var b strings.Builder
	b.WriteString("| key | type | default | meaning | example |\n|---|---|---|---|---|\n")
	for _, m := range at.Member("properties").Members {
		key, p := m.Name.Value, m.Value
		without := ""
		if d := p.Member("default"); d.IsSet() {
			without = "`" + inline(d) + "`"
		}
		if slices.Contains(required, key) || def == "" && key == "flow" {
			without = "*required*"
		}
		shown := ""
		for i, e := range p.Member("examples").Items {
			if i > 0 {
				shown += " "
			}
			shown += code(key + ": " + inline(e))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", key, typeOf(root, p), without,
			cell(p.Member("description").Text.Value), cell(shown))
	}
	return b.String()
}

// typeOf is the title of a property, or of what it refers to.
func typeOf(root, p Data) string {
	if ref := p.Member("$ref"); ref.IsSet() {
		p = root.Member("definitions").Member(strings.TrimPrefix(ref.Text.Value, "#/definitions/"))
	}
	return cell(p.Member("title").Text.Value)
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func code(s string) string {
	if strings.Contains(s, "`") {
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}

// inline writes data as YAML on one line.
func inline(d Data) string {
	switch d.Kind {
	case List:
		var items []string
		for _, item := range d.Items {
			items = append(items, inline(item))
		}
		return "[ " + strings.Join(items, ", ") + " ]"
	case Map:
		var members []string
		for _, m := range d.Members {
			members = append(members, m.Name.Value+": "+inline(m.Value))
		}
		return "{ " + strings.Join(members, ", ") + " }"
	case String:
		return quoted(d.Text.Value)
	default:
		return d.Text.Value
	}
}

// quoted puts a text into quotes where YAML needs them.
func quoted(s string) string {
	if regexp.MustCompile(`^[\pL\pN$./][^,{}\[\]#:]*(:[^ ,{}\[\]#]+)*$`).MatchString(s) && kindOf(Text{Value: s}) == String {
		return s
	}
	if strings.Contains(s, `"`) {
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// TestExamples: each example of the schema is right: by the schema itself, and
// in a file that is loaded.
func TestExamples(t *testing.T) {
	root := asTree(t, "schema.json", Schema())
	for _, s := range sections() {
		def := root
		if s.def != "" {
			def = root.Member("definitions").Member(s.def)
		}
		for _, m := range def.Member("properties").Members {
			for _, e := range append(m.Value.Member("examples").Items, m.Value.Member("default")) {
				if e.IsSet() {
					readExample(t, s, m.Name.Value, e)
				}
			}
		}
	}
}

// readExample reads one key as the loader does, written as the docs have it.
func readExample(t *testing.T, s section, key string, e Data) {
	t.Helper()
	text := key + ": " + inline(e) + "\n"
	root := asTree(t, "example", []byte(text))
	doc, _ := newDocument("example", []byte(text))
	d := &decoder{doc: doc, errs: &collector{}}
	v := val{d, "", root}
	readers := map[string]func(){
		"": func() { object(v, "it", fileKeys(), new(File)) }, "skew": func() { object(v, "it", skewKeys(), new(Skew)) },
		"broker": func() { object(v, "it", brokerKeys(), new(Broker)) }, "tls": func() { object(v, "it", tlsKeys(), new(TLS)) },
		"registry": func() { object(v, "it", registryKeys(), new(Registry)) }, "schema": func() { object(v, "it", schemaKeys(), new(SchemaSpec)) },
		"sasl":    func() { object(v, "it", saslKeys(), new(SASL)) },
		"channel": func() { object(v, "it", channelKeys(), new(Channel)) }, "id": func() { object(v, "it", idKeys(), new(ID)) },
		"step": func() { object(v, "it", stepKeys(), new(Step)) }, "outcome": func() { object(v, "it", outcomeKeys(), new(Outcome)) },
		"scenario": func() { object(v, "it", scenarioKeys(), new(Scenario)) }, "send": func() { object(v, "it", sendKeys(), new(Send)) },
		"call": func() { object(v, "it", callKeys(), new(Call)) }, "ordered": func() { object(v, "it", orderedKeys(), new(Ordered)) },
		"unique": func() { object(v, "it", uniqueKeys(), new(Unique)) }, "latency": func() { object(v, "it", latencyKeys(), new(Latency)) },
		"errand": func() { object(v, "it", errandKeys(), new(Errand)) },
		"oauth":  func() { object(v, "it", oauthKeys(), new(OAuth)) },
		"answer": func() { object(v, "it", answerKeys(), new(Answer)) },
		"never":  func() { object(v, "it", neverKeys(), new(Never)) }, "every": func() { object(v, "it", everyKeys(), new(Every)) },
	}
	if key == "name" && s.name == "a rule" {
		return
	}
	readers[s.def]()
	for _, e := range d.errs.errs {
		if !strings.HasPrefix(e.Message, "it has no") {
			t.Errorf("%s: %s: %v", s.name, strings.TrimSpace(text), e)
		}
	}
}
