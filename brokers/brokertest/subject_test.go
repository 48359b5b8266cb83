package brokertest_test

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
)

// A subject that says something wrong of itself is told so before any case.
func TestSubjectIsChecked(t *testing.T) {
	for want, spoil := range map[string]func(*brokertest.Subject){
		"":                                   func(*brokertest.Subject) {},
		"lacks Check":                        func(s *brokertest.Subject) { s.Adapter.OpenTapper = nil },
		"Subject.NewChannel is nil":          func(s *brokertest.Subject) { s.NewChannel = nil },
		`names "tap-dance", which is no`:     func(s *brokertest.Subject) { s.Unserved["tap-dance"] = "no legs" },
		`gives no reason for "start-time"`:   func(s *brokertest.Subject) { s.Unserved["start-time"] = "" },
		`"too-large" cannot be served where`: func(s *brokertest.Subject) { s.Claims.MaxMessage = 0 },
	} {
		s, _ := memorytest.Topic()
		spoil(&s)
		err := s.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got: %v", want, err)
		}
	}
}
