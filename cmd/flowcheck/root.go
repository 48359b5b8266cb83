package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/notify"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "flowcheck",
		Short: "Verify asynchronous message flows over Kafka, RabbitMQ and AWS SNS/SQS",
		Long: `flowcheck verifies asynchronous message flows over Kafka, RabbitMQ and AWS SNS/SQS.

A flow file says what must happen to a message: the steps, their order and
deadlines, where it may end. flowcheck taps the brokers without disturbing
anybody, ties the messages into chains by their ids, and judges each chain:
pass, fail with the evidence, or unknown with the reason.

Each flag has an environment variable: FLOWCHECK_PARALLEL=8 stands for
--parallel 8. A flag beats its variable; where a flag may be repeated, the
variable has a value a line.

Exit code: 0 pass, 1 fail, 2 bad input, 3 unknown, 130 interrupted.`,
		Example: `  flowcheck init                                  write a first flow file
  flowcheck lint order.flow.yaml                  check it
  flowcheck run order.flow.yaml                   prove it against the live system
  flowcheck record order.flow.yaml -o day.jsonl   keep what goes by
  flowcheck verify order.flow.yaml day.jsonl      judge a recording, without a broker`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.setFromEnv(cmd) },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.AddCommand(newRun(a), newVerify(a), newMutate(a), newDiff(a), newLearn(a), newRecord(a), newReplay(a), newDLQ(a), newShadow(a), newGate(a), newCut(a), newLint(a), newSchema(a), newInit(a), newMask(a), newDemo(a), newVersion(a))
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Example = "  source <(flowcheck completion bash)"
		}
	}
	return root
}

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [notify]",
		Short: "Print the JSON Schema of flow files",
		Long: `Print the JSON Schema of flow files, so that an editor completes and checks them;
"schema notify" prints that of the file of shadow --notify.

In VS Code with the YAML extension, begin a flow file with:
  # yaml-language-server: $schema=./flowcheck.schema.json`,
		Example: "  flowcheck schema > flowcheck.schema.json",
		Args:    takes("[notify]", 0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			schema := source.Schema()
			if len(args) > 0 {
				if args[0] != "notify" {
					return input(fmt.Errorf("schema %s: there is notify, and without a name that of flow files", args[0]))
				}
				schema = notify.Schema()
			}
			_, err := a.out.Write(schema)
			return err
		},
	}
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: takes("", 0, 0), Example: "  flowcheck version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.Println("flowcheck " + version())
			return nil
		},
	}
}

// version is what the build recorded.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " (" + s.Value[:12] + ")"
		}
	}
	return v + " " + info.GoVersion
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
