package balanced_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/system"
)

// TestRestart restarts one of two replicas under load. No request fails, a slow request
// gets its response, an idle stream gets its last frame, and the exit status is 0.
func TestRestart(t *testing.T) {
	eachBalancer(t, func(t *testing.T, b balancer) { //nolint:thelper // it is the test itself: t.Helper would hide the line that failed.
		// Each replica has its own backend, which shows what the replica is doing.
		own, other := startBackend(t), startBackend(t)
		url, replicas := b.startPair(t, []string{"--backend=" + own.address}, []string{"--backend=" + other.address})
		restarted := replicas[0]
		load := startLoad(t, url)
		eventually(t, "the load runs", func() bool { return load.count() > 100 })

		// The balancer chooses the replica.
		var streams []*eventStream
		for own.watching.Load() == 0 && len(streams) < 50 {
			stream := openEventStream(t.Context(), url)
			waitFor(t, "an event stream has its first event", stream.first)
			streams = append(streams, stream)
		}
		var slow []<-chan string
		eventually(t, "the replica has a slow request", func() bool {
			slow = append(slow, slowRequest(t.Context(), url))
			return own.sleeping.Load() > 0
		})
		restarted.Signal(t, syscall.SIGTERM)
		if status := restarted.Wait(t, patience); status != 0 {
			t.Errorf("the exit status is %d", status)
		}
		for _, outcome := range slow {
			if failure, failed := <-outcome; failed {
				t.Error(failure)
			}
		}
		checkStreams(t, streams)

		again := startReplica(t, restarted.Address(), "--backend="+own.address)
		eventually(t, "the restarted replica gets requests again", func() bool {
			metrics, err := again.Metrics(t.Context())
			return err == nil && metrics.Sum("statusway_requests_total", map[string]string{"route": "/conformance/v1/items"}) > 10
		})
		load.stop(t)
	})
}

// checkStreams checks the streams of the replica that stopped. Those of the other replica
// go on.
func checkStreams(t *testing.T, streams []*eventStream) {
	t.Helper()
	ended := 0
	for _, stream := range streams {
		select {
		case <-stream.ended:
			ended++
			if stream.err != nil {
				t.Errorf("a stream was cut: %v", stream.err)
			}
			if stream.status != http.StatusOK || !strings.HasPrefix(stream.last, "event: error\n") || !strings.Contains(stream.last, `"SERVICE_DRAINING"`) {
				t.Errorf("a stream with the status %d ended with %q", stream.status, stream.last)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	if ended == 0 {
		t.Error("no stream ended, though one belonged to the replica that stopped")
	}
}

// TestStopSteps follows one replica through a stop: first it is not ready and serves as
// before, and asks clients to close their connections; then it accepts no connection.
func TestStopSteps(t *testing.T) {
	system.Test(t)
	t.Parallel()
	backend := startBackend(t)
	replica := startReplica(t, "127.0.0.1:0", "--backend="+backend.address, "--drain-delay=3s")
	stream := openEventStream(t.Context(), replica.REST)
	waitFor(t, "the stream has its first event", stream.first)
	slow := slowRequest(t.Context(), replica.REST)
	eventually(t, "the slow request runs", func() bool { return backend.sleeping.Load() > 0 })
	start := time.Now()
	replica.Signal(t, syscall.SIGTERM)
	eventually(t, "/readyz is 503", func() bool { return getStatus(t, replica.REST+"/readyz") == http.StatusServiceUnavailable })
	if status := getStatus(t, replica.REST+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz is %d during the stop", status)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, replica.REST+"/conformance/v1/echo?text=during", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("during the drain delay a request got %s, Connection: close is %t", response.Status, response.Close)
	}
	select {
	case <-stream.ended:
		t.Error("the stream ended while the replica still accepted connections")
	default:
	}
	waitFor(t, "the stream has ended", stream.ended)
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("the stream ended %s after the signal, before the drain delay", took)
	}
	checkStreams(t, []*eventStream{stream})
	if status := getStatus(t, replica.REST+"/healthz"); status != 0 {
		t.Errorf("after the drain delay a new connection got %d", status)
	}
	if failure, failed := <-slow; failed {
		t.Error(failure)
	}
	if status := replica.Wait(t, patience); status != 0 {
		t.Errorf("the exit status is %d", status)
	}
}

// TestGraceRunsOut has a request that takes longer than the grace. The exit status is 1.
func TestGraceRunsOut(t *testing.T) {
	system.Test(t)
	t.Parallel()
	backend := startBackend(t)
	replica := startReplica(t, "127.0.0.1:0", "--backend="+backend.address, "--drain-delay=0s", "--grace=500ms")
	slow := slowRequest(t.Context(), replica.REST)
	eventually(t, "the slow request runs", func() bool { return backend.sleeping.Load() > 0 })
	replica.Signal(t, syscall.SIGTERM)
	if status := replica.Wait(t, patience); status != 1 {
		t.Errorf("the exit status is %d", status)
	}
	if _, failed := <-slow; !failed {
		t.Error("the slow request has got its response, so the grace did not run out")
	}
}
