package interceptor_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/statusway/statusway/server/internal/interceptor"
)

// A request of exactly the limit is handled, and one octet more is refused by the reason
// that REST makes 413.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	limits := interceptor.MaxBytes(func(method string) int64 { return map[string]int64{"/a.B/C": 102}[method] })
	for _, test := range []struct {
		method string
		text   int // and two bytes of tag and length
		want   codes.Code
	}{
		{"/a.B/C", 0, codes.OK},
		{"/a.B/C", 100, codes.OK},
		{"/a.B/C", 101, codes.ResourceExhausted},
		{"/a.B/Other", 1000, codes.OK},
	} {
		handled := false
		_, err := limits.Unary()(t.Context(), wrapperspb.String(strings.Repeat("x", test.text)), &grpc.UnaryServerInfo{FullMethod: test.method},
			func(context.Context, any) (any, error) {
				handled = true
				return nil, nil //nolint:nilnil // nobody looks at the response.
			})
		if status.Code(err) != test.want || handled != (test.want == codes.OK) {
			t.Errorf("%s with %d octets: %v, handled: %t", test.method, test.text, err, handled)
		}
		if test.want == codes.OK {
			continue
		}
		info, ok := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != "statusway.v1" || info.GetReason() != "REQUEST_TOO_LARGE" || info.GetMetadata()["limitBytes"] != "102" {
			t.Errorf("the details are %v", info)
		}
	}
}
