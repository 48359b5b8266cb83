package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/console"
)

// gateTimeout bounds how long a shadow may take to answer.
const gateTimeout = 30 * time.Second

// gateURL asks a running shadow.
func (a *app) gateURL(ctx context.Context, flags *gateFlags) error {
	token, err := a.token(flags.tokenFile)
	if err != nil {
		return input(err)
	}
	q := console.GateQuestion{Flow: flags.flow, Since: flags.since, MaxFail: flags.maxFail, MinChains: flags.minChains}
	answer, err := askGate(ctx, flags.url, token, &q)
	if err != nil {
		return trouble(fmt.Errorf("gate: %w", err))
	}
	fmt.Fprintf(a.out, "%s: in the last %v %s closed, %d failed, %s of unknowns\n",
		answer.Flow, flags.since, count(answer.Chains, "chain"), answer.Failed, count(answer.Unknowns, "reason"))
	switch answer.Verdict {
	case "pass":
		return nil
	case "fail":
		return verdict(exitFail)
	default:
		fmt.Fprintln(a.out, "unknown: "+answer.Why)
		return verdict(exitUnknown)
	}
}

// askGate sends a question. A redirect is not followed: the token is for this
// address alone.
func askGate(ctx context.Context, base, token string, q *console.GateQuestion) (*console.GateAnswer, error) {
	to, err := url.Parse(base)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return nil, input(errors.New("--url: write http://HOST:PORT or https://HOST"))
	}
	to = to.JoinPath("api/gate")
	to.RawQuery = q.Query().Encode()
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, input(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the shadow does not answer: %w", redacted(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("the shadow's answer: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusNotFound:
		return nil, input(fmt.Errorf("%.300s", strings.TrimSpace(string(body))))
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("the shadow refuses: %.300s; the token is in --token-file FILE or FLOWCHECK_TOKEN", strings.TrimSpace(string(body)))
	default:
		return nil, fmt.Errorf("the shadow answers %s", response.Status)
	}
	var answer console.GateAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("what answers is no shadow of flowcheck: %w", err)
	}
	return &answer, nil
}

// redacted is an error without the address, in which a login may be.
func redacted(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
