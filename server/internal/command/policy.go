package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway/jsoncodec"
)

func newPolicy(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check and show policies",
		Args:  noArguments,
		// Without a RunE cobra shows the help for a misspelt command too, and calls it a success.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyCheck(streams), newPolicyShow(streams))
	return cmd
}

func newPolicyCheck(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a policy file, by line",
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return fmt.Errorf("policy check takes one file: %w", errUsage)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, arguments []string) error {
			table, err := loadPolicy(arguments[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(streams.Out, "%s: the policy %s is closed and total: %d rows, %d rules\n",
				arguments[0], table.Name(), len(table.Rows()), len(table.Policy().GetRules()))
			return nil
		},
	}
}

func newPolicyShow(streams Streams) *cobra.Command {
	var policy string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Print the effective policy",
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(*cobra.Command, []string) error {
			table, err := loadPolicy(policy)
			if err != nil {
				return err
			}
			if asJSON {
				text, err := jsoncodec.Marshal(table.Policy())
				if err != nil {
					return fmt.Errorf("encoding the policy: %w", err)
				}
				return encode(streams.Out, json.RawMessage(text))
			}
			for _, row := range table.Rows() {
				fmt.Fprintf(streams.Out, "%d %s\n    %s (%s)\n", row.GetStatus(), row.GetTitle(), row.GetDescription(), row.GetSource())
				for _, rule := range table.RulesTo(int(row.GetStatus())) {
					fmt.Fprintf(streams.Out, "    - %s: %s\n", rule.GetName(), rule.GetWhy())
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "documented", "documented, canonical, or the `file` of a policy")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}
