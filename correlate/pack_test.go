package correlate

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// instants draws times: unknown, in whole milliseconds, and any at all.
func instants() *rapid.Generator[Instant] {
	return rapid.OneOf(
		rapid.Just(Never),
		rapid.Map(rapid.Int64Range(0, 4e12), func(ms int64) Instant { return Instant(ms) * Instant(time.Millisecond) }),
		rapid.Map(rapid.Int64(), func(n int64) Instant { return Instant(n) }),
	)
}

func positions() *rapid.Generator[message.Position] {
	return rapid.Custom(func(t *rapid.T) message.Position {
		switch n := rapid.Int64().Draw(t, "offset"); rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return message.At(rapid.Int32().Draw(t, "partition"), n)
		case 1:
			return message.Nth(n)
		case 2:
			return message.Named(rapid.String().Draw(t, "name"))
		default:
			return message.Position{}
		}
	})
}

func details(t *rapid.T) *Detail {
	d := &Detail{
		Origin: rapid.Int16().Draw(t, "origin"), OriginAt: positions().Draw(t, "origin at"), Lifted: rapid.Bool().Draw(t, "lifted"),
		Stray: StrayKind(rapid.IntRange(0, 3).Draw(t, "stray")), Text: rapid.String().Draw(t, "text"),
		Shown: rapid.String().Draw(t, "shown"),
	}
	if n := rapid.IntRange(0, 3).Draw(t, "payloads"); n > 0 {
		d.Payloads = make([]uint64, n)
		d.Payloads[0] = rapid.Uint64().Draw(t, "payload")
	}
	return d
}

func entries() *rapid.Generator[Entry] {
	return rapid.Custom(func(t *rapid.T) Entry {
		e := Entry{
			Seq: rapid.Uint64().Draw(t, "seq"), Time: instants().Draw(t, "time"), Seen: instants().Draw(t, "seen"),
			Position: positions().Draw(t, "position"), Body: rapid.Uint64().Draw(t, "body"),
			ID: rapid.SampledFrom([]uint64{0, 77}).Draw(t, "id"), Tree: rapid.SampledFrom([]uint64{0, 78}).Draw(t, "tree"),
			Step: int16(rapid.IntRange(-1, 300).Draw(t, "step")), Channel: int16(rapid.IntRange(0, 300).Draw(t, "channel")),
			Copy: rapid.Bool().Draw(t, "copy"), Producer: rapid.Bool().Draw(t, "producer"),
			Tombstone: rapid.Bool().Draw(t, "tombstone"), HasKey: rapid.Bool().Draw(t, "has key"),
		}
		if e.HasKey {
			e.Key = rapid.Uint64().Draw(t, "key")
		}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			e.Fields = append(e.Fields, payload.OfInt(rapid.Int64().Draw(t, "field")), payload.OfString("text"))
		}
		if rapid.Bool().Draw(t, "detailed") {
			e.Detail = details(t)
		}
		return e
	})
}

func TestAnEntryComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, base := entries().Draw(t, "entry"), max(instants().Draw(t, "base"), 0)
		r := reader{packEntry(nil, &want, base)}
		var got Entry
		r.entry(&got, base, nil)
		if len(r.b) > 0 {
			t.Fatalf("%d bytes too many", len(r.b))
		}
		gotFields, wantFields := got.Fields, want.Fields
		got.Fields, want.Fields = nil, nil
		if !reflect.DeepEqual(got, want) || len(gotFields) != len(wantFields) {
			t.Fatalf("%+v with %+v came back as\n%+v with %+v", want, want.Detail, got, got.Detail)
		}
		for i := range wantFields {
			if payload.Plain(gotFields[i]) != payload.Plain(wantFields[i]) {
				t.Fatalf("field %d came back as %s", i, payload.Plain(gotFields[i]))
			}
		}
	})
}

// TestPackedSize keeps an entry small: a million chains of four are open at once.
func TestPackedSize(t *testing.T) {
	at := Instant(1_800_000_000_000) * Instant(time.Millisecond)
	e := Entry{
		Seq: 1_000_000, Time: at, Seen: at + Instant(3*time.Millisecond), Position: message.At(7, 1_000_000),
		Body: 1 << 63, Key: 1 << 63, HasKey: true, Step: 2, Channel: 3,
	}
	if n := len(packEntry(nil, &e, at-Instant(time.Hour))); n > 33 {
		t.Errorf("an entry takes %d bytes", n)
	}
}
