package policy_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/policy"
)

func TestSuccess(t *testing.T) {
	t.Parallel()
	documented := builtin(t, policy.Documented)
	no304 := load(t, minimal)

	tests := []struct {
		name   string
		table  *policy.Table
		in     policy.Input
		status int
		rule   string
	}{
		{"nothing declared", documented, policy.Input{}, 200, "ok"},
		{"nothing declared, one chosen", documented, policy.Input{Chosen: 204}, 200, "ok"},
		{"200 declared", documented, policy.Input{Declared: []int32{200}}, 200, "declared"},
		{"201 declared", documented, policy.Input{Declared: []int32{201}}, 201, "declared"},
		{"202 declared", documented, policy.Input{Declared: []int32{202}}, 202, "declared"},
		{"204 declared", documented, policy.Input{Declared: []int32{204}}, 204, "declared"},
		{"the first is the default", documented, policy.Input{Declared: []int32{201, 200}}, 201, "declared"},
		{"the second is chosen", documented, policy.Input{Declared: []int32{201, 200}, Chosen: 200}, 200, "declared"},
		{"the first is chosen", documented, policy.Input{Declared: []int32{201, 200}, Chosen: 201}, 201, "declared"},
		{"the chosen one is not declared", documented, policy.Input{Declared: []int32{200, 201}, Chosen: 204}, 200, "declared"},
		{"the chosen one is an error", documented, policy.Input{Declared: []int32{200, 201}, Chosen: 500}, 200, "declared"},
		{"the chosen one is no status", documented, policy.Input{Declared: []int32{200, 201}, Chosen: -1}, 200, "declared"},
		{"none is chosen", documented, policy.Input{Declared: []int32{204, 200}, Chosen: 0}, 204, "declared"},
		{"the declared one has no row", documented, policy.Input{Declared: []int32{203}}, 200, "ok"},
		{"the declared one is 0", documented, policy.Input{Declared: []int32{0}}, 200, "ok"},
		{"the declared one is an error", documented, policy.Input{Declared: []int32{404}}, 200, "ok"},
		{"the declared and chosen one is an error", documented, policy.Input{Declared: []int32{200, 503}, Chosen: 503}, 200, "ok"},
		{"304 is declared, with nothing to compare", documented, policy.Input{Declared: []int32{304}}, 200, "ok"},
		{"not modified", documented, policy.Input{NotModified: true, Conditional: true}, 304, "not-modified"},
		{"not modified goes before the declared", documented, policy.Input{Declared: []int32{201, 200}, Chosen: 200, NotModified: true}, 304, "not-modified"},
		{"conditional and modified", documented, policy.Input{Declared: []int32{200}, Conditional: true}, 200, "declared"},
		{"not modified, without a row", no304, policy.Input{NotModified: true}, 200, "ok"},
		{"not modified, without a row, declared", no304, policy.Input{Declared: []int32{200}, NotModified: true}, 200, "declared"},
		{"declared, without a row", no304, policy.Input{Declared: []int32{204}, NotModified: true}, 200, "ok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			declared := slices.Clone(test.in.Declared)
			got := test.table.Decide(test.in)
			if got.Status() != test.status || got.Rule.GetName() != test.rule {
				t.Errorf("got %d by %s, want %d by %s", got.Status(), got.Rule.GetName(), test.status, test.rule)
			}
			if got.IsError() {
				t.Error("a success is reported as an error")
			}
			if got.Rule.GetWhy() == "" && test.rule != "ok" {
				t.Error("the rule does not say why")
			}
			if !slices.Equal(declared, test.in.Declared) {
				t.Error("Decide changed its input")
			}
		})
	}
}

// decisions are one input for each way through Decide.
func decisions() map[string]policy.Input {
	return map[string]policy.Input{
		"error by code":      backend(codes.NotFound),
		"error by no code":   {Code: 42},
		"error by reason":    local(codes.Aborted, policy.ReasonPreconditionFailed),
		"error by detail":    {Code: int32(codes.ResourceExhausted), Domain: "example.com", Reason: "NONE", Details: []string{badRequest, quotaFailure}},
		"success":            {},
		"success, declared":  {Declared: []int32{201, 200}, Chosen: 200},
		"success, unchanged": {Declared: []int32{200}, NotModified: true, Conditional: true},
	}
}

//nolint:paralleltest // AllocsPerRun counts what other tests allocate meanwhile, and refuses to run beside them
func TestDecideDoesNotAllocate(t *testing.T) {
	table := builtin(t, policy.Documented)
	for name, in := range decisions() {
		t.Run(name, func(t *testing.T) {
			allocs := testing.AllocsPerRun(100, func() {
				if table.Decide(in).Row == nil {
					t.Error("no row")
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	table := builtin(b, policy.Documented)
	for name, in := range decisions() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Decide(in)
			}
		})
	}
}
