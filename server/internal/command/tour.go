package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/terminal"
	"github.com/statusway/statusway/server/internal/tour"
)

const (
	tourPatience = 30 * time.Second
	// longestPolicy bounds how much of a target's policy tour reads.
	longestPolicy = 4 << 20
)

var (
	errNoDemo = errors.New("the target cannot be toured")
	// errLimited reports an unintended 429: the tour provokes one 429 itself.
	errLimited = errors.New("the demo's rate limit refuses the tour")
)

type tourSettings struct {
	target   string
	rows     []int
	ca       string
	insecure bool
}

func newTour(streams Streams) *cobra.Command {
	var settings tourSettings
	cmd := &cobra.Command{
		Use:   "tour",
		Short: "Show every row of the table on a demo server",
		Long: `tour sends a demo server the requests that end in each row of the table, and
prints each request (lines with >) and its response (lines with <). It leaves out
tokens, and header fields that every response has, such as Date.

tour undoes its changes, except for an import, which leaves an entity. It uses up
the allowance of the demo's user viewer for a minute.

The server's policy decides which status a row has. The exit code is 0 if each
request ended in its row, 1 if one did not or the server is not a demo, and 2 for
a mistake in the arguments. If the server has no rate limit, tour says so; that is
not a failure.`,
		Example: `  statusway serve --demo        (in another terminal)
  statusway tour
  statusway tour --row 412 --row 429
  statusway tour --target https://127.0.0.1:8443 --ca chain.pem`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runTour(cmd.Context(), streams, settings)
		},
	}
	cmd.Flags().StringVar(&settings.target, "target", "http://127.0.0.1:8080", "`URL` of the demo")
	cmd.Flags().StringVar(&settings.ca, "ca", "", "`file` with the certificates to trust instead of the system's")
	cmd.Flags().BoolVar(&settings.insecure, "insecure", false, "trust any certificate")
	cmd.Flags().IntSliceVar(&settings.rows, "row", nil, "`status` of the row to show (default all rows)")
	return cmd
}

func runTour(ctx context.Context, streams Streams, settings tourSettings) error {
	target, err := parseTarget(settings.target)
	if err != nil {
		return usage(fmt.Errorf("--target: %w", err))
	}
	secure, err := clientTLS(settings.ca, settings.insecure)
	if err != nil {
		return usage(fmt.Errorf("--ca: %w", err))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()           //nolint:forcetypeassert // it is one.
	transport.TLSClientConfig, transport.ForceAttemptHTTP2 = secure, false // Header fields are shown as HTTP/1.1 has them.
	client := &http.Client{Timeout: tourPatience, Transport: transport}
	defer client.CloseIdleConnections()
	table, err := policyOf(ctx, client, target)
	if err != nil {
		if wrong := conformance.TLSMismatch(ctx, target, err); wrong != nil {
			return wrong
		}
		return fmt.Errorf("%w: %w", errNoDemo, err)
	}
	stops, err := stopsUnder(table, target, settings.rows)
	if err != nil {
		return err
	}
	walk := walk{out: streams.Out, colours: terminal.ColoursOf(streams.Out), table: table, guide: tour.NewGuide(client, target.String())}
	for _, one := range stops {
		if err := walk.visit(ctx, one); err != nil {
			return err
		}
	}
	if len(walk.astray) > 0 {
		return fmt.Errorf("%d of %d exchanges ended in another row: %s", len(walk.astray), len(stops), strings.Join(walk.astray, ", "))
	}
	fmt.Fprintf(streams.Out, "Requests that ended in their row of the policy %s: %d of %d. To see them in a browser: %s/\n",
		table.Name(), walk.seen, len(stops), target)
	return nil
}

// walk is the way from stop to stop.
type walk struct {
	out     io.Writer
	colours terminal.Colours
	table   *policy.Table
	guide   *tour.Guide
	// row is the one that the last stop was in.
	row int
	// seen is how many stops ended in their row, and astray are those that did not.
	seen   int
	astray []string
}

func (w *walk) visit(ctx context.Context, at stop) error {
	c := w.colours
	if at.row != w.row {
		w.row = at.row
		row := w.table.Row(at.row)
		fmt.Fprintf(w.out, "%s%s%d %s%s\n%s\n\n", c.Bold, c.OfStatus(at.row), at.row,
			terminal.Printable(row.GetTitle()), c.Reset, terminal.Printable(row.GetDescription()))
	}
	fmt.Fprintf(w.out, "%s%s.%s %s\n\n", c.Bold, at.Title, c.Reset, at.Why)
	visit, err := w.guide.Walk(ctx, at.Step)
	visit.Write(w.out, c)
	refused, isRefused := errors.AsType[*tour.RefusedError](err)
	isBurst := at.Request.Burst > 0
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the tour was interrupted: %w", context.Cause(ctx))
	case isRefused && refused.Code == http.StatusTooManyRequests:
		return limited(refused.Exchange, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errNoDemo, err)
	case visit.Row == at.row:
		w.seen++
	case visit.Row == http.StatusTooManyRequests:
		return limited(visit.Exchange, fmt.Errorf("%s: %s", at.Name, visit.Status)) //nolint:err113 // it is the result of a request.
	case isBurst && visit.Sent == at.Request.Burst:
		fmt.Fprintf(w.out, "  %sThis server has no limit that %d requests exceed.%s\n", c.Warn, visit.Sent, c.Reset)
	default:
		w.astray = append(w.astray, at.Name)
		fmt.Fprintf(w.out, "  %sThis is the row %d, not %d.%s\n", c.Bad, visit.Row, at.row, c.Reset)
	}
	fmt.Fprintln(w.out)
	return nil
}

func limited(by tour.Exchange, err error) error {
	return fmt.Errorf("%w for %s seconds: %w", errLimited, by.Header.Get("Retry-After"), err)
}

// A stop is a step with the row that it has to end in.
type stop struct {
	tour.Step

	row int
}

// stopsUnder are the steps that end in some rows of a table, by their row; in any of
// them if none is named.
func stopsUnder(table *policy.Table, target *url.URL, rows []int) ([]stop, error) {
	mapper, err := gateway.NewMapper(nil, gateway.Config{Policy: table, PublicURL: target.String(), PagesURL: target.String(), Realm: "statusway"})
	if err != nil {
		return nil, fmt.Errorf("the target's policy: %w", err)
	}
	answers, err := tour.Answers()
	if err != nil {
		return nil, err
	}
	var stops []stop
	missing := slices.Clone(rows)
	for _, step := range tour.Steps() {
		answer, err := catalogue.Answer(mapper, step, answers[step.Name], "")
		if err != nil {
			return nil, err
		}
		one := stop{step, int(answer.Row.GetStatus())}
		if len(rows) == 0 || slices.Contains(rows, one.row) {
			stops = append(stops, one)
		}
		missing = slices.DeleteFunc(missing, func(row int) bool { return row == one.row })
	}
	if len(missing) > 0 {
		return nil, usage(fmt.Errorf("--row: no exchange ends in %v under the policy %s; statusway policy show lists the rows", missing, table.Name()))
	}
	slices.SortStableFunc(stops, func(a, b stop) int { return a.row - b.row })
	return stops, nil
}

// policyOf returns the target's policy, as the target reports it.
func policyOf(ctx context.Context, client *http.Client, target *url.URL) (*policy.Table, error) {
	at := target.JoinPath("/v1/policy").String()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the policy: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for the policy: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestPolicy))
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	var answer struct {
		Policy json.RawMessage `json:"policy"`
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(text, &answer) != nil || answer.Policy == nil {
		return nil, fmt.Errorf("the response of %s is %s, without a policy", at, response.Status)
	}
	// JSON is YAML too.
	return policy.Load(at, answer.Policy)
}

// parseTarget reads the URL of a server: a scheme and an authority.
func parseTarget(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" || gateway.CheckPublicURL(target.Scheme+"://"+target.Host) != nil {
		return nil, fmt.Errorf("%q is not of the form http://127.0.0.1:8080", text)
	}
	if strings.Trim(target.Path, "/") != "" || target.RawQuery != "" || target.User != nil {
		return nil, fmt.Errorf("%q has more than a scheme and an authority", target.Redacted())
	}
	target.Path = ""
	return target, nil
}
