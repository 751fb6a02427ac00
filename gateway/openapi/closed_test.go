package openapi_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
)

// statuses are those of each operation, by the method and the path.
func statuses(tb testing.TB, document *openapi.Document) map[string][]int {
	tb.Helper()
	found := map[string][]int{}
	for path, item := range parsed(tb, document)["paths"].(map[string]any) {
		for verb, operation := range item.(map[string]any) {
			name := strings.ToUpper(verb) + " " + path
			for text := range operation.(map[string]any)["responses"].(map[string]any) {
				status, err := strconv.Atoi(text)
				if err != nil {
					tb.Fatal(err)
				}
				found[name] = append(found[name], status)
			}
			slices.Sort(found[name])
		}
	}
	return found
}

// shop is a policy with a domain, a detail and a condition of its own.
func shop(tb testing.TB) *policy.Table {
	tb.Helper()
	return edited(tb, policy.Canonical, "rules:\n", `rules:
  - {name: shop-closed, domain: shop.v1, reason: CLOSED, status: 410, why: It has closed., spec: shop/v1}
  - {name: shop-help, detail: google.rpc.Help, code: UNKNOWN, status: 422, why: It says how., spec: shop/v1}
  - {name: shop-aborted, code: ABORTED, conditional: true, status: 412, why: There was a condition., spec: shop/v1}
`)
}

// The document has every possible response.
func TestDocumentsAreTotal(t *testing.T) {
	t.Parallel()
	declared := contractOf(t, zoo(t))
	for _, table := range []*policy.Table{builtin(t, policy.Documented), builtin(t, policy.Canonical), shop(t)} {
		for name, documented := range statuses(t, documentOf(t, sourceOf(declared, table))) {
			random := rand.New(rand.NewPCG(1, 2))
			for range 2000 {
				in := policy.Input{Code: 1 + random.Int32N(40), Conditional: random.IntN(2) == 0}
				if random.IntN(2) == 0 {
					in.Domain, in.Reason = []string{"shop.v1", "other.v1"}[random.IntN(2)], []string{"CLOSED", "OTHER"}[random.IntN(2)]
				}
				if random.IntN(2) == 0 {
					in.Details = []string{"google.rpc.QuotaFailure", "google.rpc.Help", "shop.v1.Detail"}[:random.IntN(4)]
				}
				if status := table.Decide(in).Status(); !slices.Contains(documented, status) {
					t.Fatalf("%s, by %s: %+v is %d, which is not among %v", name, table.Name(), in, status, documented)
				}
			}
		}
	}
}

// Each route has what can come up on it, and no more.
func TestStatuses(t *testing.T) {
	t.Parallel()
	// Every operation has the rows of all codes, and those of what any request can be.
	with := func(common []int, more ...int) []int {
		return slices.Sorted(slices.Values(append(slices.Clone(common), more...)))
	}
	documented := []int{400, 401, 403, 404, 405, 409, 413, 418, 429, 500, 503}
	canonical := []int{400, 401, 403, 404, 405, 409, 413, 417, 429, 431, 500, 501, 503, 504}
	of := map[string]map[string][]int{}
	for _, policy := range []string{policy.Documented, policy.Canonical} {
		of[policy] = statuses(t, documentOf(t, sourceOf(reference(t), builtin(t, policy))))
	}
	for _, test := range []struct {
		operation             string
		documented, canonical []int
	}{
		{"GET /v1/entities", with(documented, 200, 304, 412, 415), with(canonical, 200, 304, 406, 412)},
		{"POST /v1/entities", with(documented, 201, 415), with(canonical, 201, 406, 415, 422)},
		{"PUT /v1/entities/{id}", with(documented, 200, 201, 204, 412, 415), with(canonical, 200, 201, 204, 406, 412, 415)},
		{"PATCH /v1/entities/{id}", with(documented, 200, 204, 412, 415), with(canonical, 200, 204, 406, 412, 415)},
		{"DELETE /v1/entities/{id}", with(documented, 204, 412), with(canonical, 204, 412)},
		{"POST /v1/entities:import", with(documented, 200, 202, 415), with(canonical, 200, 202, 406, 415, 422)},
		{"GET /v1/entities:export", with(documented, 200, 415), with(canonical, 200, 406)},
	} {
		for _, one := range []struct {
			policy string
			want   []int
		}{{policy.Documented, test.documented}, {policy.Canonical, test.canonical}} {
			if diff := cmp.Diff(one.want, of[one.policy][test.operation]); diff != "" {
				t.Errorf("%s, by %s, want (-) and got (+):\n%s", test.operation, one.policy, diff)
			}
		}
	}
}

// The configuration changes the possible responses.
func TestStatusesFollowTheirSettings(t *testing.T) {
	t.Parallel()
	const put, create = "PUT /v1/entities/{id}", "POST /v1/entities"
	for _, test := range []struct {
		name, operation string
		change          func(*source)
		has, lacks      []int
	}{
		{"no store for keys", create, func(p *source) { p.Keys = false }, []int{400, 409}, []int{422}},
		{"no row for 204", put, func(p *source) {
			p.Table = without(t, p.Table, 204)
			p.contract.Methods = slices.DeleteFunc(p.contract.Methods, declaresNoContent)
		}, []int{200, 201}, []int{204}},
		{"no row for 304", "GET /v1/entities", func(p *source) { p.Table = without(t, p.Table, 304) }, []int{200}, []int{304}},
		{"retired by the policy", create, func(p *source) { p.Table = retiring(t) }, []int{410}, nil},
		{"as it is", create, func(*source) {}, []int{201, 422}, []int{410}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := sourceOf(reference(t), builtin(t, policy.Canonical))
			test.change(&p)
			got := statuses(t, documentOf(t, p))[test.operation]
			for _, status := range test.has {
				if !slices.Contains(got, status) {
					t.Errorf("%d is missing: %v", status, got)
				}
			}
			for _, status := range test.lacks {
				if slices.Contains(got, status) {
					t.Errorf("%d is there: %v", status, got)
				}
			}
		})
	}
}

// declaresNoContent reports whether a method needs a row for 204 without a preference of the client.
func declaresNoContent(method *contract.Method) bool { return slices.Contains(method.Success, 204) }

// A document is refused if a gateway would refuse the policy.
func TestNoRowForADeclaredStatus(t *testing.T) {
	t.Parallel()
	_, err := sourceOf(reference(t), without(t, builtin(t, policy.Canonical), 204)).document()
	if err == nil || !strings.Contains(err.Error(), "entity.v1.EntityService.DeleteEntity: declares 204, which the policy canonical has no row for") {
		t.Errorf("New() = %v", err)
	}
}

// without is a policy with one row less. Nothing that decides an error led to it.
func without(t *testing.T, table *policy.Table, status int) *policy.Table {
	t.Helper()
	line := func(status int) string {
		return "  - status: " + strconv.Itoa(status) + "\n    title: " + table.Row(status).GetTitle() + "\n"
	}
	other := strings.Replace(line(status), strconv.Itoa(status), strconv.Itoa(status+5), 1)
	return edited(t, table.Name(), line(status), other)
}

// retiring returns the contract with an end for everything, and the policy that says so.
func retiring(t *testing.T) *policy.Table {
	t.Helper()
	const end = "retirements:\n  - {selector: entity.v1, deprecated: \"2030-01-01\", sunset: \"2031-01-01\", successor: /v2/}\n"
	return edited(t, policy.Canonical, "rules:\n", end+"rules:\n")
}
