package command

import (
	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// addCompletion adds the command that writes a shell's completions, and gives them the
// values of all flags that have a list of values.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			// By default it shows the help for an unknown shell and exits with 0.
			cmd.Args, cmd.RunE = noArguments, showHelp
			for _, shell := range cmd.Commands() {
				shell.Args = noArguments
			}
		}
	}
	completeFlags(root)
}

func completeFlags(cmd *cobra.Command) {
	for name, values := range map[string][]string{
		"policy":       {policy.Documented, policy.Canonical},
		"error-format": {"problem", "status", "error"},
		"headers":      {config.HeadersGRPCGateway},
		"log-level":    {"debug", "info", "warn", "error"},
		"log-format":   {"text", "json"},
		"transport":    {"all", conformance.OverHTTP1, conformance.OverH2C},
		"format":       {"json", "yaml"},
	} {
		if cmd.LocalFlags().Lookup(name) == nil {
			continue
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if name == "policy" && cmd.Name() != "conformance" {
			directive = cobra.ShellCompDirectiveDefault // It may be a file.
		}
		// Its one error is that the flag is known already: the program itself has those of serve.
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, directive))
	}
	for _, child := range cmd.Commands() {
		completeFlags(child)
	}
}
