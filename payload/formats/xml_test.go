package formats

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

func TestXML(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{
			"scalars", `<o><a>1</a><b>007</b><c>true</c><d> x </d><e/><f>18446744073709551615</f><g>1.10</g></o>`,
			`{"#name":"o","a":1,"b":"007","c":true,"d":" x ","e":"","f":18446744073709551615,"g":1.10}`,
		},
		{"repeats", `<o><l>1</l><m/><l>2</l><l>3</l></o>`, `{"#name":"o","l":[1,2,3],"m":""}`},
		{
			"attributes", `<o xmlns="urn:x" xmlns:y="urn:y" y:id="5"><a u="EUR">9.99</a></o>`,
			`{"#name":"o","@id":5,"a":{"@u":"EUR","#text":9.99}}`,
		},
		{"mixed", `<o>hello <b>bold</b> world</o>`, `{"#name":"o","b":"bold","#text":"hello  world"}`},
		{"cdata", `<o><a><![CDATA[<b>&]]></a></o>`, `{"#name":"o","a":"<b>&"}`},
		{"text alone", `<?xml version="1.0" encoding="UTF-8"?><!-- c --><o>5</o>`, `{"#name":"o","#text":5}`},
		{"latin1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><o><a>\xe9</a></o>", `{"#name":"o","a":"é"}`},
	}
	c := open(t, payload.Setup{Format: "xml"})
	for _, tt := range tests {
		if got, err := decode(c, []byte(tt.text)); got != tt.want || err != nil {
			t.Errorf("%s: got %s, %v\nwant %s", tt.name, got, err, tt.want)
		}
	}
}

func TestXMLRefuses(t *testing.T) {
	c := open(t, payload.Setup{Format: "xml"})
	for text, want := range map[string]string{
		`<a/><b/>`: "second element",
		`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`: "invalid character entity",
		`plain`:                              "it is no XML: it begins with 70",
		strings.Repeat("<a>", maxXMLDepth+1): "nest deeper",
		`<?xml version="1.0" encoding="EBCDIC"?><a/>`: "the encoding EBCDIC is not known",
	} {
		if _, err := decode(c, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

func TestXMLGoesBothWays(t *testing.T) {
	c := open(t, payload.Setup{Format: "xml", Schema: payload.SchemaSpec{Root: "order"}})
	v, err := payload.Decode([]byte(`{"id":"o-1","@kind":"a\"b","line":[{"sku":"<A>"},{"sku":"B"}],"note":null,"total":42.50}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"#name":"order","@kind":"a\"b","id":"o-1","line":[{"sku":"<A>"},{"sku":"B"}],"note":null,"total":42.5}`
	if got, err := decode(c, e.Data); got != want || err != nil {
		t.Errorf("%s\ngot  %s, %v\nwant %s", e.Data, got, err, want)
	}
	bad := payload.OfObject([]payload.Member{{Name: "a b", Value: payload.OfInt(1)}})
	if _, err := c.Encode(bad); err == nil {
		t.Error("a name with a space passes")
	}
	if _, err := open(t, payload.Setup{Format: "xml"}).Encode(v); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("without a root: %v", err)
	}
}
