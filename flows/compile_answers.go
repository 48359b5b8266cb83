package flows

import (
	"strconv"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// answers are what callers over HTTP get, made once: they see no message.
func (c *compiler) answers(all []source.Answer) []Answer {
	var answers []Answer
	for i := range all {
		from := &all[i]
		a := Answer{Delay: c.duration(from.Delay, 0)}
		if from.Status.IsSet() {
			status, err := strconv.Atoi(c.text(from.Status))
			if err != nil || status < 200 || status > 599 {
				c.fail(from.Status.Pos, "`status` must be a number from 200 to 599")
			}
			a.Status = status
		}
		for _, h := range from.Headers {
			a.Headers = append(a.Headers, AnswerHeader{c.text(h.Name), payload.Plain(c.data(h.Value))})
		}
		switch v := c.data(from.Body); {
		case !from.Body.IsSet():
		case v.Kind() == payload.String:
			a.Body = []byte(v.Text())
		default:
			a.Body = payload.AppendJSON(nil, v)
		}
		answers = append(answers, a)
	}
	return answers
}
