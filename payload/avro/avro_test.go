package avro

import (
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

const all = `{"type":"record","name":"Order","namespace":"shop","fields":[
 {"name":"z","type":"long"},
 {"name":"id","type":{"type":"string","logicalType":"uuid"}},
 {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},
 {"name":"fee","type":{"type":"fixed","name":"Fee","size":8,"logicalType":"decimal","precision":10,"scale":3}},
 {"name":"day","type":{"type":"int","logicalType":"date"}},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"at6","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
 {"name":"clock6","type":{"type":"long","logicalType":"time-micros"}},
 {"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID"]}},
 {"name":"note","type":["null","string"]},
 {"name":"pay","type":["null",{"type":"record","name":"Card","fields":[{"name":"no","type":"string"}]},{"type":"record","name":"Cash","fields":[{"name":"coins","type":"int"}]}]},
 {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"qty","type":"int","default":1}]}}},
 {"name":"tags","type":{"type":"map","values":"long"}},
 {"name":"raw","type":"bytes"},
 {"name":"f","type":"float"},
 {"name":"d","type":"double"},
 {"name":"ok","type":"boolean"},
 {"name":"gid","type":{"type":"fixed","name":"G","size":16,"logicalType":"uuid"}},
 {"name":"num","type":["null","long","double"]}
]}`

func TestGoesBothWays(t *testing.T) {
	s, err := Compile(all)
	if err != nil {
		t.Fatal(err)
	}
	v, err := payload.Decode([]byte(`{"z":9223372036854775807,"id":"0f8fad5b-d9cb-469f-a165-70867728950e","total":42.50,"fee":-0.125,"day":"2026-11-22","at":"2026-11-22T10:00:00.001Z","at6":"2026-11-22T10:00:00.000001Z","clock":"10:00:00.5","clock6":"10:00:00.000001","status":"PAID","note":null,"pay":{"coins":5},"lines":[{"sku":"a","qty":2},{"sku":"b"}],"tags":{"x":-9007199254740993},"raw":"AAE=","f":0.1,"d":0.1,"ok":true,"gid":"0f8fad5b-d9cb-469f-a165-70867728950e","num":5}`))
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Decode(data)
	if err != nil || lost(v, got, "body") != "" {
		t.Errorf("got %s, %v", payload.Plain(got), err)
	}
	for _, name := range []string{"z", "id", "total", "fee", "day", "at", "at6", "clock", "clock6", "status", "raw", "gid", "tags"} {
		if !payload.Equal(got.Member(name), v.Member(name)) {
			t.Errorf("%s: %s became %s", name, payload.Plain(v.Member(name)), payload.Plain(got.Member(name)))
		}
	}
	for _, bad := range []string{`{"type":"array","items":"null"}`, `{"type":"array","items":{"type":"record","name":"R","fields":[]}}`} {
		s, err := Compile(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Decode([]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0}); err == nil {
			t.Errorf("%s: an array of %d items of no bytes passes", bad, 1<<34)
		}
	}
}
