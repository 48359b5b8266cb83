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
		"":                                 func(*brokertest.Subject) {},
		"lacks Check":                      func(s *brokertest.Subject) { s.Adapter.OpenTapper = nil },
		"Subject.NewChannel is nil":        func(s *brokertest.Subject) { s.NewChannel = nil },
		`names "tap-dance", which is no`:   func(s *brokertest.Subject) { s.Unserved["tap-dance"] = "no legs" },
		`gives no reason for "start-time"`: func(s *brokertest.Subject) { s.Unserved["start-time"] = "" },
	} {
		s, _ := memorytest.Topic()
		spoil(&s)
		err := s.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got: %v", want, err)
		}
	}
}

// Without a limit there is nothing that is too large.
func TestTooLargeNeedsALimit(t *testing.T) {
	s, _ := memorytest.Topic()
	if why := s.WhyUnserved("too-large"); why != "" {
		t.Errorf("with a limit: %s", why)
	}
	s.Claims.MaxMessage = 0
	if why := s.WhyUnserved("too-large"); !strings.Contains(why, "no limit is claimed") {
		t.Errorf("without a limit: %q", why)
	}
}
