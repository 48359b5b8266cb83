package notify

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// TestSchema: it has each key that is read, and says of a file what Load says.
func TestSchema(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("notify.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("notify.json")
	if err != nil {
		t.Fatal(err)
	}
	target := compiled.Properties["targets"].Items2020
	for of, properties := range map[reflect.Type]map[string]*jsonschema.Schema{reflect.TypeFor[file](): compiled.Properties, reflect.TypeFor[fileTarget](): target.Properties} {
		if of.NumField() != len(properties) {
			t.Errorf("%s has %d keys, the schema %d", of, of.NumField(), len(properties))
		}
		for i := range of.NumField() {
			if key := of.Field(i).Tag.Get("yaml"); properties[key] == nil {
				t.Errorf("the schema lacks %s", key)
			}
		}
	}
	for _, text := range []string{
		"notify: 1\ntargets: [ { slack: https://a.example } ]", "notify: 1\nwait: 30s\ntargets: [ { file: x, unknowns: true } ]",
		"notify: 2\ntargets: [ { file: x } ]", "notify: 1", "notify: 1\ntargets: [ { file: x, slack: https://a.example } ]", "notify: 1\nother: 1\ntargets: [ { file: x } ]",
		"notify: 1\nwait: soon\ntargets: [ { file: x } ]", "notify: 1\ngroup-by: [ kind ]\ntargets: [ { file: x } ]",
	} {
		var v any
		if err := yaml.Load([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		_, loadErr := Load([]byte(text), Sources{})
		if schemaErr := compiled.Validate(v); (schemaErr == nil) != (loadErr == nil) {
			t.Errorf("%s: the schema says %v, Load says %v", strings.ReplaceAll(text, "\n", "; "), schemaErr, loadErr)
		}
	}
}

// TestTheDocs: the file in the documentation is one.
func TestTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\nnotify: 1\n")
	text, _, _ = strings.Cut(text, "```")
	secret := func(string) ([]byte, error) { return []byte("https://hooks.example"), nil }
	env := map[string]string{"SLACK_WEBHOOK": "https://slack.example", "PAGERDUTY_KEY": "k", "HOOK_TOKEN": "t"}
	c, err := Load([]byte("notify: 1\n"+text), Sources{Env: env, ReadFile: secret})
	if err != nil {
		t.Fatal(err)
	}
	if c.Wait != DefaultWait || c.Again != DefaultAgain || c.Quiet != DefaultQuiet || c.Limit != DefaultLimit || len(c.Targets) != 5 {
		t.Errorf("%+v", c)
	}
}
