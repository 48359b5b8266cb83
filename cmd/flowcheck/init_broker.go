package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flowcheck/flowcheck/payload/asyncapi"
)

// brokers writes the servers that flowcheck can speak to, or, where there is none,
// a guess.
func (d *draft) brokers() {
	d.line("\nbrokers:")
	for _, s := range d.doc.Servers() {
		url := brokerURL(s)
		if url == "" {
			d.note("server %s: the protocol %s has no adapter", s.Name, s.Protocol)
			continue
		}
		d.servers = append(d.servers, s)
		name := d.name("broker", s.Name)
		if settings := d.login(s, name); settings != "" {
			d.line("  %s: { url: %s%s }", name, quoted(url), settings)
		} else {
			d.line("  %s: %s", name, quoted(url))
		}
	}
	if len(d.servers) == 0 {
		d.servers = []asyncapi.Server{{Name: "broker", Protocol: "kafka"}}
		d.note("no server that flowcheck can speak to: the broker, and what its topics are called, is a guess")
		d.line("  %s: \"kafka://localhost:9092\"", d.name("broker", "broker"))
	}
}

// brokerURL is a server's URL for flowcheck; "" where it has no adapter.
func brokerURL(s asyncapi.Server) string {
	_, host, found := strings.Cut(s.URL, "://")
	if !found {
		host = s.URL
	}
	host = fill(host, func(variable string) string {
		name := environment(variable)
		if value := s.Defaults[variable]; value != "" {
			return fmt.Sprintf(`${env.%s ?? "%s"}`, name, strings.Trim(strconv.Quote(value), `"`))
		}
		return "${env." + name + "}"
	})
	switch strings.ToLower(s.Protocol) {
	case "kafka", "kafka-secure":
		host, _, _ = strings.Cut(host, "/")
		return "kafka://" + host
	case "amqp", "amqps":
		return strings.ToLower(s.Protocol) + "://" + host
	case "sqs", "sns":
		return "aws://eu-west-1"
	default:
		return ""
	}
}

// login is how a server wants to be spoken to: keys of a broker beside its url.
// Secrets come from the environment.
func (d *draft) login(s asyncapi.Server, broker string) string {
	protocol := strings.ToLower(s.Protocol)
	secret := func(what string) string {
		return fmt.Sprintf(`"${env.%s_%s}"`, environment(broker), what)
	}
	password := fmt.Sprintf(", username: %s, password: %s", secret("USERNAME"), secret("PASSWORD"))
	encrypted := ""
	if protocol == "kafka-secure" {
		encrypted = ", tls: true"
	}
	const certificate = ", tls: { cert: client.pem, key: client.key }"
	oauth := ""
	if s.TokenURL != "" {
		oauth = fmt.Sprintf("%s, sasl: { token-url: %s, client-id: %s, client-secret: %s }",
			encrypted, quoted(s.TokenURL), secret("CLIENT_ID"), secret("CLIENT_SECRET"))
	}
	family, _, _ := strings.Cut(protocol, "-") // kafka-secure
	if s.Login != "X509" {
		family = strings.TrimSuffix(family, "s")
	}
	settings := map[string]string{
		"kafka plain":        encrypted + ", sasl: PLAIN" + password,
		"kafka scramSha256":  encrypted + ", sasl: SCRAM-SHA-256" + password,
		"kafka scramSha512":  encrypted + ", sasl: SCRAM-SHA-512" + password,
		"kafka userPassword": encrypted + password,
		"kafka X509":         certificate,
		"kafka oauth2":       oauth,
		"amqp userPassword":  password,
		"amqps X509":         certificate + ", sasl: EXTERNAL",
		"amqp oauth2":        oauth,
	}[family+" "+s.Login]
	if settings == "" && s.Login != "" {
		d.note("server %s: how to log in by %s is left to you", s.Name, s.Login)
	}
	return cmp1(settings, encrypted)
}

// serverOf is the server of a channel: the first that it names, else the first.
func (d *draft) serverOf(ch asyncapi.Channel) asyncapi.Server {
	for _, s := range d.servers {
		if slices.Contains(ch.Servers, s.Name) {
			return s
		}
	}
	return d.servers[0]
}

// vars writes the parameters of the channels' addresses.
func (d *draft) vars(channels []asyncapi.Channel) {
	values := map[string]string{}
	for _, ch := range channels {
		fill(ch.Address, func(parameter string) string {
			name := identifier(parameter)
			if values[name] = cmp1(ch.Parameters[parameter], values[name]); values[name] == "" {
				values[name] = name
				d.note("the parameter %s of addresses is a guess: see vars, or say --var %s=…", parameter, name)
			}
			return ""
		})
	}
	if len(values) == 0 {
		return
	}
	d.line("\nvars: # parameters of addresses")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		d.line("  %s: %s", name, strconv.Quote(legal(values[name], "._-", '-')))
	}
}

// address writes where a channel is.
func (d *draft) address(ch asyncapi.Channel, server asyncapi.Server) {
	if ch.Address == "" {
		d.note("channel %s: the document does not say its address: its name stands for it", ch.Name)
		ch.Address = cmp1(ch.Name, "channel")
	}
	named := func(key, allowed string, instead rune) {
		plain := fill(ch.Address, func(p string) string { return "${vars." + identifier(p) + "}" })
		name, comment := plain, ""
		if allowed != "" {
			name = cmp1(strings.Trim(legalAround(plain, allowed, instead), string(instead)), "channel")
		}
		if plain != name {
			comment = " # in the document " + strconv.Quote(ch.Address)
			d.note("channel %s: %s cannot be called so: see the file", ch.Name, strconv.Quote(ch.Address))
		}
		d.line("    %s: %s%s", key, strconv.Quote(name), comment)
	}
	switch protocol := strings.ToLower(server.Protocol); {
	case strings.HasPrefix(protocol, "kafka"):
		named("topic", "._-", '.')
	case protocol == "sqs":
		named("sqs", "_-", '-')
		d.line("    intrusive: true # a tap of a queue takes its messages away")
	case protocol == "sns":
		named("sns", "_-", '-')
	case ch.Kind == "queue":
		named("queue", "", 0)
	case ch.Exchange != "":
		d.line("    exchange: %s", strconv.Quote(escaped(ch.Exchange)))
		d.line("    routing-key: %s", strconv.Quote(fill(ch.Address, func(string) string { return "*" })))
	default:
		named("exchange", "", 0)
	}
}

// fill puts something in the place of each {name}; a "${" of the text's own stays
// what it is.
func fill(text string, with func(name string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			b.WriteString(escaped(text))
			return b.String()
		}
		b.WriteString(escaped(before) + with(name))
		text = after
	}
}

// escaped is a text in which nothing is an expression.
func escaped(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// legal is a text of ASCII letters, digits and the allowed others.
func legal(text, allowed string, instead rune) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune(allowed, r) {
			return r
		}
		return instead
	}, text)
}

// legalAround is legal for all of a text but its expressions.
func legalAround(text, allowed string, instead rune) string {
	before, rest, found := strings.Cut(text, "${vars.")
	name, after, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return legal(text, allowed, instead)
	}
	return legal(before, allowed, instead) + "${vars." + name + "}" + legalAround(after, allowed, instead)
}

// environment is a name as environment variables have them.
func environment(name string) string {
	name = strings.ToUpper(legal(name, "_", '_'))
	if name == "" || unicode.IsDigit(rune(name[0])) {
		name = "X" + name
	}
	return name
}
