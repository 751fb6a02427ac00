package forward

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/dunglas/httpsfv"
)

// The response metadata with which a backend reports its own allowance. Each key becomes the header of
// the same name (statusway/v1/annotations.proto).
const (
	limitKey     = "x-rate-limit-limit"
	remainingKey = "x-rate-limit-remaining"
	resetKey     = "x-rate-limit-reset"
	stateKey     = "ratelimit"
	policyKey    = "ratelimit-policy"
)

// maxList is the maximum size of a list from a backend, in bytes. Clients often accept only 8 KiB of
// headers.
const maxList = 2 << 10

// countPattern matches a non-negative Integer of at most the length that RFC 9651 §3.3.1 allows.
var countPattern = regexp.MustCompile(`^[0-9]{1,15}$`)

// mergeAllowance merges a backend's allowance into the headers with the gateway's own. A second call for
// the same response changes nothing.
func (r *Rules) mergeAllowance(ctx context.Context, fields http.Header, from received) {
	if reported, ok := r.quota(ctx, from); ok {
		counted, ok := quotaOf(fields)
		if !ok || reported.remaining < counted.remaining || reported.remaining == counted.remaining && reported.reset > counted.reset {
			reported.set(fields)
		}
	}
	states, policies := r.list(ctx, from, stateKey, isState), r.list(ctx, from, policyKey, isPolicy)
	if len(states) == 0 && len(policies) == 0 {
		return
	}
	both := quotas{states: members(fields[stateField], isState), policies: members(fields[policyField], isPolicy)}
	both.add(states, policies)
	set(fields, stateField, both.states)
	set(fields, policyField, both.policies)
}

// The canonical names of the headers.
const (
	limitField     = "X-Rate-Limit-Limit"
	remainingField = "X-Rate-Limit-Remaining"
	resetField     = "X-Rate-Limit-Reset"
	stateField     = "Ratelimit"
	policyField    = "Ratelimit-Policy"
)

// quota holds the values of X-Rate-Limit-Limit, -Remaining and -Reset.
type quota struct{ limit, remaining, reset int64 }

// quota reads the quota of a backend. All three values must be valid, because a part is useless to a
// client.
func (r *Rules) quota(ctx context.Context, from received) (quota, bool) {
	limit, remaining, reset := from.values(limitKey), from.values(remainingKey), from.values(resetKey)
	if len(limit)+len(remaining)+len(reset) == 0 {
		return quota{}, false
	}
	reported, ok := newQuota(limit, remaining, reset)
	if !ok {
		r.ignored(ctx, remainingKey)
	}
	return reported, ok
}

func quotaOf(fields http.Header) (quota, bool) {
	return newQuota(fields[limitField], fields[remainingField], fields[resetField])
}

func newQuota(limit, remaining, reset []string) (quota, bool) {
	var numbers [3]int64
	for i, values := range [][]string{limit, remaining, reset} {
		if len(values) != 1 || !countPattern.MatchString(values[0]) {
			return quota{}, false
		}
		numbers[i], _ = strconv.ParseInt(values[0], 10, 64) // The pattern excludes an overflow.
	}
	q := quota{limit: numbers[0], remaining: numbers[1], reset: numbers[2]}
	return q, q.remaining <= q.limit
}

func (q quota) set(fields http.Header) {
	fields[limitField] = []string{strconv.FormatInt(q.limit, 10)}
	fields[remainingField] = []string{strconv.FormatInt(q.remaining, 10)}
	fields[resetField] = []string{strconv.FormatInt(q.reset, 10)}
}

// list parses the RateLimit or RateLimit-Policy of a backend.
func (r *Rules) list(ctx context.Context, from received, key string, is func(httpsfv.Item) bool) []httpsfv.Item {
	values := from.values(key)
	if len(values) == 0 {
		return nil
	}
	length := 0
	for _, value := range values {
		length += len(value)
	}
	var found []httpsfv.Item
	if length <= maxList {
		found = members(values, is)
	}
	if len(found) == 0 {
		r.ignored(ctx, key)
	}
	return found
}

// members returns the valid items of a list. A list that cannot be parsed has none (RFC 9651 §4.2).
func members(lines []string, is func(httpsfv.Item) bool) []httpsfv.Item {
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil {
		return nil
	}
	var items []httpsfv.Item
	for _, member := range list {
		if item, ok := member.(httpsfv.Item); ok && is(item) {
			items = append(items, item)
		}
	}
	return items
}

// isState reports whether an item is a valid member of RateLimit: a String with r and optionally t
// (draft-ietf-httpapi-ratelimit-headers-10 §4).
func isState(item httpsfv.Item) bool {
	return nameOf(item) != "" && count(item, "r") >= 0 && (!hasParam(item, "t") || count(item, "t") >= 0)
}

// isPolicy reports whether an item is a valid member of RateLimit-Policy: a String with q and optionally
// w (§3 of the draft).
func isPolicy(item httpsfv.Item) bool {
	return nameOf(item) != "" && count(item, "q") >= 0 && (!hasParam(item, "w") || count(item, "w") > 0)
}

func nameOf(item httpsfv.Item) string {
	name, _ := item.Value.(string)
	return name
}

func hasParam(item httpsfv.Item, name string) bool {
	_, ok := item.Params.Get(name)
	return ok
}

// count returns a parameter if it is a non-negative Integer, else -1.
func count(item httpsfv.Item, name string) int64 {
	value, _ := item.Params.Get(name)
	if number, ok := value.(int64); ok {
		return max(number, -1)
	}
	return -1
}

// quotas holds the members of both headers.
type quotas struct{ states, policies []httpsfv.Item }

// add adds the members of a backend. If two have the same name, as with two gateways in a row, the one
// with less left stays, because a client could not distinguish them.
func (q *quotas) add(states, policies []httpsfv.Item) {
	yields := map[string]bool{}
	for _, state := range states {
		at := q.state(nameOf(state))
		switch {
		case at < 0:
			q.states = append(q.states, state)
			yields[nameOf(state)] = true
		case count(state, "r") < count(q.states[at], "r"):
			q.states[at] = state
			yields[nameOf(state)] = true
		}
	}
	for _, policy := range policies {
		at := slices.IndexFunc(q.policies, func(one httpsfv.Item) bool { return nameOf(one) == nameOf(policy) })
		switch {
		case at < 0:
			q.policies = append(q.policies, policy)
		case yields[nameOf(policy)]:
			q.policies[at] = policy
		}
	}
}

func (q *quotas) state(name string) int {
	return slices.IndexFunc(q.states, func(one httpsfv.Item) bool { return nameOf(one) == name })
}

func set(fields http.Header, name string, items []httpsfv.Item) {
	list := make(httpsfv.List, 0, len(items))
	for _, item := range items {
		list = append(list, item)
	}
	// Items that were parsed can always be written.
	if text, err := httpsfv.Marshal(list); err == nil && text != "" {
		fields[name] = []string{text}
	}
}
