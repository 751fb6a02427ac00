package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	spb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/terminal"
)

// maxStatusBytes bounds how much map reads.
const maxStatusBytes = 1 << 20

var errStatus = errors.New("standard input is not a google.rpc.Status as JSON")

type mapSettings struct {
	policy    string
	publicURL string
	json      bool
}

func newMap(streams Streams) *cobra.Command {
	var settings mapSettings
	cmd := &cobra.Command{
		Use:     "map",
		Short:   "Show the HTTP response for a google.rpc.Status",
		Long:    "map reads a google.rpc.Status as JSON from standard input and prints the HTTP response, with the rule that decided it.",
		Example: `  echo '{"code": 5, "message": "no such teapot"}' | statusway map`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(*cobra.Command, []string) error {
			answer, err := mapStatus(streams, settings)
			if err != nil {
				return err
			}
			if settings.json {
				return printJSON(streams.Out, answer)
			}
			return printAnswer(streams.Out, answer)
		},
	}
	cmd.Flags().StringVar(&settings.policy, "policy", "documented", "documented, canonical, or the `file` of a policy")
	cmd.Flags().StringVar(&settings.publicURL, "public-url", "", "`URL` that problem types begin with (default paths alone)")
	cmd.Flags().BoolVar(&settings.json, "json", false, "print {httpStatus, headers, body, rule} as JSON")
	return cmd
}

func mapStatus(streams Streams, settings mapSettings) (gateway.Response, error) {
	if err := config.CheckURL("--public-url", settings.publicURL); err != nil {
		return gateway.Response{}, usage(err)
	}
	table, err := loadPolicy(settings.policy)
	if err != nil {
		return gateway.Response{}, err
	}
	pages := map[string]gateway.Page{"/statuses/404": {}} // as a server has them
	mapper, err := gateway.NewMapper(nil, gateway.Config{Policy: table, PublicURL: settings.publicURL, Pages: pages, Realm: "statusway"})
	if err != nil {
		return gateway.Response{}, usage(err)
	}
	if terminal.Is(streams.In) {
		fmt.Fprintln(streams.Err, "Type a google.rpc.Status as JSON, and end it by Ctrl-D.")
	}
	text, err := io.ReadAll(io.LimitReader(streams.In, maxStatusBytes+1))
	if err != nil {
		return gateway.Response{}, fmt.Errorf("reading standard input: %w", err)
	}
	if len(text) > maxStatusBytes {
		return gateway.Response{}, fmt.Errorf("%w: it is longer than %d bytes", errStatus, maxStatusBytes)
	}
	status := &spb.Status{}
	if err := gateway.UnmarshalJSON(text, status); err != nil {
		return gateway.Response{}, fmt.Errorf("%w: %w", errStatus, err)
	}
	return mapper.Map(status, gateway.MapRequest{})
}

// mapped is the documented output of map --json. The body has its members in the order
// in which they are sent; it is null where there is none.
type mapped struct {
	HTTPStatus int               `json:"httpStatus"`
	Headers    map[string]string `json:"headers"`
	Body       json.RawMessage   `json:"body"`
	Rule       string            `json:"rule"`
}

func printJSON(out io.Writer, answer gateway.Response) error {
	headers := map[string]string{}
	for name, values := range answer.Header {
		headers[name] = strings.Join(values, ", ")
	}
	return encode(out, mapped{HTTPStatus: int(answer.Row.GetStatus()), Headers: headers, Body: answer.Body, Rule: answer.Rule.GetName()})
}

// encode writes JSON for people: a terminal needs no < to be escaped.
func encode(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func printAnswer(out io.Writer, answer gateway.Response) error {
	c, status, rule := terminal.ColoursOf(out), int(answer.Row.GetStatus()), answer.Rule
	fmt.Fprintf(out, "%sHTTP %d%s\n", c.OfStatus(status), status, c.Reset)
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		fmt.Fprintf(out, "%s: %s\n", name, strings.Join(answer.Header[name], ", "))
	}
	if len(answer.Body) > 0 {
		fmt.Fprintln(out)
		if err := encode(out, json.RawMessage(answer.Body)); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%srule %s%s: %s %s(%s)%s\n", c.Bold, rule.GetName(), c.Reset, rule.GetWhy(), c.Dim, rule.GetSpec(), c.Reset)
	return nil
}
