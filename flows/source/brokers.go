package source

// Broker is one entry of brokers:.
type Broker struct {
	Name       Text
	URL        Text // required; the scheme selects the adapter
	Endpoint   Text
	Management Text
	Username   Text
	Password   Text
	TLS        *TLS  // nil where the file has none
	SASL       *SASL // nil where the file has none

	// Proxy is where flowcheck listens for the system, ProxyTo where it passes on to.
	Proxy, ProxyTo Text

	// Who to be on AWS.
	Profile, RoleARN, ExternalID, WebIdentityTokenFile Text
}

// SASL is the sasl: of a broker; a text there is the mechanism.
type SASL struct {
	Mechanism                               Text
	TokenURL, ClientID, ClientSecret, Token Text
	Scopes                                  []Text
	Region                                  Text
	Service, Realm, Config, Keytab          Text
}

// TLS is the tls: of a broker or registry: file names, and whom to expect.
type TLS struct {
	CA, Cert, Key, ServerName Text

	Insecure bool
}

func brokerKeys() []key[Broker] {
	return []key[Broker]{
		needed("url", val.word, func(b *Broker) *Text { return &b.URL }),
		field("endpoint", val.text, func(b *Broker) *Text { return &b.Endpoint }),
		field("management", val.word, func(b *Broker) *Text { return &b.Management }),
		field("username", val.text, func(b *Broker) *Text { return &b.Username }),
		field("password", val.text, func(b *Broker) *Text { return &b.Password }),
		field("tls", val.tls, func(b *Broker) **TLS { return &b.TLS }),
		field("sasl", val.sasl, func(b *Broker) **SASL { return &b.SASL }),
		field("proxy", val.word, func(b *Broker) *Text { return &b.Proxy }),
		field("proxy-to", val.word, func(b *Broker) *Text { return &b.ProxyTo }),
		field("profile", val.word, func(b *Broker) *Text { return &b.Profile }),
		field("role-arn", val.word, func(b *Broker) *Text { return &b.RoleARN }),
		field("external-id", val.word, func(b *Broker) *Text { return &b.ExternalID }),
		field("web-identity-token-file", val.word, func(b *Broker) *Text { return &b.WebIdentityTokenFile }),
	}
}

func saslKeys() []key[SASL] {
	return []key[SASL]{
		field("mechanism", val.word, func(s *SASL) *Text { return &s.Mechanism }),
		field("token-url", val.word, func(s *SASL) *Text { return &s.TokenURL }),
		field("client-id", val.text, func(s *SASL) *Text { return &s.ClientID }),
		field("client-secret", val.text, func(s *SASL) *Text { return &s.ClientSecret }),
		field("scopes", val.texts, func(s *SASL) *[]Text { return &s.Scopes }),
		field("token", val.text, func(s *SASL) *Text { return &s.Token }),
		field("region", val.word, func(s *SASL) *Text { return &s.Region }),
		field("service", val.word, func(s *SASL) *Text { return &s.Service }),
		field("realm", val.word, func(s *SASL) *Text { return &s.Realm }),
		field("config", val.word, func(s *SASL) *Text { return &s.Config }),
		field("keytab", val.word, func(s *SASL) *Text { return &s.Keytab }),
	}
}

func tlsKeys() []key[TLS] {
	return []key[TLS]{
		field("ca", val.word, func(t *TLS) *Text { return &t.CA }),
		field("cert", val.word, func(t *TLS) *Text { return &t.Cert }),
		field("key", val.word, func(t *TLS) *Text { return &t.Key }),
		field("server-name", val.word, func(t *TLS) *Text { return &t.ServerName }),
		field("insecure", val.flag, func(t *TLS) *bool { return &t.Insecure }),
	}
}

// brokers reads brokers:. An entry is a URL, or a map.
func (v val) brokers() []Broker {
	var out []Broker
	v.named(func(name Text, v val) {
		v.checkName("a broker", name)
		b := Broker{Name: name}
		if v.Kind == String {
			b.URL = v.word()
		} else {
			object(v, "broker "+quote(name.Value), brokerKeys(), &b)
		}
		out = append(out, b)
	})
	return out
}

// tls reads the map of tls:. tls: true is the map without keys.
func (v val) tls() *TLS {
	if v.Kind == Bool {
		if v.flag() {
			return &TLS{}
		}
		return nil
	}
	t := &TLS{}
	object(v, "`tls`", tlsKeys(), t)
	return t
}

// sasl reads the map of sasl:. A text is the mechanism.
func (v val) sasl() *SASL {
	s := &SASL{}
	if v.Kind == Map {
		object(v, "`sasl`", saslKeys(), s)
	} else {
		s.Mechanism = v.word()
	}
	return s
}
