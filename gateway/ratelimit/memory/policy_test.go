package memory_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/ratelimit/memory"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, test := range []struct {
		text string
		want []memory.Policy
	}{
		{"off", nil},
		{"600/1m", []memory.Policy{{Name: "default", Requests: 600, Period: time.Minute, Per: memory.PerCaller}}},
		{"1/1s", []memory.Policy{{Name: "default", Requests: 1, Period: time.Second, Per: memory.PerCaller}}},
		{"1000000000/8784h", []memory.Policy{{Name: "default", Requests: 1_000_000_000, Period: 366 * day, Per: memory.PerCaller}}},
		{"007/1m30s", []memory.Policy{{Name: "default", Requests: 7, Period: 90 * time.Second, Per: memory.PerCaller}}},
		{"5/1.5s", []memory.Policy{{Name: "default", Requests: 5, Period: 1500 * time.Millisecond, Per: memory.PerCaller}}},
		{"5/1000000µs", []memory.Policy{{Name: "default", Requests: 5, Period: time.Second, Per: memory.PerCaller}}},
		{"5/1h:caller", []memory.Policy{{Name: "default", Requests: 5, Period: time.Hour, Per: memory.PerCaller}}},
		{"5/1h:group", []memory.Policy{{Name: "default", Requests: 5, Period: time.Hour, Per: memory.PerGroup}}},
		{
			"imports=10/1h:group@entity.v1.EntityService/ImportEntities",
			[]memory.Policy{{Name: "imports", Requests: 10, Period: time.Hour, Per: memory.PerGroup, Method: "/entity.v1.EntityService/ImportEntities"}},
		},
		{
			"burst=20/1s, day=1000/24h ,600/1m",
			[]memory.Policy{
				{Name: "burst", Requests: 20, Period: time.Second, Per: memory.PerCaller},
				{Name: "day", Requests: 1000, Period: day, Per: memory.PerCaller},
				{Name: "default", Requests: 600, Period: time.Minute, Per: memory.PerCaller},
			},
		},
		{
			"a" + strings.Repeat("-", 31) + "=1/1s",
			[]memory.Policy{{Name: "a" + strings.Repeat("-", 31), Requests: 1, Period: time.Second, Per: memory.PerCaller}},
		},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			got, err := memory.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                       "",
		"off in capitals":               "OFF",
		"off among others":              "off,1/1s",
		"a number alone":                "600",
		"a period alone":                "/1m",
		"no period":                     "600/",
		"no requests":                   "0/1m",
		"fewer than none":               "-1/1m",
		"half a request":                "0.5/1m",
		"one too many":                  "1000000001/1m",
		"a number past every number":    "99999999999999999999/1m",
		"no time":                       "1/0s",
		"less than a second":            "1/999ms",
		"a period that ends too late":   "1/8785h",
		"a period past every period":    "1/9999999999h",
		"a period without a unit":       "1/60",
		"a unit that is none":           "1/1d",
		"a negative period":             "1/-1s",
		"an empty name":                 "=1/1s",
		"a name in capitals":            "Burst=1/1s",
		"a name that begins otherwise":  "1a=1/1s",
		"a name with a quote":           `a"=1/1s`,
		"a name that is too long":       "a" + strings.Repeat("b", 32) + "=1/1s",
		"somebody else":                 "1/1s:everybody",
		"nobody":                        "1/1s:",
		"a method alone":                "1/1s@ImportEntities",
		"no method":                     "1/1s@",
		"a method with a slash":         "1/1s@/entity.v1.EntityService/ImportEntities",
		"the method before the subject": "1/1s@a.B/C:group",
		"an empty one at the end":       "1/1s,",
		"an empty one in the middle":    "a=1/1s,,b=1/1s",
		"two without a name":            "1/1s,2/1m",
		"two of one name":               "a=1/1s,a=2/1m",
		"the default by its name":       "1/1s,default=2/1m",
		"a line below":                  "1/1s\n2/1m",
		"a space inside":                "1 / 1s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := memory.Parse(text); err == nil || got != nil {
				t.Errorf("Parse(%q) = %+v, %v", text, got, err)
			}
		})
	}
}

// written is the whole form of a policy.
func written(p memory.Policy) string {
	text := fmt.Sprintf("%s=%d/%s:%s", p.Name, p.Requests, p.Period, p.Per)
	if p.Method != "" {
		text += "@" + strings.TrimPrefix(p.Method, "/")
	}
	return text
}

// An accepted policy is within all limits, and its full form means the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"off", "600/1m", "a=1/1s,b=2/1h:group", "imports=10/1h@entity.v1.EntityService/ImportEntities", "1/8784h", "5/1µs", ",", "=/:@",
	} {
		f.Add(seed)
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	f.Fuzz(func(t *testing.T, text string) {
		policies, err := memory.Parse(text)
		if err != nil {
			if policies != nil {
				t.Errorf("policies beside the error %v", err)
			}
			return
		}
		if (len(policies) == 0) != (text == memory.Off) {
			t.Errorf("%q is %d policies", text, len(policies))
		}
		seen := map[string]bool{}
		var whole []string
		for _, p := range policies {
			if !name.MatchString(p.Name) || seen[p.Name] {
				t.Errorf("the name %q", p.Name)
			}
			seen[p.Name] = true
			if p.Requests < 1 || p.Period < time.Second || p.Period > 366*24*time.Hour || (p.Per != memory.PerCaller && p.Per != memory.PerGroup) {
				t.Errorf("out of bounds: %+v", p)
			}
			if p.Method != "" && (p.Method[0] != '/' || strings.Count(p.Method, "/") != 2) {
				t.Errorf("the method %q", p.Method)
			}
			whole = append(whole, written(p))
		}
		if len(whole) == 0 {
			return
		}
		again, err := memory.Parse(strings.Join(whole, ","))
		if err != nil {
			t.Fatalf("%q is refused: %v", whole, err)
		}
		if diff := cmp.Diff(policies, again); diff != "" {
			t.Errorf("%q, written as %q (-first +again):\n%s", text, whole, diff)
		}
	})
}
