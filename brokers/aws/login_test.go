package aws

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// files writes AWS's configuration files with two profiles, and a token.
func files(t *testing.T) (token string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE":             write("config", "[profile staging]\nregion = eu-north-1\n[profile other]\nregion = eu-south-1\n"),
		"AWS_SHARED_CREDENTIALS_FILE": write("credentials", "[staging]\naws_access_key_id = AKIASTAGING\naws_secret_access_key = s3cret\n"),
		"AWS_ACCESS_KEY_ID":           "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_REGION": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return write("token", "header.payload.signature")
}

// TestWhoToBe: each way to log in leads to the credentials that it names. The
// roles are those of an emulator, which gives them to everybody.
func TestWhoToBe(t *testing.T) {
	endpoint := testbroker.Ministack(t)
	token := files(t)
	const role = "arn:aws:iam::000000000000:role/tap"
	for name, c := range map[string]struct {
		change func(*brokers.Config)
		key    string // how the access key begins
		arn    string
	}{
		"an access key":            {func(*brokers.Config) {}, "test", ""},
		"a profile":                {func(c *brokers.Config) { c.Username, c.AWS.Profile = "", "staging" }, "AKIASTAGING", ""},
		"a role, by an access key": {func(c *brokers.Config) { c.AWS.RoleARN, c.AWS.ExternalID = role, "x" }, "ASIA", "assumed-role/tap/flowcheck"},
		"a role, by a profile":     {func(c *brokers.Config) { c.Username, c.AWS.Profile, c.AWS.RoleARN = "", "staging", role }, "ASIA", "assumed-role/tap/flowcheck"},
		"a role, by a web identity": {func(c *brokers.Config) {
			c.Username, c.AWS = "", brokers.AWS{RoleARN: role, WebIdentityTokenFile: token}
		}, "ASIA", "assumed-role/tap/flowcheck"},
		"a profile, and its region besides": {func(c *brokers.Config) { c.Username, c.AWS.Profile, c.URL = "", "staging", "aws://" }, "AKIASTAGING", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configAt(endpoint)
			c.change(&cfg)
			s, err := connect(timeout(t), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.disconnect()
			who, err := s.sts.Options().Credentials.Retrieve(timeout(t))
			if err != nil || !strings.HasPrefix(who.AccessKeyID, c.key) {
				t.Errorf("access key %s, %v: want %s…", who.AccessKeyID, err, c.key)
			}
			if cfg.URL == "aws://" && s.region != "eu-north-1" {
				t.Errorf("region %s", s.region)
			}
			if c.arn == "" {
				return
			}
			me, err := s.sts.GetCallerIdentity(timeout(t), &sts.GetCallerIdentityInput{})
			if err != nil || !strings.Contains(*me.Arn, c.arn) {
				t.Errorf("we are %+v, %v: want %s", me, err, c.arn)
			}
		})
	}
}

// TestWhoNotToBe: what is wrong with a login is named, with the way out.
func TestWhoNotToBe(t *testing.T) {
	token := files(t)
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>not allowed to assume it</Message></Error></ErrorResponse>`))
	}))
	t.Cleanup(denied.Close)
	const role = "arn:aws:iam::1:role/tap"
	for name, c := range map[string]struct {
		change func(*brokers.Config)
		kind   error
		says   []string
	}{
		"no such profile":               {func(c *brokers.Config) { c.Username, c.AWS.Profile = "", "nowhere" }, brokers.ErrSettings, []string{"nowhere"}},
		"a profile without credentials": {func(c *brokers.Config) { c.Username, c.AWS.Profile = "", "other" }, brokers.ErrRefused, []string{"no AWS credentials"}},
		"two logins":                    {func(c *brokers.Config) { c.AWS.Profile = "staging" }, brokers.ErrSettings, []string{"not both"}},
		"a role that is refused":        {func(c *brokers.Config) { c.AWS.RoleARN = role }, brokers.ErrRefused, []string{role, "AccessDenied", "trust policy", "sts:AssumeRole"}},
		"a web identity that is refused": {func(c *brokers.Config) {
			c.Username, c.AWS = "", brokers.AWS{RoleARN: role, WebIdentityTokenFile: token}
		}, brokers.ErrRefused, []string{role, "sts:AssumeRoleWithWebIdentity", token}},
		"a token file that is not there": {func(c *brokers.Config) {
			c.Username, c.AWS = "", brokers.AWS{RoleARN: role, WebIdentityTokenFile: "/no/such/token"}
		}, brokers.ErrRefused, []string{role, "/no/such/token"}},
		"a web identity for no role": {func(c *brokers.Config) { c.Username, c.AWS = "", brokers.AWS{WebIdentityTokenFile: token} }, brokers.ErrSettings, []string{"role-arn"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configAt(denied.URL)
			c.change(&cfg)
			for _, err := range openBoth(t, timeout(t), cfg) {
				if !errors.Is(err, c.kind) {
					t.Fatalf("got %v, want %v", err, c.kind)
				}
				for _, word := range c.says {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%v: it does not say %q", err, word)
					}
				}
				if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "not-so-secret") || strings.Contains(err.Error(), "header.payload") {
					t.Errorf("%v: it tells a secret", err)
				}
			}
		})
	}
}
