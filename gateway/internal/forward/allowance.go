package forward

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/dunglas/httpsfv"
)

// The response metadata by which a backend tells a caller its own allowance. Each
// leaves as the header field of that name (statusway/v1/annotations.proto).
const (
	limitKey     = "x-rate-limit-limit"
	remainingKey = "x-rate-limit-remaining"
	resetKey     = "x-rate-limit-reset"
	stateKey     = "ratelimit"
	policyKey    = "ratelimit-policy"
)

// longestList bounds what a backend may put into a header section, of which clients
// read 8 KiB by default.
const longestList = 2 << 10

// countPattern is an Integer that is not negative, no longer than RFC 9651 §3.3.1 has it.
var countPattern = regexp.MustCompile(`^[0-9]{1,15}$`)

// allow puts a backend's allowance beside the one that the gateway counts. Doing so
// twice for one answer changes nothing more.
func (r *Rules) allow(ctx context.Context, fields http.Header, from received) {
	if own, ok := r.quota(ctx, from); ok {
		if counted, ok := quotaOf(fields); !ok || own.remaining < counted.remaining {
			own.set(fields)
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

// The fields as net/http writes them.
const (
	limitField     = "X-Rate-Limit-Limit"
	remainingField = "X-Rate-Limit-Remaining"
	resetField     = "X-Rate-Limit-Reset"
	stateField     = "Ratelimit"
	policyField    = "Ratelimit-Policy"
)

// quota is what X-Rate-Limit-Limit, -Remaining and -Reset say together.
type quota struct{ limit, remaining, reset int64 }

// quota reads a backend's. It is told whole or not at all: a client could do nothing
// with a part.
func (r *Rules) quota(ctx context.Context, from received) (quota, bool) {
	limit, remaining, reset := from.values(limitKey), from.values(remainingKey), from.values(resetKey)
	if len(limit)+len(remaining)+len(reset) == 0 {
		return quota{}, false
	}
	own, ok := newQuota(limit, remaining, reset)
	if !ok {
		r.ignored(ctx, remainingKey)
	}
	return own, ok
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
		numbers[i], _ = strconv.ParseInt(values[0], 10, 64) // It is no longer than that.
	}
	q := quota{limit: numbers[0], remaining: numbers[1], reset: numbers[2]}
	return q, q.remaining <= q.limit
}

func (q quota) set(fields http.Header) {
	fields[limitField] = []string{strconv.FormatInt(q.limit, 10)}
	fields[remainingField] = []string{strconv.FormatInt(q.remaining, 10)}
	fields[resetField] = []string{strconv.FormatInt(q.reset, 10)}
}

// list reads RateLimit or RateLimit-Policy as a backend sends it.
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
	if length <= longestList {
		found = members(values, is)
	}
	if len(found) == 0 {
		r.ignored(ctx, key)
	}
	return found
}

// members are the items of a list that say what they have to. A list that cannot be
// parsed has none (RFC 9651 §4.2).
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

// isState says whether an item is a member of RateLimit: a String with r, and t if it
// likes (draft-ietf-httpapi-ratelimit-headers-10 §4).
func isState(item httpsfv.Item) bool {
	return nameOf(item) != "" && count(item, "r") >= 0 && (!hasParam(item, "t") || count(item, "t") >= 0)
}

// isPolicy says whether an item is a member of RateLimit-Policy: a String with q, and w
// if it likes (§3 of the draft).
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

// count is a parameter that is an Integer and not negative, else -1.
func count(item httpsfv.Item, name string) int64 {
	value, _ := item.Params.Get(name)
	if number, ok := value.(int64); ok {
		return max(number, -1)
	}
	return -1
}

// quotas are the members of both fields.
type quotas struct{ states, policies []httpsfv.Item }

// add adds a backend's. Where it uses a name that is there already, as two gateways one
// behind the other do, the one with less left stays: a client could not tell the two
// apart.
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
	// What has been parsed can be written.
	if text, err := httpsfv.Marshal(list); err == nil && text != "" {
		fields[name] = []string{text}
	}
}
