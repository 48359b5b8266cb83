package deadletter

import (
	"bytes"
	"encoding/json"
)

// Celery, message protocol 2. A retry is published anew with the same id and
// counts in the header `retries`; it has no dead-letter queue of its own.
//
// Source: Celery documentation, "Message protocol".
var celery = dialect{
	name:  "celery",
	marks: []string{"retries"},
	proof: func(l letter) bool { return l.celeryRetries() > 0 },
	read: func(l letter) (Death, bool) {
		return Death{Attempts: attempts(l.last("retries"), 0)}, true
	},
}

// celeryRetries is how often Celery has published the task anew.
func (l letter) celeryRetries() int64 {
	if !l.has("task") || !l.has("root_id") {
		return 0
	}
	n, _ := number(l.last("retries"))
	return n
}

// dramatiqAttempts reads the attempts of a dramatiq message, which says them in
// its body only: the retries that were, and the first.
func (l letter) dramatiqAttempts() *int {
	if len(l.body) == 0 || l.body[0] != '{' || !bytes.Contains(l.body, []byte(`"actor_name"`)) {
		return nil
	}
	var task struct {
		Actor   string `json:"actor_name"`
		Options struct {
			Retries *int64 `json:"retries"`
		} `json:"options"`
	}
	if json.Unmarshal(l.body, &task) != nil || task.Actor == "" || task.Options.Retries == nil {
		return nil
	}
	return attempts(*task.Options.Retries, 1)
}
