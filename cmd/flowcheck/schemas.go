package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/registry"
)

// registries are the schema registries of a flow's channels. It implements
// flows.Schemas.
type registries struct {
	now     func() time.Time
	clients map[flows.Registry]*registry.Client
}

func (a *app) registries() *registries {
	return &registries{now: a.now, clients: map[flows.Registry]*registry.Client{}}
}

// Schema implements flows.Schemas. Channels with the same registry share what it
// said.
func (r *registries) Schema(ctx context.Context, ch *flows.Channel, ref payload.SchemaRef) (*payload.Schema, error) {
	client, ok := r.clients[*ch.Registry]
	if !ok {
		var err error
		if client, err = r.open(ch.Registry); err != nil {
			return nil, &payload.Unavailable{Reason: fmt.Sprintf("schema %s: %v", ref, err)}
		}
		r.clients[*ch.Registry] = client
	}
	return client.Schema(ctx, ref)
}

func (r *registries) open(from *flows.Registry) (*registry.Client, error) {
	cfg := registry.Config{URL: from.URL, Username: from.Username, Password: from.Password, Token: from.Token, Now: r.now}
	if t := from.TLS; t != nil {
		var err error
		cfg.TLS, err = registryTLS(t.CA.Value, t.Cert.Value, t.Key.Value)
		if err != nil {
			return nil, err
		}
		cfg.TLS.ServerName, cfg.TLS.InsecureSkipVerify = t.ServerName.Value, t.Insecure
	}
	return registry.New(cfg)
}

// registryTLS reads certificates; "" is none.
func registryTLS(ca, cert, key string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(filepath.Clean(ca))
		if err != nil {
			return nil, fmt.Errorf("registry: tls: ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("registry: tls: ca: %s has no certificate", ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Clean(cert), filepath.Clean(key))
		if err != nil {
			return nil, fmt.Errorf("registry: tls: cert and key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
