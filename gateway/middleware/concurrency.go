package middleware

import (
	"net/http"
	"strconv"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// Concurrency allows each caller at most so many requests at once; 0 means no limit.
// X-Concurrency-Limit-Limit and -Remaining stand on every answer.
func Concurrency(limit int) Middleware {
	running := &running{limit: limit, callers: map[string]int{}}
	return func(next exchange.Handler) exchange.Handler {
		if limit <= 0 {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			left, ok := running.begin(ex.Caller)
			ex.Fields["X-Concurrency-Limit-Limit"] = []string{strconv.Itoa(limit)}
			ex.Fields["X-Concurrency-Limit-Remaining"] = []string{strconv.Itoa(left)}
			if !ok {
				return tooManyAtOnce(ex.Caller, limit)
			}
			defer running.end(ex.Caller)
			return next(w, r)
		}
	}
}

func tooManyAtOnce(caller string, limit int) error {
	description := "at most " + strconv.Itoa(limit) + " requests at once"
	return respond.Fail(codes.ResourceExhausted, mapping.ReasonConcurrencyLimited, "too many requests at once: "+description).
		About("limit", strconv.Itoa(limit)).
		With(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: caller, Description: description, QuotaId: "concurrency", QuotaValue: int64(limit),
		}}})
}

// running counts the requests of each caller that are being served. It holds a caller
// only while a request of it runs, so that there are never more callers than requests.
type running struct {
	limit   int
	mutex   sync.Mutex
	callers map[string]int
}

// begin counts a request unless it is one too many, and returns how many more the
// caller may have at once.
func (r *running) begin(caller string) (int, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.callers[caller] >= r.limit {
		return 0, false
	}
	r.callers[caller]++
	return r.limit - r.callers[caller], true
}

func (r *running) end(caller string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.callers[caller]--
	if r.callers[caller] == 0 {
		delete(r.callers, caller)
	}
}
