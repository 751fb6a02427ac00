package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/conformance/suite"
	"github.com/statusway/statusway/server/internal/terminal"
)

// conformanceSettings are the flags of conformance.
type conformanceSettings struct {
	target, policy, transport, filter string
	cases, writeCases, knownFailures  string
	junit, json                       string
	ca                                string
	insecure, list                    bool
	parallel                          int
}

func newConformance(streams Streams) *cobra.Command {
	var settings conformanceSettings
	cmd := &cobra.Command{
		Use:   "conformance --target URL",
		Short: "Test that a server responds as the table promises",
		Long: `conformance runs black-box cases against a server and reports which of them fail.

The server needs ConformanceService, StreamService and BindingService behind it
(proto/statusway/conformance/v1), in any language and with any gateway in front;
statusway serve --demo has all three. The run creates items on the server and needs no
credentials.

The cases are YAML, one file each: --write-cases writes them with the JSON schema
of their format, and --cases runs such a folder. Their version grows whenever a
server that passed before may fail.

A run sends about 900 requests. If the target responds with 429 and
Retry-After, conformance waits.

The exit code is 0 if every case passes, 1 if a case fails, if a known failure
passes or if the target cannot be tested, and 2 for a mistake in the arguments.`,
		Example: `  statusway conformance --target http://127.0.0.1:8080
  statusway conformance --target https://api.example.com --junit report.xml --known-failures known.yaml
  statusway conformance --list --filter '^412-'`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runConformance(cmd.Context(), streams, settings)
		},
	}
	settings.flags(cmd.Flags())
	return cmd
}

func (s *conformanceSettings) flags(set *pflag.FlagSet) {
	set.StringVar(&s.target, "target", "", "`URL` of the server: a scheme and an authority")
	set.StringVar(&s.policy, "policy", "",
		"`name` of the policy: documented or canonical (default the policy that the target's response to FAILED_PRECONDITION shows)")
	set.StringVar(&s.transport, "transport", "all", "`name` of the protocol: http1, h2c (HTTP/2; over TLS if the URL is https) or all")
	set.StringVar(&s.filter, "filter", "", "run only the cases whose name matches this regular `expression`")
	set.BoolVar(&s.list, "list", false, "list the cases without running them")
	set.StringVar(&s.cases, "cases", "", "`folder` of cases, as --write-cases writes it (default the built-in cases)")
	set.StringVar(&s.writeCases, "write-cases", "", "write the built-in cases to a new `folder` without running them")
	set.StringVar(&s.knownFailures, "known-failures", "", "`file` with a YAML list of {name, reason} of cases that are known to fail")
	set.StringVar(&s.junit, "junit", "", "write the report as JUnit XML to a `file`, - for standard output")
	set.StringVar(&s.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	set.StringVar(&s.ca, "ca", "", "`file` with the certificates to trust instead of the system's")
	set.BoolVar(&s.insecure, "insecure", false, "trust any certificate")
	set.IntVar(&s.parallel, "parallel", 4, "`number` of cases to run at once")
}

func runConformance(ctx context.Context, streams Streams, settings conformanceSettings) error {
	if settings.writeCases != "" {
		if err := suite.Write(settings.writeCases); err != nil {
			return err
		}
		fmt.Fprintf(streams.Out, "The cases are in %s. Run them with --cases %s\n", settings.writeCases, settings.writeCases)
		return nil
	}
	cases, err := settings.read()
	if err != nil {
		return err
	}
	params, err := settings.params(cases)
	if err != nil {
		return err
	}
	if settings.list {
		list(streams.Out, cases, params.Select)
		return nil
	}
	if params.Target == nil {
		return usage(errors.New("--target is required"))
	}
	shown := newProgress(streams.Err)
	params.Progress, params.Waiting = shown.result, shown.waiting
	report, err := cases.Run(ctx, params)
	shown.end()
	if err != nil {
		return err
	}
	return settings.write(streams, report)
}

func (s *conformanceSettings) read() (*suite.Suite, error) {
	if s.cases == "" {
		return suite.Builtin()
	}
	cases, err := suite.Read(os.DirFS(s.cases))
	if err != nil {
		return nil, usage(fmt.Errorf("--cases %s: %w", s.cases, err))
	}
	return cases, nil
}

// params returns the parameters of a run. Target is nil if the flag is missing.
func (s *conformanceSettings) params(cases *suite.Suite) (suite.Params, error) {
	var errs []error
	wrong := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	target, err := s.url()
	wrong("target", err)
	secure, err := clientTLS(s.ca, s.insecure)
	wrong("ca", err)
	over, err := transports(s.transport)
	wrong("transport", err)
	expression, err := regexp.Compile(s.filter)
	if err == nil && !slices.ContainsFunc(cases.Cases, func(c conformance.Case) bool { return expression.MatchString(c.Name) }) {
		err = fmt.Errorf("%q is in the name of none of the %d cases, which --list shows", s.filter, len(cases.Cases)) //nolint:err113 // it is for people.
	}
	wrong("filter", err)
	known, err := s.known(cases)
	wrong("known-failures", err)
	if s.policy != "" && s.policy != policy.Documented && s.policy != policy.Canonical {
		wrong("policy", fmt.Errorf("%q is neither %s nor %s", s.policy, policy.Documented, policy.Canonical))
	}
	if s.parallel < 1 {
		wrong("parallel", fmt.Errorf("%d cases at once are too few", s.parallel))
	}
	if s.junit == "-" && s.json == "-" {
		wrong("json", errors.New("standard output takes one report"))
	}
	if len(errs) > 0 {
		return suite.Params{}, usage(errors.Join(errs...))
	}
	return suite.Params{
		Target: target, TLS: secure, Policy: s.policy, Transports: over, Select: expression.MatchString, Known: known, Parallel: s.parallel,
		Progress: nil, Waiting: nil, // The caller sets them.
	}, nil
}

// url is nil if there is none, which a list needs none of.
func (s *conformanceSettings) url() (*url.URL, error) {
	if s.target == "" {
		return nil, nil //nolint:nilnil // it is allowed.
	}
	return parseTarget(s.target)
}

// clientTLS returns the configuration of a client: the certificates in a file are trusted instead of the
// system's, or any.
func clientTLS(file string, insecure bool) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // --insecure asks for it.
	if file == "" {
		return settings, nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the file that the caller named.
	if err != nil {
		return nil, fmt.Errorf("reading the certificates: %w", err)
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return settings, nil
}

func transports(name string) ([]string, error) {
	switch name {
	case "all":
		return []string{conformance.OverHTTP1, conformance.OverH2C}, nil
	case conformance.OverHTTP1, conformance.OverH2C:
		return []string{name}, nil
	default:
		return nil, fmt.Errorf("%q is none of http1, h2c and all", name)
	}
}

func (s *conformanceSettings) known(cases *suite.Suite) (suite.Known, error) {
	if s.knownFailures == "" {
		return suite.Known{}, nil
	}
	text, err := os.ReadFile(s.knownFailures)
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	return cases.ReadKnown(text)
}

func list(out io.Writer, cases *suite.Suite, chosen func(string) bool) {
	for _, c := range cases.Cases {
		if chosen(c.Name) {
			fmt.Fprintf(out, "%-44s %s\n", c.Name, c.Title)
		}
	}
}

// write writes the report wherever the flags say. Standard output has it for people,
// unless another form of it goes there.
func (s *conformanceSettings) write(streams Streams, report *suite.Report) error {
	readable := streams.Out
	if s.json == "-" || s.junit == "-" {
		readable = streams.Err
	}
	report.Write(readable, terminal.ColoursOf(readable))
	err := errors.Join(
		into(s.json, streams.Out, func(out io.Writer) error { return encode(out, report) }),
		into(s.junit, streams.Out, report.WriteJUnit),
	)
	if err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("%d of %d failed", report.Failed+report.Unexpected, len(report.Results))
	}
	return nil
}

// into writes to a file, to standard output for "-", and nowhere for "".
func into(name string, standard io.Writer, write func(io.Writer) error) error {
	switch name {
	case "":
		return nil
	case "-":
		return write(standard)
	}
	file, err := os.Create(name) //nolint:gosec // the file that the caller named.
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// progress shows the progress of a run in one line of a terminal.
type progress struct {
	out          io.Writer
	isTerminal   bool
	done, failed int
}

func newProgress(out io.Writer) *progress { return &progress{out: out, isTerminal: terminal.Is(out)} }

func (p *progress) result(result suite.Result, of int) {
	p.done++
	if result.Outcome == suite.Failed {
		p.failed++
	}
	if p.isTerminal {
		fmt.Fprintf(p.out, "\r\x1b[K%d of %d, %d failed: %s", p.done, of, p.failed, result.Name)
	}
}

// waiting says why a run pauses, also if the output is not a terminal.
func (p *progress) waiting(long time.Duration) {
	p.end()
	fmt.Fprintf(p.out, "The target's rate limit is used up: waiting %s, as Retry-After says.\n", long)
}

func (p *progress) end() {
	if p.isTerminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
