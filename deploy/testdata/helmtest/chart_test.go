// Package helmtest renders the Helm chart and parses the alert rules, in a module
// of its own, so that nothing of Helm and Prometheus is in flowcheck's.
package helmtest

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// render renders the chart with some values, and returns its documents by kind
// and name.
func render(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load("../../chart")
	if err != nil {
		t.Fatal(err)
	}
	all, err := util.ToRenderValues(chart, values, common.ReleaseOptions{Name: "staging", Namespace: "shop", IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	documents := map[string]string{}
	for name, text := range files {
		if strings.HasSuffix(name, ".tpl") {
			continue
		}
		for document := range strings.SplitSeq(text, "\n---") {
			var head struct {
				Kind     string
				Metadata struct{ Name string }
			}
			if err := yaml.Unmarshal([]byte(document), &head); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
			}
			if head.Kind != "" {
				documents[head.Kind+" "+head.Metadata.Name] = document
			}
		}
	}
	return documents, nil
}

func strict[T any](t *testing.T, document string) *T {
	t.Helper()
	v := new(T)
	if err := yaml.UnmarshalStrict([]byte(document), v); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return v
}

var plain = map[string]any{"flows": map[string]any{"order.flow.yaml": "flow: orders\nabout: \"{{ no template }}\"\n"}, "token": map[string]any{"existingSecret": "flowcheck-token"}}

func TestChart(t *testing.T) {
	all, err := render(t, plain)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 {
		t.Errorf("%d documents", len(all))
	}
	set := strict[appsv1.StatefulSet](t, all["StatefulSet staging-flowcheck"])
	config := strict[corev1.ConfigMap](t, all["ConfigMap staging-flowcheck-flows"])
	service := strict[corev1.Service](t, all["Service staging-flowcheck"])
	if config.Data["order.flow.yaml"] != "flow: orders\nabout: \"{{ no template }}\"\n" {
		t.Errorf("%q", config.Data)
	}
	pod := set.Spec.Template.Spec
	c := pod.Containers[0]
	want := []string{
		"shadow", "/etc/flowcheck/flows/order.flow.yaml", "--state=/var/lib/flowcheck", "--listen=:9464",
		"--token-file=/etc/flowcheck/token/token", "--max-memory=512MiB", "--log=json",
	}
	if !slices.Equal(c.Args, want) {
		t.Errorf("%q", c.Args)
	}
	if *set.Spec.Replicas != 1 || !*pod.SecurityContext.RunAsNonRoot || *pod.AutomountServiceAccountToken || !*c.SecurityContext.ReadOnlyRootFilesystem ||
		*c.SecurityContext.AllowPrivilegeEscalation || c.SecurityContext.Capabilities.Drop[0] != "ALL" || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("it may do more than it needs")
	}
	if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
		t.Error("the probes are not flowcheck's")
	}
	for name, value := range service.Spec.Selector {
		if set.Spec.Template.Labels[name] != value || set.Spec.Selector.MatchLabels[name] != value {
			t.Errorf("the label %s leads nowhere", name)
		}
	}
	mounts := map[string]bool{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = true
	}
	for _, v := range pod.Volumes {
		if !mounts[v.Name] {
			t.Errorf("the volume %s is not mounted", v.Name)
		}
	}
	if len(mounts) != len(pod.Volumes)+len(set.Spec.VolumeClaimTemplates) {
		t.Errorf("%d mounts", len(mounts))
	}
}

func TestChartWithAll(t *testing.T) {
	all, err := render(t, map[string]any{
		"existingConfigMap": "mine", "flowFiles": []any{"a.yaml", "b.yaml"}, "token": map[string]any{"existingSecret": "s", "key": "k"},
		"notify": "notify: 1\n", "traces": "http://otel:4318", "extraArgs": []any{"--record-last=6h"}, "envFrom": []any{map[string]any{"secretRef": map[string]any{"name": "brokers"}}},
		"monitoring": map[string]any{"serviceMonitor": true, "rules": true}, "networkPolicy": map[string]any{"enabled": true}, "podLabels": map[string]any{"team": "shop"},
		"podAnnotations": map[string]any{"a": "b"}, "nodeSelector": map[string]any{"x": "y"}, "imagePullSecrets": []any{map[string]any{"name": "pull"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	set := strict[appsv1.StatefulSet](t, all["StatefulSet staging-flowcheck"])
	if args := strings.Join(set.Spec.Template.Spec.Containers[0].Args, " "); !strings.Contains(args, "flows/a.yaml /etc/flowcheck/flows/b.yaml") ||
		!strings.Contains(args, "--notify=/etc/flowcheck/notify/notify.yaml --traces=http://otel:4318 --record-last=6h") {
		t.Error(args)
	}
	if set.Spec.Template.Labels["team"] != "shop" || set.Spec.Template.Annotations["a"] != "b" {
		t.Errorf("%v", set.Spec.Template.ObjectMeta)
	}
	strict[networkingv1.NetworkPolicy](t, all["NetworkPolicy staging-flowcheck"])
	var rule struct{ Spec rulefmt.RuleGroups }
	if err := yaml.Unmarshal([]byte(all["PrometheusRule staging-flowcheck"]), &rule); err != nil || len(rule.Spec.Groups) != 1 {
		t.Errorf("%v", err)
	}
	if !strings.Contains(all["ServiceMonitor staging-flowcheck"], `name: "s", key: "k"`) {
		t.Error(all["ServiceMonitor staging-flowcheck"])
	}
}

// TestChartRefuses: what is lacking is named.
func TestChartRefuses(t *testing.T) {
	for want, values := range map[string]map[string]any{
		"flows or existingConfigMap": {"token": map[string]any{"existingSecret": "s"}},
		"flowFiles":                  {"existingConfigMap": "mine", "token": map[string]any{"existingSecret": "s"}},
		"token.existingSecret":       {"flows": map[string]any{"a": "b"}},
		"port":                       {"flows": map[string]any{"a": "b"}, "token": map[string]any{"existingSecret": "s"}, "port": 80},
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// served are the names that /metrics has, as deploy/metrics.txt keeps them.
func served(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../../metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"up": true}
	for _, name := range strings.Fields(string(data)) {
		names[name] = true
	}
	return names
}

// check checks that an expression parses and that each metric in it is served.
func check(t *testing.T, where, text string, names map[string]bool) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		t.Errorf("%s: %s: %v", where, text, err)
		return
	}
	found := 0
	for _, selector := range parser.ExtractSelectors(e) {
		for _, m := range selector {
			if m.Name == labels.MetricName {
				if found++; !names[m.Value] {
					t.Errorf("%s: there is no metric %s", where, m.Value)
				}
			}
		}
	}
	if found == 0 {
		t.Errorf("%s: no metric in %s", where, text)
	}
}

func TestRules(t *testing.T) {
	data, err := os.ReadFile("../../chart/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(data, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	names, rules := served(t), 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules++
			check(t, r.Alert, r.Expr, names)
		}
	}
	if rules < 8 {
		t.Errorf("%d rules", rules)
	}
}

var variable = regexp.MustCompile(`\$__[a-z_]+`)

func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	names, n := served(t), 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			n++
			check(t, p.Title, variable.ReplaceAllString(target.Expr, "5m"), names)
		}
	}
	if n < 20 {
		t.Errorf("%d expressions", n)
	}
}

// TestFlagger: the queries of the example parse, with Flagger's templates filled in.
func TestFlagger(t *testing.T) {
	data, err := os.ReadFile("../../ci/flagger.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := served(t)
	filled := strings.NewReplacer("{{ variables.flow }}", "orders", "{{ interval }}", "15m")
	queries := regexp.MustCompile(`(?m)^  query: (.*)$`).FindAllStringSubmatch(string(data), -1)
	for _, q := range queries {
		check(t, "flagger.yaml", filled.Replace(q[1]), names)
	}
	if len(queries) != 3 {
		t.Errorf("%d queries", len(queries))
	}
}
