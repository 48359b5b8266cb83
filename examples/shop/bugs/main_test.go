package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/flowcheck/flowcheck/examples/shop"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestEveryBugIsFound runs the whole matrix on the real brokers: the correct
// shop passes, and each bug is found as what it is.
func TestEveryBugIsFound(t *testing.T) {
	env := shop.Environment{
		Kafka: testbroker.Kafka(t), Rabbit: testbroker.RabbitMQ(t), AWSEndpoint: testbroker.Ministack(t),
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	program := filepath.Join(t.TempDir(), "flowcheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/flowcheck/flowcheck/cmd/flowcheck")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	ok, err := tryAll(t.Context(), trial{program, "..", env}, "")
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Error("something else was found than should be: see the table")
	}
}

func TestRight(t *testing.T) {
	late := shop.Bug{Name: "late-step", Kind: "late"}
	for _, c := range []struct {
		about string
		bug   shop.Bug
		got   outcome
		want  bool
	}{
		{"found", late, outcome{code: 1, kinds: []string{"late", "missing"}}, true},
		{"found as something else", late, outcome{code: 1, kinds: []string{"missing"}}, false},
		{"unknown", late, outcome{code: 3}, false},
		{"missed", late, outcome{}, false},
		{"sound", shop.Bug{}, outcome{}, true},
		{"accused", shop.Bug{}, outcome{code: 1, kinds: []string{"late"}}, false},
		{"not judged", shop.Bug{}, outcome{code: 3}, false},
	} {
		if got := right(c.bug, c.got); got != c.want {
			t.Errorf("%s: %v", c.about, got)
		}
	}
}
