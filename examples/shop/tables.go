package shop

import amqp "github.com/rabbitmq/amqp091-go"

// fromAMQP turns the client's tables into plain maps, toAMQP back.
func fromAMQP(v any) any {
	switch v := v.(type) {
	case amqp.Table:
		m := make(map[string]any, len(v))
		for name, value := range v {
			m[name] = fromAMQP(value)
		}
		return m
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = fromAMQP(v[i])
		}
		return all
	default:
		return v
	}
}

func toAMQP(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(amqp.Table, len(v))
		for name, value := range v {
			m[name] = toAMQP(value)
		}
		return m
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = toAMQP(v[i])
		}
		return all
	default:
		return v
	}
}
