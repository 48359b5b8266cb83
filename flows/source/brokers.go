package source

// Broker is one entry of brokers:.
type Broker struct {
	Name       Text
	URL        Text // required; the scheme selects the adapter
	Endpoint   Text
	Management Text
	Username   Text
	Password   Text
	TLS        *TLS // nil where the file has none
	SASL       Data // a mechanism's name, or a map of its settings
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
		field("sasl", val.settings, func(b *Broker) *Data { return &b.SASL }),
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

// settings takes text or a map whose keys its user knows.
func (v val) settings() Data {
	if v.Kind == String || v.Kind == Map {
		return v.free()
	}
	v.fail("%s must be text or a map, not %s", quote(v.key), v.Kind.a())
	return Data{}
}
