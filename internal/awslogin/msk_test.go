package awslogin

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/flowcheck/flowcheck/brokers"
)

// TestMSKTokenIsGolden: the token was computed by Signature Version 4 as AWS
// describes it, by another program. No MSK was asked.
func TestMSKTokenIsGolden(t *testing.T) {
	const want = "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-west-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261122T100000Z&X-Amz-Expires=900&X-Amz-Security-Token=session%2Ftoken%2B%3D&X-Amz-SignedHeaders=host&X-Amz-Signature=7b34f15bc838ebac972207b4c186358b97ad3d4718387672ce9b1dc9c6615132&User-Agent=flowcheck"
	m := &MSK{
		region:      "eu-west-1",
		credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token+="),
		now:         func() time.Time { return time.Date(2026, 11, 22, 11, 0, 0, 0, time.FixedZone("CET", 3600)) },
	}
	token, err := m.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}

func TestMSKRegion(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	for _, c := range []struct{ url, said, want string }{
		{"kafka://b-1.shop.abc123.c2.kafka.eu-west-1.amazonaws.com:9098", "", "eu-west-1"},
		{"kafka://boot-x.c1.kafka-serverless.us-east-2.amazonaws.com:9098", "", "us-east-2"},
		{"kafka://b-1.shop.abc123.c2.kafka.eu-west-1.amazonaws.com:9098", "eu-central-1", "eu-central-1"},
		{"kafka://localhost:9098", "ap-south-1", "ap-south-1"},
		{"kafka://localhost:9098", "", ""},
	} {
		m, err := NewMSK(t.Context(), brokers.Config{URL: c.url, SASL: brokers.SASL{Region: c.said}, Username: "a", Password: "b"})
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: region %q, want an error", c.url, m.region)
			}
			continue
		}
		if err != nil || m.region != c.want {
			t.Errorf("%s: %+v, %v: want %s", c.url, m, err, c.want)
		}
	}
}
