// Package awslogin finds the credentials for AWS: those that a flow file names,
// else those of the SDK's default chain.
package awslogin

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/flowcheck/flowcheck/brokers"
)

// sessionName is what AWS's own logs say of a role that flowcheck assumed.
const sessionName = "flowcheck"

// Check reports what does not fit together, or nil.
func Check(cfg brokers.Config) error {
	switch {
	case cfg.Username != "" && cfg.AWS.Profile != "":
		return fmt.Errorf("%w: give a profile, or an access key by username and password, not both", brokers.ErrSettings)
	case cfg.AWS.WebIdentityTokenFile != "" && cfg.AWS.RoleARN == "":
		return fmt.Errorf("%w: web-identity-token-file needs the role-arn to assume with it", brokers.ErrSettings)
	case cfg.AWS.ExternalID != "" && cfg.AWS.RoleARN == "":
		return fmt.Errorf("%w: external-id belongs to a role-arn", brokers.ErrSettings)
	case cfg.AWS.WebIdentityTokenFile != "" && cfg.Username != "":
		return fmt.Errorf("%w: give a web-identity-token-file, or an access key by username and password, not both", brokers.ErrSettings)
	}
	return nil
}

// Load reads AWS's configuration. The access key is the user name, its secret the
// password. A role is assumed when its credentials are first asked for, and again
// before they expire.
func Load(ctx context.Context, cfg brokers.Config, opts ...func(*config.LoadOptions) error) (aws.Config, error) {
	if err := Check(cfg); err != nil {
		return aws.Config{}, err
	}
	if cfg.Username != "" {
		static := credentials.NewStaticCredentialsProvider(cfg.Username, cfg.Password, "")
		opts = append(opts, config.WithCredentialsProvider(static))
	}
	if cfg.AWS.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(cfg.AWS.Profile))
	}
	loaded, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("%w: AWS's configuration: %w", brokers.ErrSettings, err)
	}
	if cfg.AWS.RoleARN != "" {
		loaded.Credentials = aws.NewCredentialsCache(role(cfg.AWS, loaded))
	}
	return loaded, nil
}

// role assumes a role by a web identity, or with the other credentials.
func role(who brokers.AWS, loaded aws.Config) aws.CredentialsProvider {
	client := sts.NewFromConfig(loaded)
	if who.WebIdentityTokenFile != "" {
		return stscreds.NewWebIdentityRoleProvider(client, who.RoleARN, stscreds.IdentityTokenFile(who.WebIdentityTokenFile),
			func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = sessionName })
	}
	return stscreds.NewAssumeRoleProvider(client, who.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
		if who.ExternalID != "" {
			o.ExternalID = aws.String(who.ExternalID)
		}
	})
}
