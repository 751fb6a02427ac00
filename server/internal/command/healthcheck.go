package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/server/internal/config"
)

const (
	// healthcheckPatience is less than a container's supervisor usually has.
	healthcheckPatience = 3 * time.Second
	// longestHealth bounds how much of a response healthcheck reads and prints.
	longestHealth = 4 << 10
)

// healthcheckSettings are flags with the names of the server's flags, so that the server's
// variables also tell healthcheck its address.
type healthcheckSettings struct {
	httpAddr string
	tlsCert  string
}

func newHealthcheck(streams Streams) *cobra.Command {
	settings := healthcheckSettings{httpAddr: config.Defaults().HTTPAddr}
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server on this machine whether it is ready",
		Long: "healthcheck asks a running serve or proxy for /readyz, and exits with 0 if it is ready, else with 1.\n" +
			"It is for containers that contain no other program for this.",
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.CheckListenAddress(settings.httpAddr); err != nil {
				return usage(fmt.Errorf("--http-addr: %w", err))
			}
			if err := settings.ask(cmd.Context()); err != nil {
				return fmt.Errorf("%s is not ready: %w", settings.httpAddr, err)
			}
			fmt.Fprintln(streams.Out, settings.httpAddr, "is ready")
			return nil
		},
	}
	cmd.Flags().StringVar(&settings.httpAddr, "http-addr", settings.httpAddr, "`address` of the REST server")
	cmd.Flags().StringVar(&settings.tlsCert, "tls-cert", "", "`file` of the server's certificate chain; with it healthcheck uses TLS")
	return cmd
}

func (s healthcheckSettings) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckPatience)
	defer cancel()
	address := "http://localhost/readyz"
	if s.tlsCert != "" {
		address = "https://localhost/readyz"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	response, err := s.transport().RoundTrip(request)
	if _, isPlain := errors.AsType[tls.RecordHeaderError](err); isPlain || errors.Is(err, http.ErrSchemeMismatch) {
		return errors.New("it does not serve TLS: leave out --tls-cert")
	}
	if err != nil {
		return fmt.Errorf("asking for /readyz: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestHealth))
	if err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	if response.StatusCode == http.StatusBadRequest && s.tlsCert == "" {
		return errors.New(response.Status + ": " + string(bytes.TrimSpace(text)) + ": if it serves TLS, use --tls-cert")
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status + ": " + string(bytes.TrimSpace(text)))
	}
	return nil
}

// transport always connects to the address that the server listens on:
// net.Dial takes an address without a host, or 0.0.0.0, as this machine. There is no
// proxy in between, and no connection is kept.
func (s healthcheckSettings) transport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, s.httpAddr)
		},
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // the certificate names the public host; nothing secret is sent, and the result is only ready or not.
		},
	}
}
