package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/ratelimit"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// obedient ends its calls with the outcome in the request.
type obedient struct {
	conformancev1.UnimplementedConformanceServiceServer
}

func (obedient) Respond(ctx context.Context, how *conformancev1.Outcome) (*emptypb.Empty, error) {
	md := metadata.New(how.GetMetadata())
	var err error
	switch how.GetPlacement() {
	case conformancev1.Placement_PLACEMENT_TRAILER:
		if err = grpc.SendHeader(ctx, nil); err == nil {
			err = grpc.SetTrailer(ctx, md)
		}
	case conformancev1.Placement_PLACEMENT_TRAILERS_ONLY:
		err = grpc.SetTrailer(ctx, md)
	case conformancev1.Placement_PLACEMENT_HEADER, conformancev1.Placement_PLACEMENT_UNSPECIFIED:
		err = grpc.SendHeader(ctx, md)
	}
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, status.FromProto(how.GetStatus()).Err()
}

func (o obedient) WatchItems(in *conformancev1.WatchItemsRequest, stream grpc.ServerStreamingServer[conformancev1.Item]) error {
	how := in.GetOutcome()
	inHeader := how.GetPlacement() == conformancev1.Placement_PLACEMENT_HEADER
	if inHeader {
		if err := stream.SendHeader(metadata.New(how.GetMetadata())); err != nil {
			return err
		}
	}
	for i := range in.GetCount() {
		if err := stream.Send(&conformancev1.Item{Id: strconv.Itoa(int(i) + 1)}); err != nil {
			return err
		}
	}
	if !inHeader {
		stream.SetTrailer(metadata.New(how.GetMetadata()))
	}
	return status.FromProto(how.GetStatus()).Err()
}

// allowance is a limiter that always says the same.
type allowance []ratelimit.Quota

func (a allowance) Take(context.Context, ratelimit.Use) (ratelimit.Allowance, error) {
	return ratelimit.Allowance(a), nil
}

// beforeObedient starts both kinds of gateway before a gRPC server of its own, and
// returns them by the backend's name. A nil limiter counts nothing.
func beforeObedient(t *testing.T, limiter ratelimit.Limiter) map[string]*front {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	conformancev1.RegisterConformanceServiceServer(server, obedient{})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })

	generated, err := generated.New(conn, conformancev1.RegisterConformanceServiceHandler)
	if err != nil {
		t.Fatal(err)
	}
	described, err := dynamic.Connect(t.Context(), dynamic.Target{
		Address: listener.Addr().String(), Descriptors: withImports(conformancev1.File_statusway_conformance_v1_conformance_proto),
	})
	if err != nil {
		t.Fatal(err)
	}
	fronts := map[string]*front{}
	for name, served := range map[string]*gateway.Backend{"generated": generated, "dynamic": described} {
		fronts[name] = serve(t, gateway.Config{Limiter: limiter, DrainDelay: -1}, &front{served: served})
	}
	return fronts
}

func withImports(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorSet {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(one protoreflect.FileDescriptor) {
		if seen[one.Path()] {
			return
		}
		seen[one.Path()] = true
		for i := range one.Imports().Len() {
			add(one.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(one))
	}
	add(file)
	return set
}

// tell posts the outcome of a call.
func tell(t *testing.T, f *front, target string, body any) received {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return exchangeOnce(t, f, http.MethodPost, post(target, string(text), "Content-Type: application/json"))
}

// TestBackendMetadata: metadata about an error and an allowance has the same effect with
// either backend, wherever the backend's language puts it.
//
// checklist: ALL-06, 429-07, GRPC-08
func TestBackendMetadata(t *testing.T) {
	t.Parallel()
	md := map[string]string{
		"statusway-reason": "OUT_OF_STOCK", "statusway-domain": "shop.v1", "statusway-retry-after": "7",
		"x-rate-limit-limit": "100", "x-rate-limit-remaining": "4", "x-rate-limit-reset": "30",
		"ratelimit": `"daily";r=4;t=30`, "ratelimit-policy": `"daily";q=100`, "x-secret": "s",
	}
	counted := allowance{{Policy: "default", Limit: 9, Remaining: 5, Window: time.Minute, Reset: time.Minute}}
	for limited, limiter := range map[string]ratelimit.Limiter{"uncounted": nil, "counted": counted} {
		for name, f := range beforeObedient(t, limiter) {
			for _, placement := range conformancev1.Placement_name {
				for kind, code := range map[string]int32{"success": 0, "error": 14, "stream": 0, "stream that fails": 14} {
					t.Run(strings.Join([]string{name, limited, placement, kind}, " "), func(t *testing.T) {
						t.Parallel()
						target, body := "/conformance/v1/outcomes", any(map[string]any{"status": map[string]any{"code": code}, "metadata": md, "placement": placement})
						if strings.HasPrefix(kind, "stream") {
							target, body = "/conformance/v1/items:watch", map[string]any{"outcome": body}
						}
						answer := tell(t, f, target, body)
						wantAllowance(t, answer.Header, limiter != nil)
						if code != 0 {
							wantStated(t, answer)
						}
						for field := range answer.Header {
							if strings.HasPrefix(field, "Statusway-") || field == "X-Secret" {
								t.Errorf("%s has left", field)
							}
						}
					})
				}
			}
		}
	}
}

func wantAllowance(t *testing.T, header http.Header, counted bool) {
	t.Helper()
	want := map[string]string{
		"X-Rate-Limit-Limit": "100", "X-Rate-Limit-Remaining": "4", "X-Rate-Limit-Reset": "30",
		"Ratelimit": `"daily";r=4;t=30`, "Ratelimit-Policy": `"daily";q=100`,
	}
	if counted {
		want["Ratelimit"] = `"default";r=5;t=60, ` + want["Ratelimit"]
		want["Ratelimit-Policy"] = `"default";q=9;w=60, ` + want["Ratelimit-Policy"]
	}
	for name, value := range want {
		if got := header[name]; !slices.Equal(got, []string{value}) {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// wantStated: UNAVAILABLE is redacted, but how long to wait is for the client.
func wantStated(t *testing.T, answer received) {
	t.Helper()
	members := problemOf(t, answer)
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "7" || members["retryAfter"] != 7.0 || members["reason"] != nil {
		t.Errorf("%d with Retry-After %q: %s", answer.StatusCode, answer.Header.Get("Retry-After"), answer.body)
	}
}

// An error with its reason in metadata looks like one with details, even at the end of a
// stream, where only trailers are left.
//
// checklist: ERR-04, ERR-08
func TestPlainErrors(t *testing.T) {
	t.Parallel()
	details := &spb.Status{Code: 5, Message: "No such teapot."}
	text, err := protojson.Marshal(details)
	if err != nil {
		t.Fatal(err)
	}
	plain := map[string]any{
		"status": json.RawMessage(text), "metadata": map[string]string{"statusway-reason": "NO_TEAPOT", "statusway-domain": "shop.v1"},
	}
	precise := map[string]any{"status": map[string]any{"code": 5, "message": "No such teapot.", "details": []any{
		map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "NO_TEAPOT", "domain": "shop.v1"},
	}}}
	for name, f := range beforeObedient(t, nil) {
		for _, placement := range conformancev1.Placement_name {
			for _, count := range []int{-1, 0, 2} {
				t.Run(fmt.Sprintf("%s %s after %d", name, placement, count), func(t *testing.T) {
					t.Parallel()
					var bodies []string
					for _, how := range []map[string]any{plain, precise} {
						how = map[string]any{"status": how["status"], "metadata": how["metadata"], "placement": placement}
						target, body := "/conformance/v1/outcomes", any(how)
						if count >= 0 {
							target, body = "/conformance/v1/items:watch", map[string]any{"count": count, "outcome": how}
						}
						answer := tell(t, f, target, body)
						content := strings.ReplaceAll(string(answer.body), answer.Header.Get("X-Request-Id"), "<id>")
						bodies = append(bodies, fmt.Sprint(answer.StatusCode, answer.Header.Get("Content-Type"), content))
					}
					if bodies[0] != bodies[1] || !strings.Contains(bodies[0], `"reason":"NO_TEAPOT","domain":"shop.v1"`) {
						t.Errorf("plainly\n%s\nwith details\n%s", bodies[0], bodies[1])
					}
				})
			}
		}
	}
}

// A reason that is stated plainly decides like any other: here it makes a failed
// condition of an aborted call.
func TestPlainReasonDecides(t *testing.T) {
	t.Parallel()
	for name, f := range beforeObedient(t, nil) {
		for reason, want := range map[string]int{"REQUEST_TOO_LARGE": 413, "not a reason": 429, "": 429} {
			answer := tell(t, f, "/conformance/v1/outcomes", map[string]any{
				"status": map[string]any{"code": 8}, "metadata": map[string]string{"statusway-reason": reason, "statusway-domain": "statusway.v1"},
			})
			if answer.StatusCode != want {
				t.Errorf("%s, %q: %d, want %d: %s", name, reason, answer.StatusCode, want, answer.body)
			}
		}
	}
}
