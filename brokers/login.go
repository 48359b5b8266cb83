package brokers

import (
	"fmt"
	"net/url"
	"strings"
)

// SASL is how to log in beyond a user name and a password. Which fields matter
// depends on the mechanism and the kind of broker.
type SASL struct {
	// Mechanism; "" is OAUTHBEARER where a TokenURL or a Token is given, else
	// PLAIN where a user name is given.
	Mechanism string
	// TokenURL is where access tokens are fetched by the grant of client
	// credentials (RFC 6749, section 4.4), with ClientID and ClientSecret.
	TokenURL, ClientID, ClientSecret string
	Scopes                           []string
	// Token is an access token as it is, which nobody renews.
	Token string
	// Region of AWS, for AWS_MSK_IAM.
	Region string
	// Kerberos (GSSAPI): the service's name, the realm, and the files with the
	// client's configuration and keys.
	Service, Realm, Config, Keytab string
}

// The mechanisms, by the names that brokers know them by; AWS_MSK_IAM is the
// name that AWS's own client uses.
const (
	Plain       = "PLAIN"
	AMQPlain    = "AMQPLAIN"
	External    = "EXTERNAL"
	Scram256    = "SCRAM-SHA-256"
	Scram512    = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
	MSKIAM      = "AWS_MSK_IAM"
	GSSAPI      = "GSSAPI"
)

// AWS is who to be on AWS.
type AWS struct {
	Profile string // of the SDK's files
	RoleARN string // to assume
	// ExternalID that the role's owner demands, if so.
	ExternalID string
	// WebIdentityTokenFile holds the token to assume the role with; else the role
	// is assumed with the credentials that there are otherwise.
	WebIdentityTokenFile string
}

// Mechanism is the one that the settings mean, in capitals; "" is no login.
func (c Config) Mechanism() string {
	switch {
	case c.SASL.Mechanism != "":
		return strings.ToUpper(c.SASL.Mechanism)
	case c.SASL.TokenURL != "" || c.SASL.Token != "":
		return OAuthBearer
	case c.Username != "":
		return Plain
	}
	return ""
}

// CheckOAuth reports what is wrong with the settings of OAUTHBEARER, or nil.
func (s SASL) CheckOAuth() error {
	switch {
	case s.TokenURL == "" && s.Token == "":
		return fmt.Errorf("%w: sasl: %s needs token-url, client-id and client-secret, or a token", ErrSettings, OAuthBearer)
	case s.TokenURL == "":
		return nil
	case s.Token != "":
		return fmt.Errorf("%w: sasl: give token-url or token, not both", ErrSettings)
	case s.ClientID == "":
		return fmt.Errorf("%w: sasl: token-url needs client-id and client-secret", ErrSettings)
	}
	u, err := url.Parse(s.TokenURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return fmt.Errorf("%w: sasl: token-url is not of the form https://host/path (the login goes into client-id and client-secret)", ErrSettings)
	}
	return nil
}
