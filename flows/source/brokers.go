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
