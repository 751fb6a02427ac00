package rules

import (
	"strconv"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Concurrency limits the concurrent requests of each caller. It is safe for concurrent use.
type Concurrency struct {
	limit   int
	mutex   sync.Mutex
	callers map[string]int // only callers with running requests
}

// NewConcurrency returns a limit for each caller; 0 means no limit.
func NewConcurrency(limit int) *Concurrency {
	return &Concurrency{limit: limit, callers: map[string]int{}}
}

// Begin is a [Rule]. It counts a request, and sets X-Concurrency-Limit-Limit and -Remaining on
// every response.
func (c *Concurrency) Begin(ex *exchange.Exchange) error {
	if c.limit <= 0 {
		return nil
	}
	left, ok := c.count(ex.Caller)
	ex.Fields["X-Concurrency-Limit-Limit"] = []string{strconv.Itoa(c.limit)}
	ex.Fields["X-Concurrency-Limit-Remaining"] = []string{strconv.Itoa(left)}
	if !ok {
		return tooManyAtOnce(ex.Caller, c.limit)
	}
	ex.Counted = true
	return nil
}

// count counts a request if the caller is below the limit, and returns how many more are allowed.
func (c *Concurrency) count(caller string) (int, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.callers[caller] >= c.limit {
		return 0, false
	}
	c.callers[caller]++
	return c.limit - c.callers[caller], true
}

// End ends the count of a request. Call it at the end of every request.
func (c *Concurrency) End(ex *exchange.Exchange) {
	if !ex.Counted {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.callers[ex.Caller]--
	if c.callers[ex.Caller] == 0 {
		delete(c.callers, ex.Caller)
	}
}

func tooManyAtOnce(caller string, limit int) error {
	description := "at most " + strconv.Itoa(limit) + " requests at once"
	return respond.Fail(policy.ReasonConcurrencyLimited, "too many requests at once: "+description).
		About("limit", strconv.Itoa(limit)).
		With(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: caller, Description: description, QuotaId: "concurrency", QuotaValue: int64(limit),
		}}})
}
