package hostile_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// A request of the healthy client may take slowTime, and nearly all of them fastTime.
	// These are bounds for "it is served", not figures of speed.
	slowTime = 5 * time.Second
	fastTime = 2 * time.Second
	// healthyInterval keeps the client well below the default rate limit.
	healthyInterval = 200 * time.Millisecond
)

// healthyClient sends small requests, each on time, while others attack.
type healthyClient struct {
	cancel context.CancelFunc
	done   chan healthReport
}

// healthReport is what happened to the healthy client.
type healthReport struct {
	times    []time.Duration
	failures []string
}

func (b *battle) startHealthyClient(ctx context.Context) *healthyClient {
	ctx, cancel := context.WithCancel(ctx)
	h := &healthyClient{cancel: cancel, done: make(chan healthReport, 1)}
	go func() { h.done <- b.sendHealthyRequests(ctx) }()
	return h
}

func (h *healthyClient) stop() healthReport {
	h.cancel()
	return <-h.done
}

// sendHealthyRequests sends one request after another until ctx ends. Every other one
// uses a new connection.
func (b *battle) sendHealthyRequests(ctx context.Context) healthReport {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	transport := func(keepAlive bool) *http.Transport {
		return &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: !keepAlive, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		}
	}
	keeping, fresh := transport(true), transport(false)
	defer keeping.CloseIdleConnections()
	var report healthReport
	tick := time.NewTicker(healthyInterval)
	defer tick.Stop()
	for i := 0; ; i++ {
		client := &http.Client{Transport: keeping, Timeout: 2 * slowTime}
		if i%2 == 1 {
			client.Transport = fresh
		}
		start := time.Now()
		// The request goes on when ctx ends: each one that was sent must be served.
		if failure := b.sendHealthyRequest(context.WithoutCancel(ctx), client, i); failure != "" {
			report.failures = append(report.failures, failure)
		}
		report.times = append(report.times, time.Since(start))
		select {
		case <-ctx.Done():
			return report
		case <-tick.C:
		}
	}
}

// sendHealthyRequest returns what went wrong, or nothing.
func (b *battle) sendHealthyRequest(ctx context.Context, client *http.Client, i int) string {
	id := fmt.Sprintf("healthy-%d-%d", b.network, time.Now().UnixNano())
	exchanges := []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "/v1/entities/teapot", "", http.StatusOK},
		{http.MethodPost, "/v1/entities", `{"id": "` + id + `", "displayName": "A small one"}`, http.StatusCreated},
		{http.MethodGet, "/v1/entities?pageSize=5", "", http.StatusOK},
		{http.MethodPut, "/v1/entities/healthy", `{"displayName": "A small one"}`, 0}, // 201 at first, then 200
	}
	exchange := exchanges[i/2%len(exchanges)]
	name := exchange.method + " " + exchange.path
	request, err := http.NewRequestWithContext(ctx, exchange.method, b.process.REST+exchange.path, strings.NewReader(exchange.body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+b.healthyToken)
	if exchange.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Sprintf("%s: %v", name, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Sprintf("%s: %v", name, err)
	case response.StatusCode >= http.StatusBadRequest || exchange.status != 0 && response.StatusCode != exchange.status:
		return fmt.Sprintf("%s: %d %.200s", name, response.StatusCode, body)
	default:
		return ""
	}
}

// problems returns why the report is not good, or nothing.
func (r healthReport) problems() []string {
	var found []string
	if len(r.failures) > 0 {
		found = append(found, fmt.Sprintf("%d of %d requests failed, such as %s", len(r.failures), len(r.times), r.failures[0]))
	}
	slow := 0
	for _, took := range r.times {
		if took > fastTime {
			slow++
		}
	}
	if slowest := slices.Max(r.times); slowest > slowTime {
		found = append(found, fmt.Sprintf("a request took %s", slowest.Round(time.Millisecond)))
	}
	// Nearly all: one request in ten may be slow, and always one.
	if slow > max(1, len(r.times)/10) {
		found = append(found, fmt.Sprintf("%d of %d requests took more than %s", slow, len(r.times), fastTime))
	}
	return found
}

func (r healthReport) String() string {
	return fmt.Sprintf("%d requests, slowest %s", len(r.times), slices.Max(r.times).Round(time.Millisecond))
}
