package app_test

import (
	"net/http"
	"testing"
	"time"
)

// The service that conformance is shown by is a demo's alone, and needs no
// credentials there.
func TestConformanceServiceIsOfTheDemo(t *testing.T) {
	t.Parallel()
	const items = "/conformance/v1/items"
	wantStatus(t, serve(t, nil, nil, time.Now).do(t, "", get(items)), http.StatusOK, "")
	wantStatus(t, persistent(t, time.Now).do(t, "admin", get(items)), http.StatusNotFound, "ROUTE_NOT_FOUND")
}
