package main

import (
	"errors"
	"net/url"
	"strings"

	"github.com/flowcheck/flowcheck/scenarios/proxy"
)

// addresses are where a shadow reaches the brokers.
type addresses struct{ kafka, rabbitmq, cloud string }

func (o *options) direct() addresses { return addresses{"kafka://" + o.kafka, o.rabbitmq, o.cloud} }

// proxies stand between the victim and the brokers.
type proxies struct {
	all []*proxy.Proxy
	at  addresses
}

func newProxies(o options) (*proxies, error) {
	p := &proxies{}
	rabbitmq, err := url.Parse(o.rabbitmq)
	if err != nil {
		return nil, err
	}
	cloud, err := url.Parse(o.cloud)
	if err != nil {
		return nil, err
	}
	for _, way := range []struct{ listen, to string }{
		{o.proxy, o.behind}, {"127.0.0.1:0", rabbitmq.Host}, {"127.0.0.1:0", cloud.Host},
	} {
		one, err := proxy.Start(way.listen, way.to)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.all = append(p.all, one)
	}
	rabbitmq.Host, cloud.Host = p.all[1].Address(), p.all[2].Address()
	p.at = addresses{"kafka://" + o.proxy, rabbitmq.String(), strings.TrimSuffix(cloud.String(), "/")}
	return p, nil
}

func (p *proxies) close() error {
	for _, one := range p.all {
		one.Close()
	}
	return nil
}
