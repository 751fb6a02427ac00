package metrics_test

import (
	"net/http"
	"sync"
	"testing"
)

// TestManyAtOnce: requests that meet a series for the first time at once count all the
// same.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	m := front(t, func(http.ResponseWriter, *http.Request) error { return nil })
	const crowd, each = 16, 50
	var group sync.WaitGroup
	for range crowd {
		group.Go(func() {
			for range each {
				m.send(t.Context(), "GET", "/v1/entities/e", "")
				m.send(t.Context(), "GET", "/nothing", "")
				m.Call("/a.B/C", 0, 0)
				m.series(t)
			}
		})
	}
	group.Wait()
	got := m.series(t)
	for series, want := range map[string]float64{
		"requests_total{code=OK domain= method=GET reason= route=/v1/entities/{id} rule=declared status=200}": crowd * each,
		"request_duration_seconds{class=2xx method=GET route=/v1/entities/{id}}":                              crowd * each,
		"request_duration_seconds{class=4xx method=GET route=unmatched}":                                      crowd * each,
		"grpc_calls_total{code=OK method=/a.B/C}":                                                             crowd * each,
		"requests_in_flight{}": 0,
	} {
		if got[series] != want {
			t.Errorf("%s is %v, want %v", series, got[series], want)
		}
	}
}
