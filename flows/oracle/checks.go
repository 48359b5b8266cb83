package oracle

// truth is what a check comes to.
type truth int

const (
	holds truth = iota
	fails
	notKnown
	notJudged
)

func truthOf(ok bool) truth {
	if ok {
		return holds
	}
	return fails
}

// holds evaluates a check; m is the message that it is about, nil for the whole
// chain.
func (j *judged) holds(c Check, m *msg) truth {
	switch c.Form {
	case OwnIs:
		return truthOf(is(m, c.K))
	case OwnLeast:
		return truthOf(least(m, c.K))
	case Attempts:
		told := m.copied && m.Death.Attempts > 0
		return death(m, told, func() bool { return m.Death.Attempts == c.K })
	case Rejected:
		told := m.copied && m.Death.Reason != ""
		return death(m, told, func() bool { return m.Death.Reason == "rejected" })
	}
	if j.absent(c.Step) {
		return notJudged
	}
	all := j.came(c.Step)
	switch c.Form {
	case LenIs:
		return truthOf(len(all) == c.K)
	case AllLeast:
		for _, o := range all {
			if !least(o, c.K) {
				return fails
			}
		}
		return holds
	}
	var first *msg
	if len(all) > 0 {
		first = all[0]
	}
	switch c.Form {
	case SameAs:
		a, b := number(m), number(first)
		return truthOf((a == nil) == (b == nil) && (a == nil || *a == *b))
	case AbsentOr:
		return truthOf(first == nil || is(first, c.K))
	default: // StepIs, FirstIs
		return truthOf(is(first, c.K))
	}
}

// number is body.n; nil where it is not there.
func number(m *msg) *int {
	if m == nil {
		return nil
	}
	return m.body().N
}

func is(m *msg, k int) bool { n := number(m); return n != nil && *n == k }

func least(m *msg, k int) bool { n := number(m); return n != nil && *n >= k }

// death judges what a check reads of the failure headers (rule 17).
func death(m *msg, told bool, ok func() bool) truth {
	if told {
		return truthOf(ok())
	}
	if m.copied {
		return notKnown
	}
	return fails
}
