package main

import (
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"
)

// strangerCommand is: stranger, which starts a server with a certificate that
// nobody trusts; its address is then in $STRANGER.
func strangerCommand(ts *testscript.TestScript, _ bool, _ []string) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.StartTLS()
	ts.Defer(s.Close)
	ts.Setenv("STRANGER", s.Listener.Addr().String())
}

// guardedCommand is: guarded TOPIC…, which starts an embedded Kafka with a login,
// admin:hunter2; its address is then in $GUARDED.
func guardedCommand(ts *testscript.TestScript, _ bool, args []string) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, args...), kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "hunter2"))
	ts.Check(err)
	ts.Defer(cluster.Close)
	ts.Setenv("GUARDED", cluster.ListenAddrs()[0])
}

// deafCommand is: deaf, which starts a listener that takes connections and never
// says a word; its address is then in $DEAF.
func deafCommand(ts *testscript.TestScript, _ bool, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var open []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close()
				}
				return
			}
			open = append(open, conn)
		}
	}()
	ts.Defer(func() { _ = listener.Close(); <-done })
	ts.Setenv("DEAF", listener.Addr().String())
}

// refusalCommand is: refusal, which starts an AWS that takes no credentials; its
// address is then in $REFUSAL.
func refusalCommand(ts *testscript.TestScript, _ bool, _ []string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.sqs#InvalidClientTokenId","message":"The security token included in the request is invalid."}`))
	}))
	ts.Defer(s.Close)
	ts.Setenv("REFUSAL", s.URL)
}
