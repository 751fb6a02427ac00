package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/observe/metrics"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// The front ends that are compared.
const (
	// stock is grpc-gateway with its defaults and nothing else.
	stock = "stock"
	// fromGenerated is this gateway over grpc-gateway's generated handlers.
	fromGenerated = "generated"
	// fromDescriptors is this gateway over descriptors alone; in process its messages are
	// those that are linked in.
	fromDescriptors = "dynamic"
)

// kinds are all of them, in the order of the tables.
func kinds() []string { return []string{stock, fromGenerated, fromDescriptors} }

const publicURL = "http://127.0.0.1:8080"

// frontParams say which front end is made.
type frontParams struct {
	// kind is one of the constants.
	kind string
	// routes is how many routes there are, those of the service among them.
	routes int
	// address is that of the backend's process, and conn leads to it: each front end gets what its
	// users would give it. Both are zero if the service is in this process.
	address string
	conn    grpc.ClientConnInterface
}

func newFront(ctx context.Context, p frontParams) (*gateway.Gateway, http.Handler, error) {
	switch p.kind {
	case stock:
		handler, err := newStock(ctx, p)
		return nil, handler, err
	case fromGenerated, fromDescriptors:
		front, err := newOurs(ctx, p)
		return front, front, err
	default:
		return nil, nil, fmt.Errorf("there is no front end %q", p.kind)
	}
}

// newStock is grpc-gateway as its documentation has it: in process by
// RegisterEntityServiceHandlerServer, which runs no interceptors and no streams.
func newStock(ctx context.Context, p frontParams) (http.Handler, error) {
	mux := runtime.NewServeMux()
	err := amid(mux, p.routes, func() error {
		if p.conn != nil {
			return entityv1.RegisterEntityServiceHandlerClient(ctx, mux, entityv1.NewEntityServiceClient(p.conn))
		}
		service, err := newService()
		if err != nil {
			return err
		}
		return entityv1.RegisterEntityServiceHandlerServer(ctx, mux, service)
	})
	return mux, err
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// others is how many routes there are beyond those of the service.
func others(routes int) int {
	return max(0, routes-entityv1.File_entity_v1_entity_service_proto.Services().ByName("EntityService").Methods().Len())
}

// amid registers the service's handlers with half of the routes that no request asks
// for before them and half behind them, as it would be among the services of a program.
func amid(mux *runtime.ServeMux, routes int, register func() error) error {
	all := others(routes)
	for i := range all + 1 {
		if i == all/2 {
			if err := register(); err != nil {
				return fmt.Errorf("registering the handlers: %w", err)
			}
		}
		if i == all {
			break
		}
		rpc := fmt.Sprintf("/%s/GetKind%d", othersService(routes), i)
		err := mux.HandlePath(http.MethodGet, fmt.Sprintf("/v1/kinds%d/{id}", i), func(_ http.ResponseWriter, r *http.Request, _ map[string]string) {
			_, _ = runtime.AnnotateContext(r.Context(), mux, r, rpc) // as generated code begins
		})
		if err != nil {
			return fmt.Errorf("adding a route: %w", err)
		}
	}
	return nil
}

// newOurs is this gateway with all that `statusway proxy` does to a request, counting it
// among that.
func newOurs(ctx context.Context, p frontParams) (*gateway.Gateway, error) {
	// A discarding handler is never enabled, as at --log-level=warn.
	logger := slog.New(slog.DiscardHandler)
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		return nil, fmt.Errorf("the policy: %w", err)
	}
	counted, err := metrics.New(metrics.Params{Registry: prometheus.NewRegistry(), Table: table, Reasons: nil})
	if err != nil {
		return nil, fmt.Errorf("the metrics: %w", err)
	}
	var backend *gateway.Backend
	if p.kind == fromGenerated {
		backend, err = newGenerated(p)
	} else {
		backend, err = newDynamic(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	deadline := time.Minute
	if p.kind == fromGenerated {
		deadline = -1 // as `statusway serve` has it
	}
	front, err := gateway.New(backend, gateway.Config{
		Deadline: deadline,
		Policy:   table, PublicURL: publicURL, Realm: "benchmark", Logger: logger, Observer: counted,
		Limiter: counted.Limiter(memory.New(memory.Params{
			Policies: []memory.Policy{{Name: "default", Requests: 1 << 30, Period: time.Hour, Per: memory.PerCaller}},
			MaxKeys:  0, Logger: nil, Now: nil,
		})),
	})
	return front, wrap("making the gateway", err)
}

// newGenerated returns the backend of the generated handlers.
func newGenerated(p frontParams) (*gateway.Backend, error) {
	conn, err := connTo(p)
	if err != nil {
		return nil, err
	}
	if err := declareOthers(p.routes); err != nil {
		return nil, err
	}
	backend, err := generated.New(conn, func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
		return amid(mux, p.routes, func() error { return entityv1.RegisterEntityServiceHandler(ctx, mux, conn) })
	})
	return backend, wrap("the backend", err)
}

// declareOthers links in the declaration of the other routes, as generated code does.
func declareOthers(routes int) error {
	if others(routes) == 0 {
		return nil
	}
	if _, err := protoregistry.GlobalFiles.FindFileByPath(othersFile(routes)); err == nil {
		return nil
	}
	extra, err := protodesc.NewFile(extraFile(routes), protoregistry.GlobalFiles)
	if err != nil {
		return fmt.Errorf("the other routes: %w", err)
	}
	return wrap("the other routes", protoregistry.GlobalFiles.RegisterFile(extra))
}

// connTo is the connection to the service: the one given, or one in this process.
func connTo(p frontParams) (grpc.ClientConnInterface, error) {
	if p.conn != nil {
		return p.conn, nil
	}
	service, err := newService()
	if err != nil {
		return nil, err
	}
	conn := inprocess.New(inprocess.Params{
		UnaryInterceptors:  []grpc.UnaryServerInterceptor{pass},
		StreamInterceptors: nil,
		MaxRequestBytes:    inprocess.DefaultMaxBytes,
		MaxResponseBytes:   inprocess.DefaultMaxBytes,
	})
	entityv1.RegisterEntityServiceServer(conn, service)
	return conn, nil
}

// pass is an interceptor that does nothing, because a program without any is rare.
func pass(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	return handler(ctx, request)
}

// newDynamic returns the backend of the descriptors alone.
func newDynamic(ctx context.Context, p frontParams) (*gateway.Backend, error) {
	conn, err := connTo(p)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{File: append(withImports(entityv1.File_entity_v1_entity_service_proto), extraFile(p.routes))}
	names := []string{string(entityService().FullName()), othersService(p.routes)}
	if p.conn == nil {
		names = names[1:] // the service is linked in
	}
	targets := []dynamic.Target{{Address: p.address, Descriptors: set, Services: names}}
	if p.conn == nil {
		targets[0].Conn = conn
		targets = append(targets, dynamic.Target{Conn: conn, Linked: []protoreflect.ServiceDescriptor{entityService()}})
	}
	backend, err := dynamic.Connect(ctx, targets...)
	return backend, wrap("the backend", err)
}

func othersPackage(routes int) string { return fmt.Sprintf("benchmark.v%d", routes) }
func othersService(routes int) string { return othersPackage(routes) + ".Others" }
func othersFile(routes int) string    { return fmt.Sprintf("benchmark/v%d/others.proto", routes) }

func entityService() protoreflect.ServiceDescriptor {
	return entityv1.File_entity_v1_entity_service_proto.Services().ByName("EntityService")
}

// withImports are the descriptors of a file and of all that it imports.
func withImports(file protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	seen := map[string]bool{}
	var all []*descriptorpb.FileDescriptorProto
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		all = append(all, protodesc.ToFileDescriptorProto(file))
	}
	add(file)
	return all
}

// extraFile declares the routes that no request asks for.
func extraFile(routes int) *descriptorpb.FileDescriptorProto {
	others := others(routes)
	service := &descriptorpb.ServiceDescriptorProto{Name: new("Others"), Method: make([]*descriptorpb.MethodDescriptorProto, 0, others)}
	for i := range others {
		options := &descriptorpb.MethodOptions{}
		proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{
			Pattern: &annotations.HttpRule_Get{Get: fmt.Sprintf("/v1/kinds%d/{id}", i)},
		})
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name: new(fmt.Sprintf("GetKind%d", i)), InputType: new(".entity.v1.GetEntityRequest"),
			OutputType: new(".entity.v1.Entity"), Options: options,
		})
	}
	return &descriptorpb.FileDescriptorProto{
		Name: new(othersFile(routes)), Package: new(othersPackage(routes)), Syntax: new("proto3"),
		Dependency: []string{"entity/v1/entity_service.proto", "google/api/annotations.proto"},
		Service:    []*descriptorpb.ServiceDescriptorProto{service},
	}
}

// hashed responds with 304 by a hash of the handler's response, because bare grpc-gateway
// evaluates no condition. It is the base of the column 304.
func hashed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := &buffered{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(buffer, r)
		maps.Copy(w.Header(), buffer.header)
		sum := sha256.Sum256(buffer.body)
		tag := `"` + hex.EncodeToString(sum[:]) + `"`
		w.Header().Set("ETag", tag)
		// protojson's bytes differ between builds, so no request could name the tag
		// beforehand: any condition is taken to hold.
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified) //nolint:forbidigo // this is what others write.
			return
		}
		w.WriteHeader(buffer.status) //nolint:forbidigo // as above.
		_, _ = w.Write(buffer.body)
	})
}

type buffered struct {
	header http.Header
	status int
	body   []byte
}

func (b *buffered) Header() http.Header    { return b.header }
func (b *buffered) WriteHeader(status int) { b.status = status }

func (b *buffered) Write(p []byte) (int, error) {
	b.body = append(b.body, p...)
	return len(p), nil
}

var errStatus = errors.New("the answer is not the one expected")
