package forward_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/observe"
)

// A client's metadata reaches the backend, except keys that the backend has to be able to
// trust.
//
// checklist: GRPC-08
func TestClientMetadata(t *testing.T) {
	t.Parallel()
	given := http.Header{
		"Grpc-Metadata-X-Tenant": {"a", "b"}, "Grpc-Metadata-X_y.z": {"1"}, "Grpc-Metadata-Raw-Bin": {"AP8=", "AP8", "!"},
		"Cookie": {"c=1"}, "User-Agent": {"curl"}, "If-Match": {`"a"`}, "Accept-Language": {"de"}, "Authorization": {"Bearer t"},
		"X-Other": {"1"}, "X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Host": {"evil.example.com"}, "Forwarded": {"for=6.6.6.6"},
		"Grpc-Metadata-Value": {"a\x7fb", "ü", "fine", ""},

		"Grpc-Metadata-Authorization": {"Bearer evil"}, "Grpc-Metadata-Accept-Language": {"fr"}, "Grpc-Metadata-Traceparent": {"evil"},
		"Grpc-Metadata-X-Forwarded-For": {"6.6.6.6"}, "Grpc-Metadata-X-Forwarded-Proto": {"evil"}, "Grpc-Metadata-X-Request-Id": {"evil"},
		"Grpc-Metadata-Prefer-Wait": {"9"}, "Grpc-Metadata-If-Match": {"*"}, "Grpc-Metadata-If-None-Match": {"*"}, "Grpc-Metadata-If-Unmodified-Since": {"x"},
		"Grpc-Metadata-Grpcgateway-Cookie": {"evil"}, "Grpc-Metadata-Grpc-Timeout": {"1n"}, "Grpc-Metadata-Statusway-Status": {"201"},
		"Grpc-Metadata-Content-Type": {"x/y"}, "Grpc-Metadata-Te": {"evil"}, "Grpc-Metadata-Connection": {"close"}, "Grpc-Metadata-Host": {"evil"},
		"Grpc-Metadata-:path": {"/evil"}, "Grpc-Metadata-": {"evil"}, "Grpc-Metadata-A B": {"evil"}, "Grpc-Metadata-Ü": {"evil"},
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/x", http.NoBody)
	r.Header, r.Host = given, "api.example.com"
	ex := &exchange.Exchange{Record: observe.Record{RequestID: "r-1", Client: "192.0.2.1", Start: time.Now()}, Fields: http.Header{}}
	r = r.WithContext(exchange.With(r.Context(), ex))
	always := metadata.MD{
		"accept-language": {"de"}, "authorization": {"Bearer t"}, "x-request-id": {"r-1"}, "x-forwarded-for": {"192.0.2.1"}, "x-forwarded-host": {"api.example.com"},
	}
	more := metadata.Join(always, metadata.MD{
		"x-tenant": {"a", "b"}, "x_y.z": {"1"}, "raw-bin": {"\x00\xff", "\x00\xff"}, "value": {"fine"},
		"grpcgateway-cookie": {"c=1"}, "grpcgateway-user-agent": {"curl"}, "grpcgateway-if-match": {`"a"`},
		"grpcgateway-accept-language": {"de"}, "grpcgateway-authorization": {"Bearer t"},
	})
	for all, want := range map[bool]metadata.MD{false: always, true: more} {
		rules := forward.New(forward.Params{GRPCGateway: all})
		if diff := cmp.Diff(want, rules.Metadata(r)); diff != "" {
			t.Errorf("as grpc-gateway: %t (-want +got):\n%s", all, diff)
		}
	}
}

// A backend's metadata is sent as valid header fields, except keys for the gateway or for
// gRPC.
func TestAnsweredMetadata(t *testing.T) {
	t.Parallel()
	header := metadata.MD{
		"content-type": {"application/grpc+proto"}, "x-info": {"1", "2"}, "raw-bin": {"\r\n\x00"}, "etag": {"x"},
		"grpc-encoding": {"identity"}, "grpc-status-details-bin": {"x"}, "statusway-status": {"201"}, "statusway-reason": {"X"},
	}
	leading := http.Header{
		"Grpc-Metadata-Content-Type": {"application/grpc"}, "Grpc-Metadata-X-Info": {"1", "2"}, "Grpc-Metadata-Raw-Bin": {"DQoA"}, "Grpc-Metadata-Etag": {"x"},
	}
	trailer := metadata.MD{"content-type": {"application/grpc"}, "x-more": {"3"}, "grpc-status": {"5"}, "grpc-message": {"x"}}
	ctx := exchange.With(t.Context(), &exchange.Exchange{Fields: http.Header{}})
	rules := forward.New(forward.Params{GRPCGateway: true})
	failure := status.Error(codes.NotFound, "No.")
	for name, test := range map[string]struct {
		got  http.Header
		want http.Header
	}{
		"a success":              {rules.Reply(ctx, nil, header, trailer).Header, leading},
		"an error":               {respond.AsFailure(rules.Failed(ctx, failure, header, trailer)).Header, leading},
		"an error of trailers":   {respond.AsFailure(rules.Failed(ctx, failure, nil, trailer)).Header, http.Header{"Grpc-Metadata-X-More": {"3"}}},
		"an error of nothing":    {respond.AsFailure(rules.Failed(ctx, failure, nil, nil)).Header, nil},
		"no success of trailers": {rules.Reply(ctx, nil, nil, trailer).Header, http.Header{}},
		"none by default":        {forward.New(forward.Params{}).Reply(ctx, nil, header, trailer).Header, nil},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
