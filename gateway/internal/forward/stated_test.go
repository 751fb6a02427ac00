package forward_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// An error that is stated plainly is the same as one with details.
//
// checklist: ERR-04, ERR-05
func TestStated(t *testing.T) {
	t.Parallel()
	info := func(domain, reason string) *errdetails.ErrorInfo {
		return &errdetails.ErrorInfo{Domain: domain, Reason: reason}
	}
	retry := func(seconds int64) *errdetails.RetryInfo {
		return &errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: seconds}}
	}
	both := func(reason, domain string) metadata.MD {
		return metadata.Pairs("statusway-reason", reason, "statusway-domain", domain)
	}
	after := func(text string) metadata.MD { return metadata.Pairs("statusway-retry-after", text) }
	type details []protoadapt.MessageV1
	for name, test := range map[string]struct {
		sent    details
		header  metadata.MD
		trailer metadata.MD
		want    details
		ignored string // the key that the log names
	}{
		"nothing":        {nil, nil, nil, nil, ""},
		"in the header":  {nil, both("OUT_OF_STOCK", "shop.v1"), nil, details{info("shop.v1", "OUT_OF_STOCK")}, ""},
		"in the trailer": {nil, nil, both("OUT_OF_STOCK", "shop.v1"), details{info("shop.v1", "OUT_OF_STOCK")}, ""},
		"in each one":    {nil, metadata.Pairs("statusway-reason", "AAA"), metadata.Pairs("statusway-domain", "a"), details{info("a", "AAA")}, ""},
		"all of it":      {nil, both("AAA", "a"), after("30"), details{info("a", "AAA"), retry(30)}, ""},
		"a wait alone":   {nil, after("30"), nil, details{retry(30)}, ""},
		"no wait":        {nil, after("0"), nil, details{retry(0)}, ""},
		"known already":  {details{info("b", "BBB"), retry(1)}, metadata.Join(both("AAA", "a"), after("30")), nil, details{info("b", "BBB"), retry(1)}, ""},
		"one of them":    {details{retry(1)}, metadata.Join(both("AAA", "a"), after("30")), nil, details{retry(1), info("a", "AAA")}, ""},
		"another detail": {details{&errdetails.Help{}}, both("AAA", "a"), nil, details{&errdetails.Help{}, info("a", "AAA")}, ""},

		"no domain":            {nil, metadata.Pairs("statusway-reason", "AAA"), nil, nil, ""},
		"no reason":            {nil, metadata.Pairs("statusway-domain", "a"), nil, nil, ""},
		"shortest reason":      {nil, both("ABC", "a"), nil, details{info("a", "ABC")}, ""},
		"too short":            {nil, both("AB", "a"), nil, nil, "statusway-reason"},
		"longest reason":       {nil, both(strings.Repeat("A", 63), "a"), nil, details{info("a", strings.Repeat("A", 63))}, ""},
		"too long":             {nil, both(strings.Repeat("A", 64), "a"), nil, nil, "statusway-reason"},
		"lower case":           {nil, both("out_of_stock", "a"), nil, nil, "statusway-reason"},
		"a dash":               {nil, both("OUT-OF-STOCK", "a"), nil, nil, "statusway-reason"},
		"an underscore at end": {nil, both("OUT_", "a"), nil, nil, "statusway-reason"},
		"a digit in front":     {nil, both("1OUT", "a"), nil, nil, "statusway-reason"},
		"another line":         {nil, both("AAA\r\nX-Evil: 1", "a"), nil, nil, "statusway-reason"},
		"a line's end":         {nil, both("AAA\n", "a"), nil, nil, "statusway-reason"},
		"two reasons":          {nil, metadata.Join(both("AAA", "a"), metadata.Pairs("statusway-reason", "BBB")), nil, nil, "statusway-reason"},
		"an empty domain":      {nil, both("AAA", ""), nil, nil, "statusway-domain"},
		"a domain with spaces": {nil, both("AAA", "my shop"), nil, nil, "statusway-domain"},
		"a huge domain":        {nil, both("AAA", strings.Repeat("a", 254)), nil, nil, "statusway-domain"},
		"a long domain":        {nil, both("AAA", strings.Repeat("a", 253)), nil, details{info(strings.Repeat("a", 253), "AAA")}, ""},
		"negative":             {nil, after("-1"), nil, nil, "statusway-retry-after"},
		"a unit":               {nil, after("30s"), nil, nil, "statusway-retry-after"},
		"a fraction":           {nil, after("1.5"), nil, nil, "statusway-retry-after"},
		"a date":               {nil, after("Sun, 06 Nov 1994 08:49:37 GMT"), nil, nil, "statusway-retry-after"},
		"the longest wait":     {nil, after("999999999"), nil, details{retry(999999999)}, ""},
		"a wait too long":      {nil, after("1000000000"), nil, nil, "statusway-retry-after"},
		"a wait with a reason": {nil, metadata.Join(both("x", "a"), after("30")), nil, details{retry(30)}, "statusway-reason"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, err := status.New(codes.NotFound, "gone").WithDetails(test.sent...)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			rules := forward.New(forward.Params{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			failed := of.Err()
			failure := respond.AsFailure(rules.Failed(t.Context(), failed, test.header, test.trailer))
			want, err := status.New(codes.NotFound, "gone").WithDetails(test.want...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Proto(), failure.Status, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !errors.Is(failure, failed) {
				t.Error("the cause is lost")
			}
			if len(failure.Header) > 0 {
				t.Errorf("%v leaves as header fields", failure.Header)
			}
			if got := log.String(); strings.Contains(got, "key="+test.ignored) != (test.ignored != "") || strings.Contains(got, "level=INFO") {
				t.Errorf("the log says %q, want %q", got, test.ignored)
			}
		})
	}
}

// A failure may be the response to many requests, so none of them may change it.
func TestStatedLeavesTheOriginal(t *testing.T) {
	t.Parallel()
	original := respond.FailAs(codes.Unavailable, "AWAY", "away")
	rules := forward.New(forward.Params{})
	got := respond.AsFailure(rules.Failed(t.Context(), original, metadata.Pairs("statusway-retry-after", "3"), nil))
	if len(original.Status.GetDetails()) != 1 || len(got.Status.GetDetails()) != 2 {
		t.Errorf("%v, and then %v", original.Status, got.Status)
	}
}
