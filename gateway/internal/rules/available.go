package rules

import (
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
)

// Closed returns an error, such as maintenance, if a route is closed now, and nil if it is open.
type Closed func(binding *contract.Binding) error

// Available refuses requests to closed routes.
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

// Pending refuses requests without a route while not all routes are known: a gateway that has not
// reached every backend cannot say that a resource does not exist. why is nil if all routes are known.
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
