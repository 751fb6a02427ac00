package observe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe"
)

// printer is an observer that prints what became of each request.
type printer struct{}

func (printer) Begin() {}

func (printer) End(record *observe.Record) {
	fmt.Println(record.Method, record.Status, record.Rule, record.Reason)
}

// An observer gets the record of each request when the request is over.
func Example() {
	gw, err := gateway.New(nil, gateway.Config{Observer: printer{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	gw.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/nothing", nil))
	// Output: GET 404 route-not-found ROUTE_NOT_FOUND
}
