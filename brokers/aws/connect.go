package aws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/awslogin"
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

	transport *http.Transport         // of the clients
	me        atomic.Pointer[arn.ARN] // of the login, once it is known
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
	if err := login(ctx, cfg.AWS, loaded.Credentials); err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	s := newSession(cfg, loaded)
	if err := s.probe(ctx); err != nil {
		s.disconnect()
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	return s, nil
}

// newSession makes the clients. They share one transport, so that its idle
// connections can be closed.
func newSession(cfg brokers.Config, loaded aws.Config) *session {
	s := &session{
		cfg:    cfg,
		log:    cfg.Log,
		region: loaded.Region,
		real:   loaded.BaseEndpoint == nil || ownedByAWS(*loaded.BaseEndpoint),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if built, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		s.transport = built.GetTransport()
		loaded.HTTPClient = &http.Client{
			Transport:     wholeBody{s.transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s.sqs, s.sns, s.sts = sqs.NewFromConfig(loaded), sns.NewFromConfig(loaded), sts.NewFromConfig(loaded)
	return s
}

// disconnect closes the connections that no request uses.
func (s *session) disconnect() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
}

// regionOf takes the region from aws://region; "" leaves it to the environment.
func regionOf(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("%w: the URL is not of the form aws://region", brokers.ErrSettings) // without the URL: it may hold a secret
	}
	if u.User != nil {
		return "", fmt.Errorf("%w: the URL holds a login: put the access key into username, its secret into password", brokers.ErrSettings)
	}
	if strings.Trim(u.Path, "/") != "" || u.Port() != "" {
		return "", fmt.Errorf("%w: %q is not of the form aws://region; an emulator's address goes into endpoint", brokers.ErrSettings, raw)
	}
	return u.Hostname(), nil
}

// checkConfig reports what is wrong with the settings of a broker.
func checkConfig(cfg brokers.Config) error {
	if _, err := regionOf(cfg.URL); err != nil {
		return err
	}
	if cfg.Mechanism() != "" && cfg.Mechanism() != brokers.Plain {
		return fmt.Errorf("%w: sasl does not belong on AWS: give a profile, a role-arn, or an access key by username and password", brokers.ErrSettings)
	}
	return awslogin.Check(cfg)
}

// load merges the configuration with what the environment and AWS's files say.
func load(ctx context.Context, cfg brokers.Config, region string) (aws.Config, error) {
	client, err := httpClient(cfg.TLS)
	if err != nil {
		return aws.Config{}, err
	}
	opts := []func(*config.LoadOptions) error{config.WithHTTPClient(client), config.WithLogger(sdkLog(cfg.Log))}
	if region != "" {
		opts = append(opts, config.WithRegion(region))
	}
	if cfg.Endpoint != "" {
		if u, err := url.Parse(cfg.Endpoint); err != nil || u.Host == "" || u.User != nil {
			return aws.Config{}, fmt.Errorf("%w: the endpoint is not of the form http://host:port", brokers.ErrSettings)
		}
		opts = append(opts, config.WithBaseEndpoint(cfg.Endpoint))
	}
	loaded, err := awslogin.Load(ctx, cfg, opts...)
	if err != nil {
		return aws.Config{}, err
	}
	if loaded.Region == "" {
		return aws.Config{}, fmt.Errorf("%w: no region: say aws://eu-west-1, or set AWS_REGION", brokers.ErrSettings)
	}
	return loaded, nil
}

// sdkLog takes what the SDK says of its own accord to the log, for those who
// look closely.
func sdkLog(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(_ logging.Classification, format string, args ...any) {
		if log != nil {
			log.Debug("AWS SDK: " + fmt.Sprintf(format, args...))
		}
	})
}

// login sees whether there are credentials at all. The chain may end in a slow
// question to a metadata service that is not there, so it is bounded.
func login(ctx context.Context, who brokers.AWS, p aws.CredentialsProvider) error {
	bounded, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if _, err := p.Retrieve(bounded); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("credentials: %w", ctx.Err())
		}
		if who.RoleARN != "" {
			return roleTrouble(who, err)
		}
		return fmt.Errorf("%w: no AWS credentials were found: log in (aws sso login), set AWS_PROFILE or AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY, or give the broker a username and password; for an emulator any will do: %s", brokers.ErrRefused, plain(err))
	}
	return nil
}

// roleTrouble says why a role could not be assumed.
func roleTrouble(who brokers.AWS, err error) error {
	sentinel, remedy := meaningOf(err), "is the address right?"
	if !errors.Is(sentinel, brokers.ErrUnreachable) {
		sentinel, remedy = brokers.ErrRefused, "its trust policy has to allow this login sts:AssumeRole"
		if who.WebIdentityTokenFile != "" {
			remedy = "its trust policy has to allow the token's issuer and subject sts:AssumeRoleWithWebIdentity, and the token in " + who.WebIdentityTokenFile + " has to be good"
		}
	}
	return fmt.Errorf("%w: the role %s could not be assumed: %s: %s", sentinel, who.RoleARN, plain(err), remedy)
}

// probe asks SQS for a queue that nobody has. That it does not exist, or may not
// be asked for, is the answer of a broker that knows the login.
func (s *session) probe(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := s.sqs.GetQueueUrl(bounded, &sqs.GetQueueUrlInput{QueueName: aws.String(namePrefix + "probe")},
		func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
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
