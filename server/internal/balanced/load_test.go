package balanced_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// get sends a GET over a new connection. The status is 0 if there is no response.
func get(ctx context.Context, url string) (int, string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	response, err := once.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// load is clients that send one request after another over connections that stay open.
type load struct {
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	sent     int
	failures []string
}

// startLoad starts eight clients: they read, create and replace items.
func startLoad(t *testing.T, url string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel}
	for worker := range 8 {
		l.group.Go(func() {
			client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := 0; ctx.Err() == nil; i++ {
				// The request is not cancelled when the load stops.
				failure := sendOne(context.WithoutCancel(ctx), client, url, worker, i)
				l.mu.Lock()
				l.sent++
				if failure != "" {
					l.failures = append(l.failures, failure)
				}
				l.mu.Unlock()
			}
		})
	}
	return l
}

func sendOne(ctx context.Context, client *http.Client, url string, worker, i int) string {
	exchange := []struct{ method, path, body string }{
		{http.MethodGet, "/conformance/v1/items?pageSize=2", ""},
		{http.MethodPost, "/conformance/v1/items", `{"displayName": "one of many"}`},
		{http.MethodGet, "/conformance/v1/echo?text=small", ""},
		{http.MethodPut, fmt.Sprintf("/conformance/v1/items/of-%d", worker), `{"displayName": "one of many"}`},
	}[i%4]
	request, err := http.NewRequestWithContext(ctx, exchange.method, url+exchange.path, strings.NewReader(exchange.body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Sprintf("%s %s: %d %v %.300s", exchange.method, exchange.path, response.StatusCode, err, body)
	}
	return ""
}

// count returns how many requests were sent so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// stop waits for the last responses and fails the test if a request has failed.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.group.Wait()
	if l.sent < 200 {
		t.Errorf("the load was only %d requests", l.sent)
	}
	if len(l.failures) > 0 {
		t.Errorf("%d of %d requests failed, such as %s", len(l.failures), l.sent, l.failures[0])
	}
	t.Logf("%d requests, %d failures", l.sent, len(l.failures))
}

// slowRequest sends a request that takes eight seconds and returns its outcome later.
func slowRequest(ctx context.Context, url string) <-chan string {
	outcome := make(chan string, 1)
	go func() {
		if status, body := get(ctx, url+"/conformance/v1/sleep?milliseconds=8000"); status != http.StatusOK {
			outcome <- fmt.Sprintf("the slow request got %d %.300s", status, body)
		}
		close(outcome)
	}()
	return outcome
}

// eventStream is a client of server-sent events.
type eventStream struct {
	// first is closed when the first event has arrived.
	first chan struct{}
	// ended is closed when the stream has ended. The rest is set then.
	ended  chan struct{}
	status int
	err    error
	last   string // the last event
}

// openEventStream asks for one item, after which the stream is idle.
func openEventStream(ctx context.Context, url string) *eventStream {
	s := &eventStream{first: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/conformance/v1/items:watch?count=1", nil)
		if err != nil {
			s.err = err
			return
		}
		request.Header.Set("Accept", "text/event-stream")
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			s.err = err
			return
		}
		defer func() { _ = response.Body.Close() }()
		s.status = response.StatusCode
		var event strings.Builder
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		isFirst := true
		for lines.Scan() {
			switch line := lines.Text(); {
			case line != "" && !strings.HasPrefix(line, ":"):
				event.WriteString(line + "\n")
			case line == "" && event.Len() > 0:
				s.last = event.String()
				event.Reset()
				if isFirst {
					close(s.first)
					isFirst = false
				}
			}
		}
		s.err = lines.Err()
	}()
	return s
}

// waitFor waits until a channel is closed.
func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("after %s it is still not so: %s", patience, what)
	}
}
