package shop

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// Listener is one of Kafka that is behind a proxy: it sends its clients there.
type Listener struct{ Behind, Proxy string }

// TestListeners are those of the Kafka that the tests use, for systems under test.
func TestListeners() ([]Listener, error) {
	const envBehind, envProxy = "FLOWCHECK_TEST_KAFKA_SYSTEM_BEHIND", "FLOWCHECK_TEST_KAFKA_SYSTEM_PROXY"
	behind, at := strings.Split(os.Getenv(envBehind), ","), strings.Split(os.Getenv(envProxy), ",")
	if behind[0] == "" || len(behind) != len(at) {
		return nil, fmt.Errorf("%s and %s are not set", envBehind, envProxy)
	}
	var all []Listener
	for i := range behind {
		all = append(all, Listener{behind[i], at[i]})
	}
	return all, nil
}

// Proxies is where flowcheck's proxies are to be, and what is behind them.
type Proxies struct {
	// Variables say it to the shop's flow files: NAME=VALUE.
	Variables []string

	brokers, through Environment
}

// PlanProxies finds ports for the proxies between a shop and its brokers. Nobody
// listens there yet.
func PlanProxies(ctx context.Context, brokers Environment, kafka Listener) (*Proxies, error) {
	rabbit, rabbitErr := url.Parse(brokers.Rabbit)
	aws, awsErr := url.Parse(brokers.AWSEndpoint)
	at, portsErr := ports.Free(ctx, 2)
	if err := errors.Join(rabbitErr, awsErr, portsErr); err != nil {
		return nil, err
	}
	p := &Proxies{brokers: brokers, through: brokers}
	p.Variables = []string{"KAFKA_PROXY=" + kafka.Proxy, "KAFKA_BEHIND=" + kafka.Behind, "RABBIT_BEHIND=" + rabbit.Host, "AWS_BEHIND=" + aws.Host}
	rabbit.Host, aws.Host = fmt.Sprintf("127.0.0.1:%d", at[0]), fmt.Sprintf("127.0.0.1:%d", at[1])
	p.Variables = append(p.Variables, "RABBIT_PROXY="+rabbit.Host, "AWS_PROXY="+aws.Host)
	p.through.Kafka, p.through.Rabbit, p.through.AWSEndpoint = kafka.Proxy, rabbit.String(), aws.String()
	return p, nil
}

// Environment is where a shop finds its brokers while flowcheck works with a flow
// file: behind the proxies those that the flow has, the others where they are.
func (p *Proxies) Environment(flowFile string) (Environment, error) {
	at := p.brokers
	text, err := os.ReadFile(flowFile)
	if err != nil {
		return at, err
	}
	for name, put := range map[string]func(){
		"env.KAFKA_PROXY":  func() { at.Kafka = p.through.Kafka },
		"env.RABBIT_PROXY": func() { at.Rabbit = p.through.Rabbit },
		"env.AWS_PROXY":    func() { at.AWSEndpoint = p.through.AWSEndpoint },
	} {
		if strings.Contains(string(text), name) {
			put()
		}
	}
	return at, nil
}
