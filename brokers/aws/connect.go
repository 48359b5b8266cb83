package aws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/flowcheck/flowcheck/brokers"
)

// How long a connection may take to fail: reaching the host, finding
// credentials, and the first answer.
const (
	dialTimeout   = 3 * time.Second
	loginTimeout  = 10 * time.Second
	answerTimeout = 10 * time.Second
)

// session is a connection to one region of AWS, or to an emulator.
type session struct {
	cfg    brokers.Config
	log    *slog.Logger
	region string
	// real: the endpoint is AWS's own, as far as its name tells.
	real bool

	sqs *sqs.Client
	sns *sns.Client
	sts *sts.Client
}

// connect finds the credentials and asks SQS something that needs no
// permission, to see that somebody answers and knows the login. retryer decides
// which failures the SDK tries again by itself; nil is the SDK's own choice.
func connect(ctx context.Context, cfg brokers.Config, retryer func() aws.Retryer) (*session, error) {
	region, err := regionOf(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	loaded, err := load(ctx, cfg, region)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	if retryer != nil {
		loaded.Retryer = retryer
	}
	s := &session{
		cfg:    cfg,
		log:    cfg.Log,
		region: loaded.Region,
		real:   loaded.BaseEndpoint == nil || ownedByAWS(*loaded.BaseEndpoint),
		sqs:    sqs.NewFromConfig(loaded),
		sns:    sns.NewFromConfig(loaded),
		sts:    sts.NewFromConfig(loaded),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := login(ctx, loaded.Credentials); err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	if err := s.probe(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	return s, nil
}

// regionOf takes the region from aws://region; "" leaves it to the environment.
func regionOf(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("the URL is not of the form aws://region") // without the URL: it may hold a secret
	}
	if u.User != nil {
		return "", errors.New("the URL holds a login: put the access key into username, its secret into password")
	}
	if strings.Trim(u.Path, "/") != "" || u.Port() != "" {
		return "", fmt.Errorf("%q is not of the form aws://region; an emulator's address goes into endpoint", raw)
	}
	return u.Hostname(), nil
}

// load merges the configuration with what the environment and AWS's files say.
func load(ctx context.Context, cfg brokers.Config, region string) (aws.Config, error) {
	client, err := httpClient(cfg.TLS)
	if err != nil {
		return aws.Config{}, err
	}
	opts := []func(*config.LoadOptions) error{config.WithHTTPClient(client)}
	if region != "" {
		opts = append(opts, config.WithRegion(region))
	}
	if cfg.Endpoint != "" {
		if u, err := url.Parse(cfg.Endpoint); err != nil || u.Host == "" || u.User != nil {
			return aws.Config{}, errors.New("the endpoint is not of the form http://host:port")
		}
		opts = append(opts, config.WithBaseEndpoint(cfg.Endpoint))
	}
	if cfg.Username != "" {
		static := credentials.NewStaticCredentialsProvider(cfg.Username, cfg.Password, "")
		opts = append(opts, config.WithCredentialsProvider(static))
	}
	loaded, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS's configuration: %w", err)
	}
	if loaded.Region == "" {
		return aws.Config{}, errors.New("no region: say aws://eu-west-1, or set AWS_REGION")
	}
	return loaded, nil
}

// httpClient is the SDK's own with a short wait for a connection. An answer may
// take as long as a long poll does.
func httpClient(t *brokers.TLS) (*awshttp.BuildableClient, error) {
	secure, err := tlsConfig(t)
	if err != nil {
		return nil, err
	}
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(tr *http.Transport) {
			tr.TLSHandshakeTimeout = dialTimeout
			tr.ResponseHeaderTimeout = longPoll*time.Second + answerTimeout
			if secure != nil {
				tr.TLSClientConfig = secure
			}
		})
	return client, nil
}

// tlsConfig reads the files that t names; nil leaves all to the SDK.
func tlsConfig(t *brokers.TLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert, tls.key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// login sees whether there are credentials at all. The chain may end in a slow
// question to a metadata service that is not there, so it is bounded.
func login(ctx context.Context, p aws.CredentialsProvider) error {
	bounded, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if _, err := p.Retrieve(bounded); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("credentials: %w", ctx.Err())
		}
		return fmt.Errorf("%w: no AWS credentials were found: log in (aws sso login), set AWS_PROFILE or AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY, or give the broker a username and password; for an emulator any will do", brokers.ErrRefused)
	}
	return nil
}

// probe asks SQS for a queue that nobody has. That it does not exist, or may not
// be asked for, is the answer of a broker that knows the login.
func (s *session) probe(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := s.sqs.GetQueueUrl(bounded, &sqs.GetQueueUrlInput{QueueName: aws.String(namePrefix + "probe")},
		func(o *sqs.Options) { o.RetryMaxAttempts = 2 })
	if err == nil || isAbsent(err) || isDenied(err) {
		return nil
	}
	return failure(ctx, "ask SQS", err)
}

// ownedByAWS tells by its host whether an endpoint is AWS's (a VPC endpoint, say).
func ownedByAWS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := u.Hostname()
	for _, domain := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if strings.HasSuffix(host, domain) {
			return true
		}
	}
	return false
}

// safeRetries tries again only what the broker surely did not take: a connection
// that could not be made, and a request turned away because there were too many.
// Anything else might double a message.
func safeRetries() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{
			retry.NoRetryCanceledError{},
			retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes},
			retry.IsErrorRetryableFunc(func(err error) aws.Ternary { return aws.BoolTernary(neverSent(err)) }),
		}
	})
}
