package awslogin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/flowcheck/flowcheck/brokers"
)

// MSK makes the tokens of the IAM login of Amazon MSK: a request to connect,
// signed and in base64 (https://github.com/aws/aws-msk-iam-sasl-signer-go). Its
// methods may be called from any goroutine.
type MSK struct {
	region      string
	credentials aws.CredentialsProvider
	now         func() time.Time
}

// mskHost has the region: b-1.name.abc123.c2.kafka.eu-west-1.amazonaws.com.
var mskHost = regexp.MustCompile(`\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com`)

// NewMSK finds the region, by the settings, the host's name or AWS's
// configuration, and where the credentials come from. It fails with
// brokers.ErrSettings.
func NewMSK(ctx context.Context, cfg brokers.Config) (*MSK, error) {
	region := cfg.SASL.Region
	if m := mskHost.FindStringSubmatch(cfg.URL); region == "" && m != nil {
		region = m[1]
	}
	loaded, err := Load(ctx, cfg, config.WithRegion(region))
	if err != nil {
		return nil, err
	}
	if loaded.Region == "" {
		return nil, fmt.Errorf("%w: sasl: %s needs a region: the host's name does not tell it", brokers.ErrSettings, brokers.MSKIAM)
	}
	return &MSK{region: loaded.Region, credentials: loaded.Credentials, now: time.Now}, nil
}

// Token makes a token that is good for a quarter of an hour. It fails with
// brokers.ErrRefused or brokers.ErrUnreachable.
func (m *MSK) Token(ctx context.Context) (string, error) {
	who, err := m.credentials.Retrieve(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("%w: no AWS credentials came in time", brokers.ErrUnreachable)
	case err != nil:
		return "", fmt.Errorf("%w: no AWS credentials: log in (aws sso login), name a profile, or give an access key by username and password", brokers.ErrRefused)
	}
	return m.sign(ctx, who)
}

func (m *MSK) sign(ctx context.Context, who aws.Credentials) (string, error) {
	// The hash of nothing: there is no body.
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	query := url.Values{"Action": {"kafka-cluster:Connect"}, "X-Amz-Expires": {"900"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://kafka."+m.region+".amazonaws.com/?"+query.Encode(), http.NoBody)
	if err != nil {
		return "", fmt.Errorf("%w: sasl: region %q", brokers.ErrSettings, m.region)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, who, req, empty, "kafka-cluster", m.region, m.now().UTC())
	if err != nil {
		return "", fmt.Errorf("sign the login: %w", err)
	}
	signed += "&User-Agent=flowcheck" // not signed: AWS shows it to whom the cluster belongs
	return base64.RawURLEncoding.EncodeToString([]byte(signed)), nil
}
