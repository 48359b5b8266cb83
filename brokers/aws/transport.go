package aws

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/flowcheck/flowcheck/brokers"
)

// httpClient is the SDK's own with a short wait for a connection. An answer may
// take as long as a long poll does.
func httpClient(t *brokers.TLS) (*awshttp.BuildableClient, error) {
	secure, err := t.Load()
	if err != nil {
		return nil, err
	}
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(tr *http.Transport) {
			tr.TLSHandshakeTimeout = dialTimeout
			tr.ResponseHeaderTimeout = longPoll*time.Second + answerTimeout
			if secure != nil {
				tr.TLSClientConfig = secure
			}
		})
	return client, nil
}

// wholeBody sends each request's body from memory.
//
// The SDK's own body (smithy-go's safeReadCloser) is closed as soon as the
// answer begins, and from then on its WriteTo fails with io.EOF. A broker on
// this machine answers so fast that net/http may still be asking it for more:
// net/http then takes the request for failed and tears the connection down below
// the answer. A body in memory goes out in one piece with the headers, and lets
// net/http use another connection where the broker has closed an idle one.
type wholeBody struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w wholeBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return w.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if closeErr := r.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	whole := r.WithContext(r.Context())
	whole.Body = io.NopCloser(bytes.NewReader(body))
	whole.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return w.next.RoundTrip(whole)
}
