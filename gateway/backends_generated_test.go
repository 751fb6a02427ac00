package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/internal/contract"
)

// generatedZoo is the zoo behind handlers as protoc-gen-grpc-gateway makes them.
func generatedZoo(tb testing.TB, z *zoo, address string) *gateway.Backend {
	tb.Helper()
	declared, err := contract.Read(z.file)
	if err != nil {
		tb.Fatal(err)
	}
	client, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	made, err := generated.New(client, func(_ context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
		for _, method := range declared.Methods {
			for _, binding := range method.Bindings {
				g := handler{mux: mux, conn: conn, binding: binding}
				if err := mux.HandlePath(binding.Verb, binding.Template.String(), g.serve); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return made
}

// handler does for any route what generated code of protoc-gen-grpc-gateway does for one.
type handler struct {
	mux     *runtime.ServeMux
	conn    grpc.ClientConnInterface
	binding *contract.Binding
}

func (g handler) serve(w http.ResponseWriter, r *http.Request, params map[string]string) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	inbound, outbound := runtime.MarshalerForRequest(g.mux, r)
	ctx, err := runtime.AnnotateContext(ctx, g.mux, r, g.binding.Method.FullName, runtime.WithHTTPPathPattern(g.binding.Template.String()))
	if err != nil {
		runtime.HTTPError(ctx, g.mux, outbound, w, r, err)
		return
	}
	descriptor, md := g.binding.Method.Descriptor, runtime.ServerMetadata{}
	reply := dynamicpb.NewMessage(descriptor.Output())
	var stream grpc.ClientStream
	switch {
	case descriptor.IsStreamingClient():
		stream, md, err = g.converse(ctx, inbound.NewDecoder(r.Body))
		if err == nil && !descriptor.IsStreamingServer() {
			err = stream.RecvMsg(reply)
			md.TrailerMD = stream.Trailer()
		}
	default:
		message := dynamicpb.NewMessage(descriptor.Input())
		if err = g.decode(message, inbound.NewDecoder(r.Body), r, params); err != nil {
			break
		}
		if !descriptor.IsStreamingServer() {
			err = g.conn.Invoke(ctx, g.binding.Method.FullName, message, reply, grpc.Header(&md.HeaderMD), grpc.Trailer(&md.TrailerMD))
			break
		}
		if stream, err = g.conn.NewStream(ctx, g.desc(), g.binding.Method.FullName); err != nil {
			break
		}
		if err = errors.Join(stream.SendMsg(message), stream.CloseSend()); err == nil {
			md.HeaderMD, err = stream.Header()
		}
	}
	ctx = runtime.NewServerMetadataContext(ctx, md)
	switch {
	case err != nil:
		runtime.HTTPError(ctx, g.mux, outbound, w, r, err)
	case descriptor.IsStreamingServer():
		runtime.ForwardResponseStream(ctx, g.mux, outbound, w, r, func() (proto.Message, error) {
			message := dynamicpb.NewMessage(descriptor.Output())
			return g.wrap(message), stream.RecvMsg(message)
		}, g.mux.GetForwardResponseOptions()...)
	default:
		runtime.ForwardResponseMessage(ctx, g.mux, outbound, w, r, g.wrap(reply), g.mux.GetForwardResponseOptions()...)
	}
}

// wrap does what generated code does for a response_body.
func (g handler) wrap(reply proto.Message) proto.Message {
	if g.binding.ResponseBody == nil {
		return reply
	}
	return selecting{reply}
}

// selecting panics like generated code if the field is a member of a oneof and not set.
type selecting struct{ proto.Message }

//nolint:revive // the name is that of generated code.
func (selecting) XXX_ResponseBody() any { panic("the member of the oneof is not set") }

func (g handler) desc() *grpc.StreamDesc {
	descriptor := g.binding.Method.Descriptor
	return &grpc.StreamDesc{
		StreamName: string(descriptor.Name()), ClientStreams: descriptor.IsStreamingClient(), ServerStreams: descriptor.IsStreamingServer(),
	}
}

// decode is of a request that is one message.
func (g handler) decode(message proto.Message, decoder runtime.Decoder, r *http.Request, params map[string]string) error {
	if g.binding.Body != "" {
		if err := decoder.Decode(message); err != nil && !errors.Is(err, io.EOF) {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
	}
	for _, field := range g.binding.Template.Fields() {
		if err := runtime.PopulateFieldFromPath(message, field, params[field]); err != nil {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
	}
	if err := r.ParseForm(); err != nil {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	if err := runtime.PopulateQueryParameters(message, r.Form, utilities.NewDoubleArray(nil)); err != nil {
		return status.Errorf(codes.InvalidArgument, "%v", err)
	}
	return nil
}

// converse starts a call with many requests. Those of a call in both directions are sent
// on a goroutine that nothing waits for, as generated code does.
func (g handler) converse(ctx context.Context, decoder runtime.Decoder) (grpc.ClientStream, runtime.ServerMetadata, error) {
	var md runtime.ServerMetadata
	stream, err := g.conn.NewStream(ctx, g.desc(), g.binding.Method.FullName)
	if err != nil {
		return nil, md, err
	}
	send := func() error {
		for {
			message := dynamicpb.NewMessage(g.binding.Method.Descriptor.Input())
			if err := decoder.Decode(message); errors.Is(err, io.EOF) {
				return stream.CloseSend()
			} else if err != nil {
				return status.Errorf(codes.InvalidArgument, "%v", err)
			}
			if err := stream.SendMsg(message); err != nil {
				return err
			}
		}
	}
	if g.desc().ServerStreams {
		go func() { _ = send() }()
	} else if err := send(); err != nil {
		return nil, md, err
	}
	md.HeaderMD, err = stream.Header()
	return stream, md, err
}
