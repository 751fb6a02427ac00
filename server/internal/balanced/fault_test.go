package balanced_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/processtest"
	"github.com/statusway/statusway/server/internal/system"
)

// TestDeadBackend ends one of two backends. The replicas stay ready and the other backend
// is served; without any backend they are not ready.
func TestDeadBackend(t *testing.T) {
	eachBalancer(t, func(t *testing.T, b balancer) { //nolint:thelper // it is the test itself: t.Helper would hide the line that failed.
		mortal := processtest.Start(t, processtest.Params{
			Arguments: []string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0", "--rate-limit=off"},
		})
		backends := []string{
			"--backend=statusway.conformance.v1.ConformanceService=" + startBackend(t).address, "--backend=statusway.mapping.v1.MappingService=" + mortal.GRPC,
		}
		url, replicas := b.startPair(t, backends, backends)
		eventually(t, "the backend that will end is served", func() bool { return getStatus(t, url+"/v1/statuses/404") == http.StatusOK })
		load := startLoad(t, url)
		mortal.Kill()
		eventually(t, "the dead backend is noticed", func() bool { return getStatus(t, url+"/v1/statuses/404") == http.StatusServiceUnavailable })
		for _, replica := range replicas {
			eventually(t, "/readyz names the dead backend", func() bool {
				_, body := get(t.Context(), replica.REST+"/readyz")
				return strings.Contains(body, mortal.GRPC)
			})
			if status, body := get(t.Context(), replica.REST+"/readyz"); status != http.StatusOK {
				t.Errorf("one of two backends is dead, and /readyz is %d %s", status, body)
			}
		}
		// A replica that starts now is ready, too.
		late := startReplica(t, "127.0.0.1:0", backends...)
		eventually(t, "a new replica is ready", func() bool { return getStatus(t, late.REST+"/readyz") == http.StatusOK })
		if status := getStatus(t, late.REST+"/conformance/v1/echo"); status != http.StatusOK {
			t.Errorf("a new replica serves the live backend with %d", status)
		}
		time.Sleep(2 * time.Second) // four health checks of HAProxy
		load.stop(t)
	})
}

// TestNoBackend ends the only backend. The replica is not ready.
func TestNoBackend(t *testing.T) {
	system.Test(t)
	t.Parallel()
	mortal := processtest.Start(t, processtest.Params{
		Arguments: []string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"},
	})
	replica := startReplica(t, "127.0.0.1:0", "--backend="+mortal.GRPC)
	eventually(t, "/readyz is 200", func() bool { return getStatus(t, replica.REST+"/readyz") == http.StatusOK })
	mortal.Kill()
	eventually(t, "/readyz is 503", func() bool { return getStatus(t, replica.REST+"/readyz") == http.StatusServiceUnavailable })
}

// TestClientsThatLeave has one client in seven leave before its response. The metrics of
// the replicas count them as clients that left, and not as faults of the server.
func TestClientsThatLeave(t *testing.T) {
	eachBalancer(t, func(t *testing.T, b balancer) { //nolint:thelper // it is the test itself: t.Helper would hide the line that failed.
		backend := []string{"--backend=" + startBackend(t).address}
		url, replicas := b.startPair(t, backend, backend)
		var group sync.WaitGroup
		var mu sync.Mutex
		var failures []string
		for i := range 210 {
			group.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				leaves := i%7 == 0
				if leaves {
					time.AfterFunc(300*time.Millisecond, cancel)
				}
				milliseconds := map[bool]int{true: 5000, false: 100}[leaves]
				status, body := get(ctx, fmt.Sprintf("%s/conformance/v1/sleep?milliseconds=%d", url, milliseconds))
				if !leaves && status != http.StatusOK {
					mu.Lock()
					failures = append(failures, fmt.Sprintf("%d %.300s", status, body))
					mu.Unlock()
				}
			})
			time.Sleep(5 * time.Millisecond)
		}
		group.Wait()
		if len(failures) > 0 {
			t.Errorf("%d requests failed, such as %s", len(failures), failures[0])
		}
		faults, left, responses := 0.0, 0.0, 0.0
		eventually(t, "all requests are counted", func() bool {
			faults, left, responses = 0, 0, 0
			for _, replica := range replicas {
				metrics, err := replica.Metrics(t.Context())
				if err != nil {
					return false
				}
				faults += metrics.ServerFaults()
				left += metrics.Sum("statusway_requests_client_closed_total", nil)
				responses += metrics.Sum("statusway_requests_total", map[string]string{"route": "/conformance/v1/sleep"})
			}
			return responses >= 210
		})
		if b.forwardsLeaving && left < 20 {
			t.Errorf("30 clients left, and the metrics count %.0f of them", left)
		}
		if faults > 0 {
			t.Errorf("%.0f clients left, and the metrics count %.0f faults of the server", left, faults)
		}
	})
}
