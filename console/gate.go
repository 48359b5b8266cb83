package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// GateAnswer is what /api/gate says.
type GateAnswer struct {
	// Verdict is pass, fail (more chains failed than may) or unknown (fewer closed
	// than must, or the shadow is not ready).
	Verdict string `json:"verdict"`
	// Why is a sentence for people.
	Why  string `json:"why"`
	Flow string `json:"flow"`
	// Since is how far back it looked, in seconds.
	Since    float64 `json:"since"`
	Chains   int     `json:"chains"`
	Failed   int     `json:"failed"`
	Unknowns int     `json:"unknowns"`
	Ready    bool    `json:"ready"`
}

// GateQuestion is what a gate asks.
type GateQuestion struct {
	Flow               string
	Since              time.Duration
	MaxFail, MinChains int
}

// Query spells a question for /api/gate.
func (q *GateQuestion) Query() url.Values {
	return url.Values{
		"flow": {q.Flow}, "since": {q.Since.String()}, "max-fail": {strconv.Itoa(q.MaxFail)}, "min-chains": {strconv.Itoa(q.MinChains)},
	}
}

// questionOf reads flow, since (15m), max-fail (0) and min-chains (1).
func questionOf(v url.Values) (*GateQuestion, error) {
	q := &GateQuestion{Flow: v.Get("flow"), Since: 15 * time.Minute, MinChains: 1}
	var err error
	if s := v.Get("since"); s != "" {
		if q.Since, err = time.ParseDuration(s); err != nil || q.Since <= 0 || q.Since > MaxSince {
			return nil, fmt.Errorf("since=%s: a time such as 15m, at most %v; for more, ask the findings file", cut(s, 40), MaxSince)
		}
	}
	for name, to := range map[string]*int{"max-fail": &q.MaxFail, "min-chains": &q.MinChains} {
		if s := v.Get(name); s != "" {
			if *to, err = strconv.Atoi(s); err != nil || *to < 0 {
				return nil, fmt.Errorf("%s=%s: a number, 0 at least", name, cut(s, 40))
			}
		}
	}
	if q.Flow == "" {
		return nil, errors.New("flow=NAME is lacking")
	}
	return q, nil
}

// errNoFlow says that a flow is not watched.
var errNoFlow = errors.New("is not watched here")

// gate answers a question as of now.
func (c *Console) gate(q *GateQuestion) (*GateAnswer, error) {
	now := c.cfg.Now()
	w, ok := c.history.window(q.Flow, now.Add(-q.Since))
	if !ok {
		return nil, fmt.Errorf("the flow %s %w: there are %s", cut(q.Flow, 80), errNoFlow, strings.Join(c.history.order, ", "))
	}
	a := &GateAnswer{Flow: q.Flow, Since: q.Since.Seconds(), Chains: w.Chains.Total, Failed: w.Failed, Unknowns: w.Unknowns}
	var why string
	a.Ready, why = c.cfg.Status.Ready(now)
	switch {
	case a.Failed > q.MaxFail:
		a.Verdict, a.Why = "fail", fmt.Sprintf("%d failed, %d may", a.Failed, q.MaxFail)
	case !a.Ready:
		a.Verdict, a.Why = "unknown", why
	case a.Chains < q.MinChains:
		a.Verdict, a.Why = "unknown", fmt.Sprintf("%d chains closed, %d must", a.Chains, q.MinChains)
	default:
		a.Verdict, a.Why = "pass", fmt.Sprintf("%d chains closed, %d failed", a.Chains, a.Failed)
	}
	return a, nil
}

// getGate answers 200 whatever the verdict is: it is for those who read the JSON.
func (c *Console) getGate(w http.ResponseWriter, r *http.Request) {
	c.answerGate(w, r.URL.Query(), func(*GateAnswer) int { return http.StatusOK })
}

// postGate answers by the status, for those who look at nothing else: 200 pass, 409
// fail, 503 unknown. It takes its question from the query, or from "metadata" in
// the body, as Flagger's webhooks have it.
func (c *Console) postGate(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var body struct {
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body); err == nil {
		for name, value := range body.Metadata {
			if !query.Has(name) {
				query.Set(name, value)
			}
		}
	}
	c.answerGate(w, query, func(a *GateAnswer) int {
		switch a.Verdict {
		case "pass":
			return http.StatusOK
		case "fail":
			return http.StatusConflict
		default:
			return http.StatusServiceUnavailable
		}
	})
}

func (c *Console) answerGate(w http.ResponseWriter, query url.Values, code func(*GateAnswer) int) {
	q, err := questionOf(query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := c.gate(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	writeJSON(w, code(a), a)
}
