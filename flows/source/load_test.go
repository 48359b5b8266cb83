package source_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/flows/source"
)

func mustLoad(t *testing.T, path string) *source.File {
	t.Helper()
	f, errs := load(t, path)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return f
}

// TestDesign loads the flow file of the design and looks at all of it.
func TestDesign(t *testing.T) {
	f := mustLoad(t, "testdata/good/design.yaml")
	want := strings.TrimSpace(`
flow order-fulfilment
broker events kafka://${env.KAFKA ?? "localhost:9092"}
broker tasks ${env.RABBIT ?? "amqp://guest:guest@localhost:5672/"}
broker cloud aws://eu-west-1 ${env.AWS_ENDPOINT}
channel orders on events [orders]
channel payments on events [payments]
channel shipments on tasks [shipping shipment.#]
channel dead on tasks [shipping.dlx] dead [shipments]
channel mails on cloud [customer-mail]
id order = body.orderId true
id payment = body.paymentId true
step placed on orders when body.type == "OrderPlaced" after [] within 0s count "" check []
step paid on payments when body.status == "AUTHORISED" after [placed] within 2s count "" check [body.amount == placed.body.total]
step declined on payments when body.status == "DECLINED" after [placed] within 2s count "" check []
step shipped on shipments when  after [paid] within 5s count "len(placed.body.lines)" check []
step mailed on mails when  after [shipped] within 0s count "" check []
step parked on dead when  after [paid] within 0s count "" check [death.reason == "rejected" death.attempts == 3]
outcome fulfilled [placed paid shipped mailed]
outcome declined [placed declined]
outcome parked [placed paid shipped parked]
ordered payments body.seq body.account true
unique payments body.paymentId
latency placed shipped p95=2s p99=4s
never payments body.amount < 0
scenario a paid order is shipped and mailed covers [ORD-12] to orders outcome fulfilled probes [duplicate redeliver reorder replay]
scenario an order to nowhere is parked, and the next one still ships covers [] to orders outcome parked probes []`)
	if diff := cmp.Diff(want, strings.TrimSpace(describe(f))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	body := f.Scenarios[0].Send[0].Body
	if got := f.Scenarios[0].Send[0].Key.Text.Value; got != "${id}" {
		t.Errorf("key %q", got)
	}
	if total := body.Member("total"); total.Kind != source.Number || total.Text.Value != "42.5" {
		t.Errorf("total %+v", total)
	}
	if shipTo := f.Scenarios[1].Send[0].Body.Member("shipTo"); shipTo.Kind != source.Null {
		t.Errorf("shipTo %+v", shipTo)
	}
	if got := f.Steps[1].Check[0].At(len("body.amount == ")).String(); got != "testdata/good/design.yaml:29:24" {
		t.Errorf("placed is at %s", got)
	}
}

func describe(f *source.File) string {
	var b strings.Builder
	fmt.Fprintln(&b, "flow", f.Flow)
	for _, x := range f.Brokers {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprint("broker ", x.Name, " ", x.URL, " ", x.Endpoint)))
	}
	for _, c := range f.Channels {
		address := strings.Join(strings.Fields(fmt.Sprint(c.Topic, " ", c.Exchange, " ", c.Queue, " ", c.SNS, " ", strings.Join(texts(c.RoutingKeys), " "))), " ")
		fmt.Fprintf(&b, "channel %s on %s [%s]", c.Name, c.Broker, address)
		if len(c.DeadLetters) > 0 {
			fmt.Fprint(&b, " dead ", c.DeadLetters)
		}
		fmt.Fprintln(&b)
	}
	for _, x := range f.Correlate {
		fmt.Fprintln(&b, "id", x.Name, "=", x.Expr, x.Ties)
	}
	for _, s := range f.Steps {
		fmt.Fprintf(&b, "step %s on %s when %s after %v within %v count %q check %v\n", s.Name, s.Channel, s.When, s.After, s.Within.Value, s.Count.Expr.Value, s.Check)
	}
	for _, o := range f.Outcomes {
		fmt.Fprintln(&b, "outcome", o.Name, o.Steps)
	}
	for _, r := range f.Rules {
		switch {
		case r.Ordered != nil:
			fmt.Fprintln(&b, "ordered", r.Ordered.Channel, r.Ordered.By, r.Ordered.Per, r.Ordered.Gapless)
		case r.Unique != nil:
			fmt.Fprintln(&b, "unique", r.Unique.Channel, r.Unique.ID)
		case r.Latency != nil:
			fmt.Fprint(&b, "latency ", r.Latency.From, " ", r.Latency.To)
			for _, l := range r.Latency.Limits {
				fmt.Fprintf(&b, " %s=%v", l.Key, l.Max.Value)
			}
			fmt.Fprintln(&b)
		case r.Never != nil:
			fmt.Fprintln(&b, "never", r.Never.Channel, r.Never.When)
		}
	}
	for _, s := range f.Scenarios {
		var probes []string
		for _, p := range s.Probes {
			probes = append(probes, p.Name.Value)
		}
		fmt.Fprintln(&b, "scenario", s.Name, "covers", s.Covers, "to", s.Send[0].To, "outcome", s.Outcome, "probes", probes)
	}
	return b.String()
}

func texts(list []source.Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Value)
	}
	return out
}

// TestEverything looks at what the design's file does not have.
func TestEverything(t *testing.T) {
	f := mustLoad(t, "testdata/good/everything.yaml")
	check := func(what string, got, want any) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			t.Errorf("%s: %s, not %s", what, g, w)
		}
	}
	check("skew", []time.Duration{f.Skew.Broker.Value, f.Skew.Producer.Value}, "[20ms 1s]")
	check("settle, timeout, remember", []time.Duration{f.Settle.Value, f.Timeout.Value, f.Remember.Value}, "[1.5s 1m0s 48h0m0s]")
	check("mask", f.Mask, `[body.card.number headers["authorization"] key body.iban]`)
	var vars []string
	for _, v := range f.Vars {
		vars = append(vars, v.Name.Value+"="+v.Value.Text.Value)
	}
	check("vars: the file's own first", vars, "[limit=100 tenant=acme limits= again= deadline=2s country=no]")
	check("an alias", f.Vars[3].Value.Member("hard").Text, "20")
	tls := f.Brokers[0].TLS
	check("tls", []any{tls.CA, tls.Cert, tls.Key, tls.ServerName, tls.Insecure}, "[ca.pem me.pem me.key kafka.example.com false]")
	check("tls: true", f.Brokers[1].TLS != nil, true)
	check("sasl", f.Brokers[0].SASL.Mechanism, "SCRAM-SHA-512")
	sasl := f.Brokers[1].SASL
	check("sasl as a map", []any{
		sasl.Mechanism, sasl.TokenURL, sasl.ClientID, sasl.ClientSecret, sasl.Token, sasl.Scopes, sasl.Region, sasl.Service, sasl.Realm, sasl.Config, sasl.Keytab,
	}, "[OAUTHBEARER https://t.example.com me ${env.SECRET} t [a b] eu-west-1 kafka EXAMPLE.COM krb5.conf me.keytab]")
	cloud := f.Brokers[2]
	check("who to be on AWS", []any{cloud.Profile, cloud.RoleARN, cloud.ExternalID, cloud.WebIdentityTokenFile}, "[staging arn:aws:iam::1:role/tap x token]")
	steps := map[string]source.Step{}
	for _, s := range f.Steps {
		steps[s.Name.Value] = s
	}
	for name, want := range map[string][2]int{"mailed": {0, 3}, "audited": {1, -1}, "once": {2, 2}, "few": {0, 2}} {
		c := steps[name].Count
		check("count of "+name, []int{c.Min, c.Max}, fmt.Sprint(want))
		check("count of "+name+" as an expression", c.Expr.IsSet(), false)
	}
	check("within", []any{steps["paid"].Within.Dynamic, steps["paid"].Within.Text}, "[true ${vars.deadline}]")
	check("a check over two lines", steps["paid"].Check[1], `body.ref == "a" or body.ref == "b"`)
	check("ties", []bool{f.Correlate[0].Ties, f.Correlate[1].Ties, f.Correlate[2].Ties}, "[true true false]")
	check("rule name", f.Rules[0].Name, "payments in order")
	check("percentiles", []float64{f.Rules[2].Latency.Limits[5].Percent, f.Rules[2].Latency.Limits[7].Percent}, "[99.9 100]")
	send := f.Scenarios[1].Send
	check("a repeated header", []any{send[0].Headers[0].Name, send[0].Headers[1].Name, send[0].Headers[1].Value.Text}, "[a a 2]")
	check("payloads", []any{send[0].Text, send[1].Base64, send[2].Tombstone}, "[not json AAE= true]")
	probes := f.Scenarios[1].Probes
	check("probes", []any{probes[0].Off, probes[1].Off, probes[2].Off, probes[2].Reason}, "[false true true the mail provider cannot]")
	call := f.Scenarios[2].Call
	check("call", []any{call.Method, call.URL, call.Body.Member("qty").Text}, "[post https://localhost/orders 1]")
	check("command", f.Scenarios[3].Call.Run, "[./order --qty 1]")
	check("hooks", []any{f.Hooks[0].Name, f.Hooks[0].Call.Run, f.Hooks[1].Call.Method}, "[restart [docker restart shop] put]")
	check("reply", f.Channels[len(f.Channels)-1].Reply, true)
	if f.Incomplete {
		t.Error("incomplete")
	}
}

// TestData: values are typed as JSON types them, and anything else is text.
func TestData(t *testing.T) {
	for text, want := range map[string]source.Kind{
		"42": source.Number, "-0": source.Number, "1.50": source.Number, "1e3": source.Number, "-1.5E-7": source.Number,
		"123456789012345678901234567890": source.Number,
		"true":                           source.Bool, "false": source.Bool, "null": source.Null, "": source.Null,
		"012": source.String, "0x1F": source.String, "0o7": source.String, "1_000": source.String, "+1": source.String,
		"1.": source.String, ".5": source.String, "1e": source.String, "-x": source.String, "1e+": source.String, "--1": source.String,
		".inf": source.String, ".nan": source.String, "yes": source.String, "on": source.String, "True": source.String,
		"NULL": source.String, "~": source.String, "2026-11-22": source.String, "2026-11-22T10:00:00Z": source.String,
		"12:30": source.String, "1,5": source.String, "abc": source.String,
		`"42"`: source.String, "'true'": source.String, `""`: source.String, "|\n  1": source.String, ">-\n  null": source.String,
	} {
		vars, errs := source.LoadVars("v.yaml", []byte("v: "+text+"\n"))
		if len(errs) > 0 || len(vars) != 1 {
			t.Errorf("%q: %v %v", text, vars, errs)
			continue
		}
		if v := vars[0].Value; v.Kind != want {
			t.Errorf("%q is %v, not %v", text, v.Kind, want)
		}
		if v := vars[0].Value; want == source.Number && v.Text.Value != text {
			t.Errorf("%q became %q", text, v.Text.Value)
		}
	}
	for text, want := range map[string]source.Kind{"42": source.Number, "true": source.Bool, "": source.String, "x": source.String, "null": source.Null} {
		if got := source.ParseValue(text).Kind; got != want {
			t.Errorf("--var v=%s is %v, not %v", text, got, want)
		}
	}
}

func TestLoadVars(t *testing.T) {
	for text, want := range map[string]string{
		"- a":             "staging.yaml:1:1: a file of values must be a map of names, not a list",
		"a: 1\na: 2":      "staging.yaml:2:1: duplicate key `a`; the first is in line 1",
		"a: b: c":         "staging.yaml:1:5: a second `: ` in one value, or a line that is indented too far",
		"a b: 1":          "staging.yaml:1:1: `a b` is no name for a variable",
		"limit: order #5": "staging.yaml:1:14: YAML takes this `#` for a comment, which cuts `limit` off",
	} {
		if _, errs := source.LoadVars("staging.yaml", []byte(text)); errs.Error() != want {
			t.Errorf("%q: %q, not %q", text, errs.Error(), want)
		}
	}
}

// TestNoVars: a file of values may have none.
func TestNoVars(t *testing.T) {
	for _, text := range []string{"", " \n", "# nothing", "{}"} {
		if vars, errs := source.LoadVars("staging.yaml", []byte(text)); len(vars)+len(errs) > 0 {
			t.Errorf("%q: %v %v", text, vars, errs)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"300ms": 300 * time.Millisecond, "5s": 5 * time.Second, "3d": 72 * time.Hour, "1h30m": 90 * time.Minute,
		"1.5s": 1500 * time.Millisecond, "10us": 10 * time.Microsecond, "10µs": 10 * time.Microsecond, "0s": 0, " 2m ": 2 * time.Minute,
		"1d2h3m4s5ms6us": 26*time.Hour + 3*time.Minute + 4*time.Second + 5*time.Millisecond + 6*time.Microsecond,
	} {
		if got, err := source.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"2":       "a bare number is no duration: write 2s",
		"-3":      "a bare number is no duration: write 3s",
		"":        "a duration is missing",
		"2 s":     "`2 s` is no duration: write 300ms, 5s, 1h30m or 3d",
		"-2s":     "`-2s` is no duration: write 300ms, 5s, 1h30m or 3d",
		"1m1h":    "`1m1h` is no duration: write 300ms, 5s, 1h30m or 3d",
		"1s1s":    "`1s1s` is no duration: write 300ms, 5s, 1h30m or 3d",
		"1w":      "`1w` is no duration: write 300ms, 5s, 1h30m or 3d",
		"1.s":     "`1.s` is no duration: write 300ms, 5s, 1h30m or 3d",
		"s":       "`s` is no duration: write 300ms, 5s, 1h30m or 3d",
		"1e9s":    "`1e9s` is no duration: write 300ms, 5s, 1h30m or 3d",
		"3651d":   "`3651d` is too long: at most 10 years of 365d",
		"3650d1h": "`3650d1h` is too long: at most 10 years of 365d",
	} {
		if got, err := source.ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}

const small = `flowcheck: 1
flow: small
brokers: { a: "memory://a" }
channels: { c: { broker: a, topic: c } }
rules: [ { never: { channel: c, when: body.x } } ]
`

// TestUse: paths start from the folder of the file that uses, and each file is
// read once.
func TestUse(t *testing.T) {
	files := map[string]string{
		"dir/a.yaml":     "use: [ sub/b.yaml, ../top.yaml ]\nvars: { a: 1 }\n",
		"dir/sub/b.yaml": "use: [ ../../top.yaml ]\nvars: { b: 1 }\n",
		"top.yaml":       "vars: { top: 1 }\nhooks: { restart: [ x ] }\n",
	}
	var opened []string
	open := func(path string) ([]byte, error) {
		opened = append(opened, path)
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: "/machine/" + path, Err: fs.ErrNotExist}
	}
	f, errs := source.Load("flow.yaml", []byte(small+"use: dir/a.yaml\nvars: { own: 1 }\n"), open)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var vars []string
	for _, v := range f.Vars {
		vars = append(vars, v.Name.Value)
	}
	if diff := cmp.Diff([]string{"own", "a", "b", "top"}, vars); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"dir/a.yaml", "dir/sub/b.yaml", "top.yaml"}, opened); diff != "" {
		t.Error(diff)
	}
	if len(f.Hooks) != 1 {
		t.Errorf("hooks %v", f.Hooks)
	}
	for text, want := range map[string]string{
		"use: none.yaml":              "flow.yaml:6:6: cannot read none.yaml: file does not exist",
		"use: [ big.yaml ]":           "big.yaml: the file has 10 MiB; a flow file has at most 1 MiB",
		"use: [ xml.yaml ]":           "xml.yaml:1:1: this is XML or HTML, not a flow file",
		"use: [ list.yaml ]":          "list.yaml:1:1: this is no flow file: it has no `flowcheck: 1`",
		"use: [ flow.yaml ]":          "flow.yaml:6:8: files that use each other: flow.yaml → flow.yaml",
		"use: [ wrong.yaml ]":         "wrong.yaml:1:1: unknown key `chanels` in the file; did you mean `channels`?",
		"use: [ dir/./a.yaml ]\nx: 1": "flow.yaml:7:1: unknown key `x` in the file",
	} {
		files["big.yaml"] = strings.Repeat("a", 10<<20)
		files["xml.yaml"], files["list.yaml"], files["wrong.yaml"] = "<a/>", "- a", "chanels: {}"
		if _, errs := source.Load("flow.yaml", []byte(small+text), open); errs.Error() != want {
			t.Errorf("%s: %q, not %q", text, errs.Error(), want)
		}
	}
	if _, errs := source.Load("flow.yaml", []byte(small+"use: a.yaml\n"), nil); errs.Error() != "flow.yaml:6:6: `use` is not possible here" {
		t.Error(errs)
	}
}

// TestLimits: sizes and encodings that no flow file has.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"10 MB":       {strings.Repeat("#", 10<<20), "x.yaml: the file has 10 MiB; a flow file has at most 1 MiB"},
		"1 MiB and 1": {strings.Repeat("#", 1<<20+1), "x.yaml: the file has 1.1 MiB; a flow file has at most 1 MiB"},
		"UTF-16":      {"\xff\xfef\x00l\x00", "x.yaml:1:1: the file is in UTF-16"},
		"Latin-1":     {small + "about: gr\xf6sse", "x.yaml:6:10: this is no UTF-8 text"},
		"binary":      {"\x7fELF\x02\x01\x00", "x.yaml:1:1: a control character: U+007F"},
		"NUL":         {"a: \x00", "x.yaml:1:4: a control character: U+0000"},
		"old Mac":     {"a: 1\rb: 2", "x.yaml:1:5: a line break that editors do not show: U+000D"},
		"a directive": {"%YAML 3.0\n---\n" + small, "x.yaml:1:1: a directive of YAML, which a flow file does not have"},
	} {
		_, errs := source.Load("x.yaml", []byte(c.text), nil)
		if got := errs.Error(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	for name, text := range map[string]string{
		"byte order mark": "\ufeff" + small,
		"Windows":         strings.ReplaceAll(small, "\n", "\r\n"),
		"no line feed":    strings.TrimSpace(small),
		"markers":         "---\n" + small + "...\n",
		"a replacement":   small + "about: \ufffd\n",
	} {
		if _, errs := source.Load("x.yaml", []byte(text), nil); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

// TestPartial: what could be read of a wrong file is there for the expressions
// to be checked, and says where names may be missing.
func TestPartial(t *testing.T) {
	f, errs := source.Load("x.yaml", []byte(small+"steps:\n  s: { channel: c, within: 2, check: body.x }\n  t: a: b\n"), nil)
	if f == nil || len(errs) != 2 || len(f.Steps) != 1 || f.Steps[0].Check[0].Value != "body.x" || !f.Incomplete {
		t.Errorf("%+v, %v", f, errs)
	}
	f, errs = source.Load("x.yaml", []byte(small+"correlate: { i: body.i }\nsteps:\n  s: { channel: c, within: 2 }\n"), nil)
	if f == nil || len(errs) != 1 || f.Incomplete {
		t.Errorf("%+v, %v", f, errs)
	}
	if f, errs := source.Load("x.yaml", []byte("<x/>"), nil); f != nil || len(errs) != 1 {
		t.Errorf("%+v, %v", f, errs)
	}
}

// TestErrors: a caller's own errors go in among the others.
func TestErrors(t *testing.T) {
	f, errs := source.Load("x.yaml", []byte(small+"about: [ x ]\n"), nil)
	when := f.Rules[0].Never.When
	errs = append(errs,
		source.Errorf(when.At(5), "unknown name %s", "x").WithHint("it is y"),
		source.Errorf(source.Position{}, "from nowhere"),
		source.Errorf(when.At(5), "unknown name x"),
		source.Errorf(source.Position{File: "x.yaml"}, "the whole file"))
	var got strings.Builder
	if err := errs.Sort().Format(&got); err != nil {
		t.Fatal(err)
	}
	want := `from nowhere
x.yaml: the whole file
x.yaml:5:44: unknown name x
  rules: [ { never: { channel: c, when: body.x } } ]
                                             ^
  hint: it is y
` + "x.yaml:6:8: `about` must be text, not a list" + `
  about: [ x ]
         ^
  hint: a value that begins with ` + "`{` or `[`" + ` needs quotes
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	full := errors.New("disk full")
	if err := errs.Format(writer(func() error { return full })); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

type writer func() error

func (w writer) Write([]byte) (int, error) { return 0, w() }

// TestReserved: the words of the expressions cannot be steps.
func TestReserved(t *testing.T) {
	for _, word := range []string{"and", "len", "body", "id", "headerInt", "nil"} {
		if !source.IsReserved(word) {
			t.Errorf("%s is free", word)
		}
	}
	for _, word := range []string{"placed", "ids", "", "Body", "sent"} {
		if source.IsReserved(word) {
			t.Errorf("%s is reserved", word)
		}
	}
}

func ExampleLoad() {
	text := `flowcheck: 1
flow: orders
brokers: { events: "kafka://localhost:9092" }
channels: { orders: { broker: events, topic: orders } }
correlate: { order: body.orderId }
steps:
  placed: { chanel: orders, within: 2 }
`
	_, errs := source.Load("order.flow.yaml", []byte(text), os.ReadFile)
	_ = errs.Format(os.Stdout)
	// Output:
	// order.flow.yaml:7:13: unknown key `chanel` in step `placed`; did you mean `channel`?
	//     placed: { chanel: orders, within: 2 }
	//               ^
	// order.flow.yaml:7:37: `within`: a bare number is no duration: write 2s
	//     placed: { chanel: orders, within: 2 }
	//                                       ^
}
