package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/awslogin"
)

// mskTokens are the tokens of MSK's IAM login: a request to connect, signed and
// in base64 (https://github.com/aws/aws-msk-iam-sasl-signer-go).
type mskTokens struct {
	region      string
	credentials aws.CredentialsProvider
	now         func() time.Time
}

// mskHost has the region: b-1.name.abc123.c2.kafka.eu-west-1.amazonaws.com.
var mskHost = regexp.MustCompile(`\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com`)

func newMSKTokens(cfg brokers.Config) (sarama.AccessTokenProvider, error) {
	region := cfg.SASL.Region
	if m := mskHost.FindStringSubmatch(cfg.URL); region == "" && m != nil {
		region = m[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	loaded, err := awslogin.Load(ctx, cfg, config.WithRegion(region))
	if err != nil {
		return nil, err
	}
	if loaded.Region == "" {
		return nil, fmt.Errorf("%w: sasl %s needs a region: the host's name does not tell it", brokers.ErrSettings, brokers.MSKIAM)
	}
	return mskTokens{region: loaded.Region, credentials: loaded.Credentials, now: time.Now}, nil
}

// Token implements sarama.AccessTokenProvider.
func (t mskTokens) Token() (*sarama.AccessToken, error) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	who, err := t.credentials.Retrieve(ctx)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w: no AWS credentials within %s", brokers.ErrUnreachable, tokenTimeout)
		}
		return nil, fmt.Errorf("%w: no AWS credentials: log in (aws sso login), name a profile, or give an access key by username and password", brokers.ErrRefused)
	}
	token, err := t.sign(ctx, who)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: token}, nil
}

// sign makes a token that is good for a quarter of an hour.
func (t mskTokens) sign(ctx context.Context, who aws.Credentials) (string, error) {
	// The hash of nothing: there is no body.
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	query := url.Values{"Action": {"kafka-cluster:Connect"}, "X-Amz-Expires": {"900"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://kafka."+t.region+".amazonaws.com/?"+query.Encode(), http.NoBody)
	if err != nil {
		return "", fmt.Errorf("%w: sasl: region %q", brokers.ErrSettings, t.region)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, who, req, empty, "kafka-cluster", t.region, t.now().UTC())
	if err != nil {
		return "", fmt.Errorf("sign the login: %w", err)
	}
	signed += "&User-Agent=" + clientID // not signed: AWS shows it to whom the cluster belongs
	return strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(signed)), "="), nil
}
