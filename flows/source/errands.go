package source

// Errand is what setup: and cleanup: have done on a broker of the file, beside
// calls and commands.
type Errand struct {
	Broker Text   // with SQL
	SQL    []Text // statements
	Purge  Text   // a channel
}

func errandKeys() []key[Errand] {
	return []key[Errand]{
		field("broker", val.word, func(e *Errand) *Text { return &e.Broker }),
		field("sql", val.texts, func(e *Errand) *[]Text { return &e.SQL }),
		field("purge", val.word, func(e *Errand) *Text { return &e.Purge }),
	}
}

// errand reads { broker: B, sql: … } or { purge: CHANNEL }.
func (v val) errand() *Errand {
	e := &Errand{}
	if !object(v, quote(v.key), errandKeys(), e) {
		return e
	}
	switch {
	case v.has("sql") && v.has("purge"):
		v.failHint("make two entries of it", "%s has `sql` and `purge`", quote(v.key))
	case v.has("sql") && !v.has("broker"):
		v.failHint("name one of `brokers` whose URL is a database's", "%s has `sql` but no `broker`", quote(v.key))
	case v.has("purge") && v.has("broker"):
		v.fail("`purge` names a channel, which has its broker: leave out `broker`")
	}
	return e
}

// errands reads a list of calls, commands and errands.
func (v val) errands() []Call {
	var out []Call
	v.each(func(v val) {
		if v.Kind == Map && (v.has("sql") || v.has("purge")) {
			out = append(out, Call{Pos: v.Pos, Errand: v.errand()})
			return
		}
		out = append(out, *v.call())
	})
	return out
}
