package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	spb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/respond"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/terminal"
)

// longestStatus bounds what map reads.
const longestStatus = 1 << 20

var errStatus = errors.New("standard input is no google.rpc.Status as JSON")

type mapSettings struct {
	policy    string
	publicURL string
	json      bool
}

func newMap(streams Streams) *cobra.Command {
	var settings mapSettings
	cmd := &cobra.Command{
		Use:     "map",
		Short:   "Show the HTTP answer that a google.rpc.Status becomes",
		Long:    "map reads a google.rpc.Status as JSON from standard input and prints the HTTP answer, with the rule that decided it.",
		Example: `  echo '{"code": 5, "message": "no such teapot"}' | statusway map`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			response, err := mapStatus(cmd.Context(), streams, settings)
			if err != nil {
				return err
			}
			if settings.json {
				return printJSON(streams.Out, response)
			}
			return printAnswer(streams.Out, response)
		},
	}
	cmd.Flags().StringVar(&settings.policy, "policy", "documented", "documented, canonical, or the `file` of a policy")
	cmd.Flags().StringVar(&settings.publicURL, "public-url", "http://127.0.0.1:8080", "`URL` that problem types begin with")
	cmd.Flags().BoolVar(&settings.json, "json", false, "print {httpStatus, headers, body, rule} as JSON")
	return cmd
}

func mapStatus(ctx context.Context, streams Streams, settings mapSettings) (*statuswayv1.MapStatusResponse, error) {
	table, err := loadPolicy(settings.policy)
	if err != nil {
		return nil, err
	}
	responder, err := respond.New(respond.Params{
		Table: table, PublicURL: settings.publicURL, Realm: "statusway", Gzip: false,
	})
	if err != nil {
		return nil, usage(err)
	}
	service, err := mappingsvc.New(responder, builtFrom().ID())
	if err != nil {
		return nil, err
	}
	if terminal.Is(streams.In) {
		fmt.Fprintln(streams.Err, "Type a google.rpc.Status as JSON, and end it by Ctrl-D.")
	}
	text, err := io.ReadAll(io.LimitReader(streams.In, longestStatus))
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	status := &spb.Status{}
	if err := jsoncodec.Unmarshal(text, status); err != nil {
		return nil, fmt.Errorf("%w: %w", errStatus, err)
	}
	return service.MapStatus(ctx, &statuswayv1.MapStatusRequest{Status: status})
}

// mapped is the documented output of map --json.
type mapped struct {
	HTTPStatus int32             `json:"httpStatus"`
	Headers    map[string]string `json:"headers"`
	Body       any               `json:"body"`
	Rule       string            `json:"rule"`
}

func printJSON(out io.Writer, response *statuswayv1.MapStatusResponse) error {
	return encode(out, mapped{
		HTTPStatus: response.GetHttpStatus(),
		Headers:    response.GetHeaders(),
		Body:       response.GetBody().AsInterface(),
		Rule:       response.GetRule(),
	})
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

func printAnswer(out io.Writer, response *statuswayv1.MapStatusResponse) error {
	c := terminal.ColoursOf(out)
	status := int(response.GetHttpStatus())
	fmt.Fprintf(out, "%sHTTP %d%s\n", c.OfStatus(status), status, c.Reset)
	for _, name := range slices.Sorted(maps.Keys(response.GetHeaders())) {
		fmt.Fprintf(out, "%s: %s\n", name, response.GetHeaders()[name])
	}
	if response.GetBody() != nil {
		fmt.Fprintln(out)
		if err := encode(out, response.GetBody().AsInterface()); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%srule %s%s: %s %s(%s)%s\n", c.Bold, response.GetRule(), c.Reset, response.GetWhy(), c.Dim, response.GetSpec(), c.Reset)
	return nil
}
