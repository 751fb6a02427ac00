//go:build !race

// The race detector multiplies what memory is taken.

package app_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
)

// sizesPage is the page that says what requests may take of memory.
const sizesPage = "../../deploy/README.md"

// promised reads a figure from the page, by the words behind it.
func promised(t *testing.T, behind string) int64 {
	t.Helper()
	page, err := os.ReadFile(sizesPage)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(\d+) ` + strings.ReplaceAll(behind, " ", `\s+`)).FindSubmatch(page)
	if found == nil {
		t.Fatalf("%s does not say how many %s", sizesPage, behind)
	}
	figure, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return figure
}

// hostileBodies are those that take far more memory than their length, each of about size
// bytes, by their kind. %s is the name of a field.
func hostileBodies(size int) map[string]string {
	repeated := func(text, separator string) string {
		return strings.Repeat(text+separator, size/len(text+separator)) + text
	}
	var keys strings.Builder
	for i := 0; keys.Len() < size-20; i++ {
		fmt.Fprintf(&keys, `"%x":0,`, i)
	}
	keys.WriteString(`"z":0`)
	depth := size / 12
	return map[string]string{
		"empty objects": `{"%s":[` + repeated("{}", ",") + `]}`,
		"empty lists":   `{"%s":[` + repeated("[]", ",") + `]}`,
		"empty strings": `{"%s":[` + repeated(`""`, ",") + `]}`,
		"many keys":     `{"%s":{` + keys.String() + `}}`,
		"deep":          `{"%s":` + strings.Repeat(`{"a":[`, depth) + strings.Repeat(`]}`, depth) + `}`,
		"a long string": `{"%s":"` + strings.Repeat("x", size-10) + `"}`,
	}
}

// heap is how many bytes of memory are in use by the heap.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// peak is the most that the heap grows while do runs.
func peak(do func()) int64 {
	runtime.GC()
	before, most := heap(), int64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return most - before
}

// TestMemoryOfABody: no body on any route takes more than the deployment page says.
//
//nolint:paralleltest // it measures the process.
func TestMemoryOfABody(t *testing.T) {
	times := promised(t, "times its length")
	const size = 1 << 20
	s := apptest.Serve(t, func(c *config.Serve) { c.MaxBody, c.RateLimit = "1MiB", "off" }, nil, time.Now)
	bodies := hostileBodies(size - 64)
	var worst int64
	for _, route := range []struct{ method, path, fields string }{
		{"POST", "/v1/sessions", "username"},
		{"POST", "/v1/entities", "attributes,displayName"},
		{"PUT", "/v1/entities/hostile", "attributes,displayName"},
		{"PATCH", "/v1/entities/hostile", "attributes,displayName"},
		{"POST", "/v1/entities:import", "entities"},
		{"PUT", "/v1/maintenance", "message"},
		{"POST", "/conformance/v1/items", "labels,displayName"},
		{"DELETE", "/v1/entities/hostile", "x"},
		{"GET", "/v1/entities", "x"},
	} {
		for kind, body := range bodies {
			for field := range strings.SplitSeq(route.fields, ",") {
				text := strings.Replace(body, "%s", field, 1)
				grown := peak(func() {
					response, err := http.DefaultClient.Do(hostile(t, s, route.method, route.path, text))
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = response.Body.Close() }()
					if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode >= 500 {
						t.Errorf("%s %s, %s in %s: %d, %v", route.method, route.path, kind, field, response.StatusCode, err)
					}
				})
				worst = max(worst, grown)
				if grown > times*int64(len(text)) {
					t.Errorf("%s %s, %s in %s: %d MiB, which is %d times its length; the page says %d", route.method, route.path, kind, field, grown>>20,
						grown/int64(len(text)), times)
				}
			}
		}
	}
	t.Logf("the worst took %d times its length", worst/size)
}

// TestMemoryOfAllBodies: however many clients send the worst bodies at once, all together
// take no more than they may, and the garbage of those before them.
//
//nolint:paralleltest // it measures the process.
func TestMemoryOfAllBodies(t *testing.T) {
	const clients, memory = 60, 64 << 20
	s := apptest.Serve(t, func(c *config.Serve) {
		c.MaxBody, c.RateLimit, c.BodyMemory = "512KiB", "off", strconv.Itoa(memory)
	}, nil, time.Now)
	body := strings.Replace(hostileBodies(512<<10 - 64)["empty objects"], "%s", "entities", 1)
	var refused, other atomic.Int64
	grown := peak(func() {
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				response, err := http.DefaultClient.Do(hostile(t, s, "POST", "/v1/entities:import", body))
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = response.Body.Close() }()
				if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
					refused.Add(1)
				} else {
					other.Add(1)
				}
			})
		}
		group.Wait()
	})
	// Some 30 KiB for each client, and the collector runs when the heap has doubled.
	if most := int64(3*memory + clients*(64<<10)); grown > most {
		t.Errorf("%d MiB, want at most %d", grown>>20, most>>20)
	}
	if other.Load() == 0 {
		t.Error("all are refused")
	}
	t.Logf("%d MiB, %d refused", grown>>20, refused.Load())
}

// hostile makes a request of an administrator's.
func hostile(t *testing.T, s *apptest.Server, method, path, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.Tokens["admin"])
	return request
}

// TestMemoryOfErrorDetails: nor does an error that a client has mapped.
//
//nolint:paralleltest // it measures the process.
func TestMemoryOfErrorDetails(t *testing.T) {
	times := promised(t, "times its length")
	s := apptest.Serve(t, func(c *config.Serve) { c.MaxBody, c.RateLimit = "1MiB", "off" }, nil, time.Now)
	body := `{"status":{"code":3,"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[` +
		strings.Repeat("{},", 300_000) + `{}]}]}}`
	status := 0
	grown := peak(func() {
		response, err := http.DefaultClient.Do(hostile(t, s, "POST", "/v1/statuses:map", body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		status = response.StatusCode
	})
	if grown > times*int64(len(body)) || status >= 500 {
		t.Errorf("%d: %d MiB, which is %d times its length; the page says %d", status, grown>>20, grown/int64(len(body)), times)
	}
}
