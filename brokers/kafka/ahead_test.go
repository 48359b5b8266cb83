package kafka

import (
	"testing"

	"github.com/IBM/sarama"
)

// TestAnAnswerFromElsewhereIsNotTaken: what was asked ahead is of use only where the
// partition has come to just there.
func TestAnAnswerFromElsewhereIsNotTaken(t *testing.T) {
	p := newPartition(spot{topic: "orders", partition: 3}, []string{"orders"}, 7)
	other := newPartition(spot{topic: "orders", partition: 4}, []string{"orders"}, 7)
	answer := &sarama.FetchResponse{}
	answer.AddError("orders", 3, sarama.ErrNoError)
	answer.AddError("orders", 4, sarama.ErrNoError)
	f := &fetching{asked: map[*partition]int64{p: 9}, answer: answer}
	if f.block(p) != nil || f.block(other) != nil {
		t.Error("an answer from 9 on is taken at 7, or one that was not asked for")
	}
	p.move(9)
	if f.block(p) == nil {
		t.Error("the answer from 9 on is not taken at 9")
	}
}
