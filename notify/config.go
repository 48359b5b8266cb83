package notify

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Config says whom to tell. The zero value of each time is its default.
type Config struct {
	// Page is the address of the console, for links; "" for none.
	Page string
	// GroupBy is flow, or flow and kind: what is one alert.
	GroupBy []string
	// Wait is how long a group gathers before it is told, Again how long after that
	// it is told again while more comes, Quiet after how long without a finding it
	// is over.
	Wait, Again, Quiet time.Duration
	// Limit is how many notifications a target gets in an hour at most.
	Limit   int
	Targets []Target
}

// Target is where notifications go.
type Target struct {
	// Name is for logs and metrics.
	Name string
	// Kind is webhook, slack, teams, pagerduty or file.
	Kind string
	// URL is where to, Key PagerDuty's routing key, Path the file. URL and Key are
	// secrets.
	URL, Key, Path string
	Headers        map[string]string
	// Flows and Kinds are the only ones that it is told of; none: all.
	Flows, Kinds []string
	// Unknowns: reasons why something is unknown are told, too.
	Unknowns bool
}

// The defaults.
const (
	DefaultWait  = 10 * time.Second
	DefaultAgain = time.Hour
	DefaultQuiet = 15 * time.Minute
	DefaultLimit = 30
)

// pagerDuty is where events go (PagerDuty's Events API v2).
const pagerDuty = "https://events.pagerduty.com/v2/enqueue"

// file is a configuration as it is written.
type file struct {
	Notify  int          `yaml:"notify"`
	Page    string       `yaml:"page"`
	GroupBy []string     `yaml:"group-by"`
	Wait    string       `yaml:"wait"`
	Again   string       `yaml:"again"`
	Quiet   string       `yaml:"quiet"`
	Limit   int          `yaml:"limit"`
	Targets []fileTarget `yaml:"targets"`
}

type fileTarget struct {
	Name      string            `yaml:"name"`
	Webhook   string            `yaml:"webhook"`
	Slack     string            `yaml:"slack"`
	Teams     string            `yaml:"teams"`
	PagerDuty string            `yaml:"pagerduty"`
	File      string            `yaml:"file"`
	URL       string            `yaml:"url"`
	Headers   map[string]string `yaml:"headers"`
	Flows     []string          `yaml:"flows"`
	Kinds     []string          `yaml:"kinds"`
	Unknowns  bool              `yaml:"unknowns"`
}

// Sources is where ${…} comes from.
type Sources struct {
	Env      map[string]string
	ReadFile func(name string) ([]byte, error)
}

// Load reads a configuration. Errors tell all that is wrong, and no secret.
func Load(data []byte, from Sources) (*Config, error) {
	var f file
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return nil, err
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if f.Notify != 1 {
		wrong("the file begins with notify: 1")
	}
	c := &Config{Page: strings.TrimSuffix(f.Page, "/"), GroupBy: f.GroupBy, Limit: f.Limit}
	if c.Page != "" && !webAddress(c.Page) {
		wrong("page: write http://… or https://…")
	}
	if len(c.GroupBy) == 0 {
		c.GroupBy = []string{"flow"}
	}
	if i := slices.IndexFunc(c.GroupBy, func(by string) bool { return by != "flow" && by != "kind" }); i >= 0 || !slices.Contains(c.GroupBy, "flow") {
		wrong("group-by: it is [ flow ] or [ flow, kind ]")
	}
	if c.Limit < 0 {
		wrong("limit: 1 at least")
	} else if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	errs = append(errs, f.times(c)...)
	if len(f.Targets) == 0 {
		wrong("targets: name one at least")
	}
	for i := range f.Targets {
		t, err := f.Targets[i].target(i, from)
		if err != nil {
			wrong("targets[%d]: %w", i, err)
		} else if slices.ContainsFunc(c.Targets, func(o Target) bool { return o.Name == t.Name }) {
			wrong("targets[%d]: another is named %s, too", i, t.Name)
		}
		c.Targets = append(c.Targets, t)
	}
	return c, errors.Join(errs...)
}

// times reads the durations.
func (f *file) times(c *Config) (errs []error) {
	for _, d := range []struct {
		name, text string
		standard   time.Duration
		to         *time.Duration
	}{{"wait", f.Wait, DefaultWait, &c.Wait}, {"again", f.Again, DefaultAgain, &c.Again}, {"quiet", f.Quiet, DefaultQuiet, &c.Quiet}} {
		*d.to = d.standard
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = time.ParseDuration(d.text); err != nil || *d.to <= 0 {
			errs = append(errs, fmt.Errorf("%s: %q is no duration, such as 30s", d.name, d.text))
		}
	}
	return errs
}

// kind is the one key of a target that says what it is, with its value.
func (f *fileTarget) kind() (kind, to string, err error) {
	for _, one := range [][2]string{{"webhook", f.Webhook}, {"slack", f.Slack}, {"teams", f.Teams}, {"pagerduty", f.PagerDuty}, {"file", f.File}} {
		if one[1] == "" {
			continue
		}
		if kind != "" {
			return "", "", fmt.Errorf("it is %s or %s, not both", kind, one[0])
		}
		kind, to = one[0], one[1]
	}
	switch {
	case kind == "":
		return "", "", errors.New("it has none of webhook, slack, teams, pagerduty and file")
	case f.URL != "" && kind != "pagerduty":
		return "", "", errors.New("url: is for pagerduty alone")
	case len(f.Headers) > 0 && kind != "webhook":
		return "", "", errors.New("headers: are for webhook alone")
	}
	return kind, to, nil
}

// target checks a target and fills in its secrets.
func (f *fileTarget) target(i int, from Sources) (Target, error) {
	t := Target{Name: f.Name, Flows: f.Flows, Kinds: f.Kinds, Unknowns: f.Unknowns, Headers: map[string]string{}}
	kind, to, err := f.kind()
	if err != nil {
		return t, err
	}
	t.Kind = kind
	if t.Name == "" {
		t.Name = fmt.Sprintf("%s-%d", t.Kind, i+1)
	}
	if to, err = fill(to, from); err != nil {
		return t, fmt.Errorf("%s: %w", t.Kind, err)
	}
	switch t.Kind {
	case "file":
		t.Path = to
	case "pagerduty":
		t.Key, t.URL = to, pagerDuty
		if f.URL != "" {
			t.URL = f.URL
		}
	default:
		t.URL = to
	}
	if t.Kind != "file" && !webAddress(t.URL) {
		return t, fmt.Errorf("%s: it is no address such as https://…", t.Kind)
	}
	for name, value := range f.Headers {
		if t.Headers[name], err = fill(value, from); err != nil {
			return t, fmt.Errorf("headers: %s: %w", name, err)
		}
	}
	return t, nil
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

var reference = regexp.MustCompile(`\$\{(?:env\.([A-Za-z_][A-Za-z0-9_]*)|file\("([^"]+)"\)|([^}]*))\}?`)

// fill puts the values of ${env.NAME} and ${file("path")} into a text.
func fill(text string, from Sources) (string, error) {
	var errs []error
	filled := reference.ReplaceAllStringFunc(text, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		switch {
		case m[1] != "":
			value := from.Env[m[1]]
			if value == "" {
				errs = append(errs, fmt.Errorf("the environment variable %s is not set", m[1]))
			}
			return value
		case m[2] != "":
			data, err := from.ReadFile(m[2])
			if err != nil {
				errs = append(errs, err)
			}
			return strings.TrimSpace(string(data))
		default:
			errs = append(errs, errors.New(`${…} is ${env.NAME} or ${file("path")}`))
			return ""
		}
	})
	return filled, errors.Join(errs...)
}
