package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/flowcheck/flowcheck/console"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

const deploy = "../../deploy/"

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(deploy + name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wellShadow is a console on which the flow of the examples is well.
func wellShadow(t *testing.T, token string) (address string) {
	t.Helper()
	status := &shadow.Status{}
	status.Armed.Store(true)
	c := console.New(console.Config{
		Flows: []*flows.Flow{{Name: "order-fulfilment"}}, Status: status, Token: token, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	for range 50 {
		c.Closed("order-fulfilment", &flows.Judgement{Closed: true, State: flows.Pass})
	}
	to, err := c.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return "http://" + to.String()
}

var gateCommand = regexp.MustCompile(`flowcheck gate [-$A-Za-z0-9_ ]+`)

// TestGateExamples: the command of each example is run, against a shadow that says
// yes.
func TestGateExamples(t *testing.T) {
	const token = "a-token-of-some-length"
	url := wellShadow(t, token)
	for _, name := range []string{"Jenkinsfile", "gitlab-ci.yml", "github-actions.yml", "azure-pipelines.yml", "circleci.yml"} {
		text := read(t, "ci/"+name)
		if name != "Jenkinsfile" {
			var v map[string]any
			if err := yaml.Load([]byte(text), &v); err != nil || len(v) < 2 {
				t.Errorf("%s: %v", name, err)
			}
		} else if strings.Count(text, "{") != strings.Count(text, "}") || strings.Count(text, "(") != strings.Count(text, ")") {
			t.Errorf("%s: its brackets do not match", name)
		}
		if !strings.Contains(text, "FLOWCHECK_TOKEN") {
			t.Errorf("%s gives no token", name)
		}
		commands := gateCommand.FindAllString(text, -1)
		if len(commands) != 1 {
			t.Fatalf("%s has %d gates", name, len(commands))
		}
		args := strings.Fields(strings.ReplaceAll(commands[0], "$FLOWCHECK_URL", url))
		var out bytes.Buffer
		a := &app{out: &out, err: &out, in: strings.NewReader(""), env: map[string]string{"FLOWCHECK_TOKEN": token}, now: time.Now}
		if code := execute(t.Context(), args[1:], a); code != exitPass || !strings.Contains(out.String(), "50 chains closed") {
			t.Errorf("%s: exit code %d, %s", name, code, &out)
		}
	}
}

// TestArgoExample: its URL and header are asked, and what its jsonPath takes from
// the answer meets its condition.
func TestArgoExample(t *testing.T) {
	const token = "a-token-of-some-length"
	var template struct {
		Kind string
		Spec struct {
			Metrics []struct {
				SuccessCondition string `yaml:"successCondition"`
				FailureCondition string `yaml:"failureCondition"`
				Provider         struct {
					Web struct {
						URL      string
						JSONPath string `yaml:"jsonPath"`
						Headers  []struct{ Key, Value string }
					}
				}
			}
		}
	}
	if err := yaml.Load([]byte(read(t, "ci/argo-rollouts.yaml")), &template); err != nil || template.Kind != "AnalysisTemplate" {
		t.Fatalf("%v, %s", err, template.Kind)
	}
	m := template.Spec.Metrics[0]
	filled := strings.NewReplacer("{{args.url}}", wellShadow(t, token), "{{args.flow}}", "order-fulfilment", "{{args.token}}", token)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, filled.Replace(m.Provider.Web.URL), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range m.Provider.Web.Headers {
		request.Header.Set(h.Key, filled.Replace(h.Value))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, data)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(m.Provider.Web.JSONPath, "{$."), "}")
	if v[key] != "pass" || m.SuccessCondition != `result == "pass"` || m.FailureCondition != `result == "fail"` {
		t.Errorf("%s is %v; %s, %s", key, v[key], m.SuccessCondition, m.FailureCondition)
	}
}

// TestFlaggerExample: three templates that the canary refers to.
func TestFlaggerExample(t *testing.T) {
	text := read(t, "ci/flagger.yaml")
	names := map[string]bool{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var d struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct {
				Analysis struct {
					Metrics []struct {
						TemplateRef struct{ Name string } `yaml:"templateRef"`
					}
				}
			}
		}
		if err := yaml.Load([]byte(document), &d); err != nil {
			t.Fatal(err)
		}
		if d.Kind == "MetricTemplate" {
			names[d.Metadata.Name] = true
		}
		for _, m := range d.Spec.Analysis.Metrics {
			if !names[m.TemplateRef.Name] {
				t.Errorf("there is no template %s", m.TemplateRef.Name)
			}
			delete(names, m.TemplateRef.Name)
		}
	}
	if len(names) != 0 {
		t.Errorf("nobody uses %v", names)
	}
}

// TestUnit: the systemd unit's lines are settings in sections, its command is
// flowcheck's, and the exit codes are those of the contracts.
func TestUnit(t *testing.T) {
	settings := map[string]string{}
	section := ""
	for line := range strings.Lines(read(t, "flowcheck.service")) {
		line = strings.TrimSpace(line)
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line
		case ok && section != "" && regexp.MustCompile(`^[A-Z][A-Za-z]+$`).MatchString(name):
			settings[section+name] = value
		default:
			t.Errorf("%q is no setting", line)
		}
	}
	args := strings.Fields(settings["[Service]ExecStart"])
	cmd, rest, err := newRoot(&app{}).Find(args[1:])
	if err != nil || cmd.Name() != "shadow" {
		t.Fatalf("%v: %v", args, err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"[Service]SuccessExitStatus": "1 3", "[Service]RestartPreventExitStatus": "2", "[Service]ProtectSystem": "strict", "[Service]NoNewPrivileges": "yes", "[Service]DynamicUser": "yes",
	} {
		if settings[name] != want {
			t.Errorf("%s is %q", name, settings[name])
		}
	}
	if !strings.HasSuffix(settings["[Service]StateDirectory"], filepath.Base(cmd.Flag("state").Value.String())) {
		t.Error("the state is not in the folder that systemd makes")
	}
}

// TestDockerfile: the last stage is a user without rights, and has the program.
func TestDockerfile(t *testing.T) {
	var stages, user, entry int
	for line := range strings.Lines(read(t, "Dockerfile")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "#", "WORKDIR", "COPY", "RUN", "VOLUME", "EXPOSE", "CMD":
		case "FROM":
			stages++
			user = 0
		case "USER":
			if user++; strings.HasPrefix(rest, "0") || strings.HasPrefix(rest, "root") {
				t.Error("it runs as root")
			}
		case "ENTRYPOINT":
			entry++
			var words []string
			if err := json.Unmarshal([]byte(rest), &words); err != nil || filepath.Base(words[0]) != "flowcheck" {
				t.Errorf("%s: %v", rest, err)
			}
		default:
			t.Errorf("the instruction %s was not thought of", word)
		}
	}
	if stages != 2 || user != 1 || entry != 1 {
		t.Errorf("%d stages, %d users, %d entry points", stages, user, entry)
	}
}

var metricName = regexp.MustCompile(`\bflowcheck_[a-z_]+`)

// TestDashboardAndRules: the dashboard, the alert rules and the canary's queries ask
// for nothing that is not served; make deploy-test parses them.
func TestDashboardAndRules(t *testing.T) {
	served := map[string]bool{}
	for _, name := range strings.Fields(read(t, "metrics.txt")) {
		served[name] = true
	}
	for file, least := range map[string]int{"grafana-dashboard.json": 15, "chart/rules.yaml": 8, "ci/flagger.yaml": 2} {
		asked := map[string]bool{}
		for _, name := range metricName.FindAllString(read(t, file), -1) {
			asked[name] = true
			if !served[name] {
				t.Errorf("%s asks for %s, which is not served", file, name)
			}
		}
		if len(asked) < least {
			t.Errorf("%s asks for %d metrics", file, len(asked))
		}
	}
	if !json.Valid([]byte(read(t, "grafana-dashboard.json"))) {
		t.Error("the dashboard is no JSON")
	}
	for _, file := range []string{"chart/rules.yaml", "chart/Chart.yaml", "chart/values.yaml"} {
		var v map[string]any
		if err := yaml.Load([]byte(read(t, file)), &v); err != nil || len(v) == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}
