package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/server/internal/conformance"
)

// methodOf finds a gRPC method by package.Service/Method in what is linked in.
func methodOf(name string) (protoreflect.MethodDescriptor, error) {
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

func newMessage(of protoreflect.MessageDescriptor) (proto.Message, error) {
	found, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		return nil, fmt.Errorf("the message %s: %w", of.FullName(), err)
	}
	return found.New().Interface(), nil
}

// reply is what a gRPC client gets.
type reply struct {
	messages []proto.Message
	header   metadata.MD
	trailer  metadata.MD
	status   *status.Status
}

// call does a case's gRPC side.
func (s *server) call(ctx context.Context, v conformance.Variables, as string, c *conformance.Call) error {
	ctx, cancel := context.WithTimeout(ctx, conformance.ExchangeTimeout)
	defer cancel()
	method, err := methodOf(c.Method)
	if err != nil {
		return err
	}
	request, err := newMessage(method.Input())
	if err != nil {
		return err
	}
	if c.Request != nil {
		text, err := conformance.JSONOf(c.Request.Value, v)
		if err != nil {
			return err
		}
		if err := jsoncodec.Unmarshal(text, request); err != nil {
			return fmt.Errorf("the request: %w", err)
		}
	}
	md := metadata.MD{}
	if token := v[as+"Token"]; as != "" && token != "" {
		md.Append("authorization", "Bearer "+token)
	}
	for _, pair := range c.Metadata {
		value, err := v.Expand(pair[1])
		if err != nil {
			return err
		}
		md.Append(pair[0], value)
	}
	got, err := s.invoke(metadata.NewOutgoingContext(ctx, md), method, request)
	if err != nil {
		return err
	}
	return errors.Join(s.checkReply(got), checkCall(got, c, v))
}

func (s *server) invoke(ctx context.Context, method protoreflect.MethodDescriptor, request proto.Message) (*reply, error) {
	got := &reply{}
	path := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
	stream, err := s.grpc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path, grpc.Header(&got.header), grpc.Trailer(&got.trailer))
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
		response, err := newMessage(method.Output())
		if err != nil {
			return nil, err
		}
		err = stream.RecvMsg(response)
		if errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			got.messages = append(got.messages, response)
			continue
		}
		got.status = status.Convert(err)
		if !method.IsStreamingServer() && got.status.Code() == codes.OK && len(got.messages) != 1 {
			return nil, fmt.Errorf("a unary call got %d messages", len(got.messages))
		}
		return got, nil
	}
}

// checkReply is the invariants of gRPC: what the metadata of an answer may be, and
// that every failure says its reason.
func (s *server) checkReply(got *reply) error {
	var errs []error
	known := map[string]bool{
		"content-type": true, "grpc-status-details-bin": true, "statusway-status": true,
		"ratelimit": true, "ratelimit-policy": true, "x-rate-limit-limit": true, "x-rate-limit-remaining": true, "x-rate-limit-reset": true,
	}
	for key, values := range metadata.Join(got.header, got.trailer) {
		if !known[key] {
			errs = append(errs, fmt.Errorf("invariant: no answer has the metadata %s: %q", key, values))
		}
	}
	// What is closed is refused before anything is counted.
	limited := len(metadata.Join(got.header, got.trailer).Get("x-rate-limit-limit")) > 0
	if limited != (s.params.Config.RateLimit != "off") && got.status.Code() != codes.Unavailable {
		errs = append(errs, fmt.Errorf("invariant: x-rate-limit-limit is there: %t", limited))
	}
	if got.status.Code() == codes.OK {
		return errors.Join(errs...)
	}
	info := infoOf(got.status)
	if info.GetReason() == "" || info.GetDomain() == "" {
		errs = append(errs, fmt.Errorf("invariant: an error without ErrorInfo: %v", got.status))
	}
	return errors.Join(errs...)
}

func infoOf(s *status.Status) *errdetails.ErrorInfo {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}

func checkCall(got *reply, want *conformance.Call, v conformance.Variables) error {
	var errs []error
	name := want.Code
	if name == "" {
		name = "OK"
	}
	number, known := code.Code_value[name]
	if !known || number != int32(got.status.Code()) {
		return fmt.Errorf("the code is %s (%s), want %s", code.Code(got.status.Code()), got.status.Message(), name)
	}
	info := infoOf(got.status)
	if want.Code != "" && (info.GetReason() != want.Reason || info.GetDomain() != want.Domain) {
		errs = append(errs, fmt.Errorf("ErrorInfo is %s %s, want %s %s", info.GetDomain(), info.GetReason(), want.Domain, want.Reason))
	}
	if want.Details != nil {
		types := []string{}
		for _, detail := range got.status.Proto().GetDetails() {
			types = append(types, string(detail.MessageName()))
		}
		if diff := cmp.Diff(want.Details, types); diff != "" {
			errs = append(errs, fmt.Errorf("the details (-want +got):\n%s", diff))
		}
	}
	for key, value := range want.Headers {
		value, err := v.Expand(value)
		if found := strings.Join(got.header.Get(key), ", "); err != nil || found != value {
			errs = append(errs, fmt.Errorf("the metadata %s is %q, want %q: %w", key, found, value, err))
		}
	}
	return errors.Join(append(errs, checkMessages(got, want, v))...)
}

func checkMessages(got *reply, want *conformance.Call, v conformance.Variables) error {
	if want.Response == nil && want.Capture == nil {
		return nil
	}
	var all []any
	for _, message := range got.messages {
		text, err := jsoncodec.Marshal(message)
		if err != nil {
			return fmt.Errorf("the response: %w", err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return fmt.Errorf("the response: %w", err)
		}
		all = append(all, value)
	}
	var value any = all
	if method, err := methodOf(want.Method); err == nil && !method.IsStreamingServer() && len(all) == 1 {
		value = all[0]
	}
	if want.Response != nil {
		if err := conformance.CheckJSON(value, want.Response, v); err != nil {
			return err
		}
	}
	for name, pointer := range want.Capture {
		found, ok := conformance.Lookup(value, pointer)
		if !ok {
			return fmt.Errorf("capturing %s: nothing is at %s", name, pointer)
		}
		v[name] = fmt.Sprint(found)
	}
	return nil
}
