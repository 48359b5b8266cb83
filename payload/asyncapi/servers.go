package asyncapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Server is where channels are.
type Server struct {
	Name, URL, Protocol string
	// Login is the type of the first security scheme that flowcheck's brokers could
	// have, as the document spells it (scramSha256, X509, …); "" where none is named.
	Login string
	// TokenURL is where tokens are fetched, with oauth2.
	TokenURL string
	// Registry is the URL of the schema registry, by the binding of Kafka.
	Registry string
	// Defaults are those of the variables in its URL, "" where there is none.
	Defaults map[string]string
}

// Servers are the document's, by their names.
func (d *Document) Servers() []Server {
	all, _ := d.root["servers"].(map[string]any)
	var servers []Server
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s, at, err := d.follow(all[name], "/servers/"+name)
		if err != nil {
			continue
		}
		server := Server{Name: name, Defaults: d.defaults(s["variables"], at+"/variables")}
		server.Protocol, _ = s["protocol"].(string)
		server.URL, _ = s["url"].(string) // 2.x
		if host, ok := s["host"].(string); ok {
			path, _ := s["pathname"].(string)
			server.URL = host + path
		}
		if b, _, err := d.follow(s["bindings"], at+"/bindings"); err == nil {
			kafka, _ := b["kafka"].(map[string]any)
			server.Registry, _ = kafka["schemaRegistryUrl"].(string)
		}
		server.login(d, s["security"], at+"/security")
		servers = append(servers, server)
	}
	return servers
}

// login reads the security of a server: in 2.x names of schemes, in 3.x schemes.
func (s *Server) login(d *Document, security any, at string) {
	all, _ := security.([]any)
	for _, x := range all {
		scheme, _, err := d.follow(x, at)
		if err != nil {
			continue
		}
		if kind, _ := scheme["type"].(string); kind == "" {
			for name := range scheme {
				x, _ = d.at("/components/securitySchemes/" + escape(name))
			}
			if scheme, _, err = d.follow(x, at); err != nil {
				continue
			}
		}
		if s.Login, _ = scheme["type"].(string); s.Login == "" {
			continue
		}
		flows, _ := scheme["flows"].(map[string]any)
		grant, _ := flows["clientCredentials"].(map[string]any)
		s.TokenURL, _ = grant["tokenUrl"].(string)
		return
	}
}

// defaults are those of variables or parameters by their names: a default, else
// the first that is allowed, else an example.
func (d *Document) defaults(x any, at string) map[string]string {
	all, _ := x.(map[string]any)
	known := map[string]string{}
	for name, x := range all {
		known[name] = ""
		p, _, err := d.follow(x, at+"/"+escape(name))
		if err != nil {
			continue
		}
		if schema, _, err := d.follow(p["schema"], at); err == nil { // 2.x
			p = schema
		}
		known[name] = firstOf(p)
	}
	return known
}

func firstOf(p map[string]any) string {
	if value, ok := p["default"]; ok {
		return fmt.Sprint(value)
	}
	for _, key := range []string{"enum", "examples"} {
		if values, ok := p[key].([]any); ok && len(values) > 0 {
			return fmt.Sprint(values[0])
		}
	}
	return ""
}

// escape and unescape are those of a JSON pointer's names (RFC 6901).
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func unescape(name string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}
