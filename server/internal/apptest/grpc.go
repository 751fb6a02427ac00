package apptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// FindMethod finds a gRPC method of the linked protos by package.Service/Method.
func FindMethod(name string) (protoreflect.MethodDescriptor, error) {
	service, method, _ := strings.Cut(name, "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, fmt.Errorf("the service %s: %w", service, err)
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok || described.Methods().ByName(protoreflect.Name(method)) == nil {
		return nil, fmt.Errorf("there is no method %s", name)
	}
	return described.Methods().ByName(protoreflect.Name(method)), nil
}

// NewMessage makes an empty message of a linked type.
func NewMessage(of protoreflect.MessageDescriptor) (proto.Message, error) {
	found, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		return nil, fmt.Errorf("the message %s: %w", of.FullName(), err)
	}
	return found.New().Interface(), nil
}

// A Reply is what a gRPC client receives.
type Reply struct {
	Messages []proto.Message
	Header   metadata.MD
	Trailer  metadata.MD
	Status   *status.Status
}

// Invoke calls a method with one request and receives all of its responses.
func (s *Server) Invoke(ctx context.Context, method protoreflect.MethodDescriptor, request proto.Message) (*Reply, error) {
	got := &Reply{}
	path := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
	stream, err := s.GRPC.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path, grpc.Header(&got.Header), grpc.Trailer(&got.Trailer))
	if err != nil {
		return nil, fmt.Errorf("calling: %w", err)
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("sending: %w", err)
	}
	if err := stream.CloseSend(); err != nil {
		return nil, fmt.Errorf("ending: %w", err)
	}
	for {
		response, err := NewMessage(method.Output())
		if err != nil {
			return nil, err
		}
		err = stream.RecvMsg(response)
		if errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			got.Messages = append(got.Messages, response)
			continue
		}
		got.Status = status.Convert(err)
		if !method.IsStreamingServer() && got.Status.Code() == codes.OK && len(got.Messages) != 1 {
			return nil, fmt.Errorf("a unary call got %d messages", len(got.Messages))
		}
		return got, nil
	}
}

// ErrorInfo returns the ErrorInfo among the details of a status, or nil.
func ErrorInfo(s *status.Status) *errdetails.ErrorInfo {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}
