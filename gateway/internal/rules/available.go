package rules

import (
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
)

// Closed says why a route is not served for the moment, such as maintenance. Nil means
// that it is served.
type Closed func(binding *contract.Binding) error

// Available stops requests to what is closed.
func Available(closed Closed) Rule {
	return func(ex *exchange.Exchange) error {
		if closed == nil {
			return nil
		}
		if err := closed(ex.Binding); err != nil {
			return err
		}
		return nil
	}
}

// Pending answers what has no route while not all routes are known: a gateway that
// has not reached every backend cannot say that a resource does not exist. Why is nil
// once all are known.
func Pending(why error) Rule {
	return func(ex *exchange.Exchange) error {
		if why == nil {
			return nil
		}
		if ex.Unrouted != nil {
			return why
		}
		return nil
	}
}
