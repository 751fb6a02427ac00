package memory

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Off is the text for no limits.
const Off = "off"

// Per says whose requests a limit counts together.
type Per string

const (
	// PerCaller counts each known user separately, and each other client by its address.
	PerCaller Per = "caller"
	// PerGroup counts all users of a group together. It does not count users without a group.
	PerGroup Per = "group"
)

const (
	defaultName  = "default"
	largestLimit = 1_000_000_000
	shortestSpan = time.Second
	longestSpan  = 366 * 24 * time.Hour
	limitSyntax  = "[NAME=]REQUESTS/PERIOD[:caller|:group][@SERVICE/METHOD], such as 600/1m or imports=10/1h@entity.v1.EntityService/ImportEntities"
)

// limitPattern matches limitSyntax. A name can be used as a String in the headers of
// draft-ietf-httpapi-ratelimit-headers-10 without escaping.
var limitPattern = regexp.MustCompile(`^(?:([a-z][a-z0-9-]{0,31})=)?([0-9]+)/([0-9a-zµ.]+)(?::(caller|group))?(?:@([A-Za-z0-9_.]+/[A-Za-z0-9_]+))?$`)

// Policy is one limit.
type Policy struct {
	// Name is the name of the limit in the RateLimit headers.
	Name string
	// Requests is the number of requests per Period.
	Requests int
	Period   time.Duration
	// Per says whose requests the limit counts together.
	Per Per
	// Method is the gRPC method that the limit applies to, "/service/method". Empty means all.
	Method string
}

// Parse parses "off", which means no limits, or a comma-separated list of limits of the form
//
//	[NAME=]REQUESTS/PERIOD[:caller|:group][@SERVICE/METHOD]
//
// Each limit of a list needs a unique name.
func Parse(text string) ([]Policy, error) {
	if text == Off {
		return nil, nil
	}
	var policies []Policy
	names := map[string]bool{}
	for one := range strings.SplitSeq(text, ",") {
		policy, err := parseOne(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		if names[policy.Name] {
			return nil, fmt.Errorf("two limits are called %q", policy.Name) //nolint:err113 // for a person to read.
		}
		names[policy.Name] = true
		policies = append(policies, policy)
	}
	return policies, nil
}

func parseOne(text string) (Policy, error) {
	parts := limitPattern.FindStringSubmatch(text)
	if parts == nil {
		return Policy{}, fmt.Errorf("%q is neither %s nor of the form %s", text, Off, limitSyntax) //nolint:err113 // as above.
	}
	policy := Policy{Name: defaultName, Per: PerCaller}
	if parts[1] != "" {
		policy.Name = parts[1]
	}
	if parts[4] != "" {
		policy.Per = Per(parts[4])
	}
	if parts[5] != "" {
		policy.Method = "/" + parts[5]
	}
	var badNumber, badPeriod error
	policy.Requests, badNumber = strconv.Atoi(parts[2])
	policy.Period, badPeriod = time.ParseDuration(parts[3])
	if badNumber != nil || policy.Requests < 1 || policy.Requests > largestLimit {
		return Policy{}, fmt.Errorf("%q: a limit is 1 to %d requests", text, largestLimit) //nolint:err113 // as above.
	}
	if badPeriod != nil || policy.Period < shortestSpan || policy.Period > longestSpan {
		return Policy{}, fmt.Errorf("%q: a period is %s to %s", text, shortestSpan, longestSpan) //nolint:err113 // as above.
	}
	return policy, nil
}
