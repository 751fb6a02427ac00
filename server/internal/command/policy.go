package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/terminal"
)

func newPolicy(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check and show policies",
		Long: `A policy decides which status an error becomes: by its domain and reason, else by
the types of its details, else by its code. Two policies are built in, documented
and canonical. To make your own, change a copy and check it:

  statusway policy show --json > mine.json
  statusway policy check mine.json
  statusway serve --policy mine.json`,
		Args: noArguments,
		RunE: showHelp,

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(newPolicyCheck(streams), newPolicyShow(streams))
	return cmd
}

// checked is the documented output of policy check --json. A policy with problems has
// neither a name nor counts.
type checked struct {
	File     string    `json:"file"`
	Name     string    `json:"name,omitempty"`
	Rows     int       `json:"rows,omitempty"`
	Rules    int       `json:"rules,omitempty"`
	Problems []problem `json:"problems"`
}

// problem is one mistake in a policy. Line is 0, and omitted, if the mistake is on no
// line.
type problem struct {
	Line   int    `json:"line,omitempty"`
	Reason string `json:"reason"`
}

func newPolicyCheck(streams Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Report the mistakes in a policy file, by line",
		Example: `  statusway policy check mine.yaml
  statusway policy check --json mine.yaml     {file, name, rows, rules, problems: [{line, reason}]}`,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return usage(errors.New("policy check takes one file"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, arguments []string) error {
			file := arguments[0]
			table, err := loadPolicy(file)
			problems := problemsIn(err)
			switch {
			case asJSON && len(problems) > 0:
				return errors.Join(encode(streams.Out, checked{File: file, Name: "", Rows: 0, Rules: 0, Problems: problems}), err)
			case err != nil:
				return err
			case asJSON:
				return encode(streams.Out, checked{file, table.Name(), len(table.Rows()), len(table.Policy().GetRules()), []problem{}})
			}
			c := terminal.ColoursOf(streams.Out)
			fmt.Fprintf(streams.Out, "%s: %sthe policy %s is closed and total%s: %d rows, %d rules\n",
				file, c.Good, table.Name(), c.Reset, len(table.Rows()), len(table.Policy().GetRules()))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print {file, name, rows, rules, problems} as JSON")
	return cmd
}

// problemsIn returns the mistakes in a file that an error reports; none for other errors.
func problemsIn(err error) []problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []problem
		for _, one := range joined.Unwrap() {
			all = append(all, problemsIn(one)...)
		}
		return all
	}
	if fault, ok := errors.AsType[*policy.FileError](err); ok {
		return []problem{{fault.Line, fault.Reason}}
	}
	return nil
}

func newPolicyShow(streams Streams) *cobra.Command {
	var policyName string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the effective policy",
		Long:  "show prints every row of a policy with the rules that lead to it. With --json it prints the whole policy, as a file for --policy.",
		Example: `  statusway policy show --policy canonical
  statusway policy show --json > mine.json`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(*cobra.Command, []string) error {
			table, err := loadPolicy(policyName)
			if err != nil {
				return err
			}
			if asJSON {
				text, err := gateway.MarshalJSON(table.Policy())
				if err != nil {
					return fmt.Errorf("encoding the policy: %w", err)
				}
				return encode(streams.Out, json.RawMessage(text))
			}
			writePolicy(streams.Out, table)
			return nil
		},
	}
	cmd.Flags().StringVar(&policyName, "policy", policy.Documented, "documented, canonical, or the `file` of a policy")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the policy as JSON")
	return cmd
}

func writePolicy(out io.Writer, table *policy.Table) {
	c := terminal.ColoursOf(out)
	for _, row := range table.Rows() {
		status := int(row.GetStatus())
		fmt.Fprintf(out, "%s%s%d %s%s\n    %s %s(%s)%s\n",
			c.Bold, c.OfStatus(status), status, row.GetTitle(), c.Reset, row.GetDescription(), c.Dim, row.GetSource(), c.Reset)
		for _, rule := range table.RulesTo(status) {
			fmt.Fprintf(out, "    - %s%s%s: %s\n", c.Bold, rule.GetName(), c.Reset, rule.GetWhy())
		}
	}
}
