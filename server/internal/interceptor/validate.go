package interceptor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// ReasonInvalidRequest is the reason of a request that breaks a rule of its proto.
const ReasonInvalidRequest = "INVALID_REQUEST"

// Validator checks requests by the protovalidate rules in their proto.
type Validator struct{ rules protovalidate.Validator }

// NewValidator compiles the rules of the given requests, so that a rule which does
// not compile fails the start and not a call.
func NewValidator(requests ...proto.Message) (*Validator, error) {
	rules, err := protovalidate.New(protovalidate.WithMessages(requests...))
	if err != nil {
		return nil, fmt.Errorf("compiling the rules of the protos: %w", err)
	}
	v := &Validator{rules: rules}
	seen := map[protoreflect.FullName]bool{}
	for _, request := range requests {
		if err := v.compiled(request.ProtoReflect().Descriptor(), seen); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// compiled returns why the rules of a message, or of one in it, do not compile. The
// library keeps that for the first call.
func (v *Validator) compiled(of protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) error {
	if of == nil || seen[of.FullName()] {
		return nil
	}
	seen[of.FullName()] = true
	var bad *protovalidate.CompilationError
	if err := v.rules.Validate(dynamicpb.NewMessage(of)); errors.As(err, &bad) {
		return fmt.Errorf("compiling the rules of %s: %w", of.FullName(), bad)
	}
	for i := range of.Fields().Len() {
		field := of.Fields().Get(i)
		if field.IsMap() {
			field = field.MapValue()
		}
		if err := v.compiled(field.Message(), seen); err != nil {
			return err
		}
	}
	return nil
}

// Unary checks the request of unary calls.
func (v *Validator) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := v.check(request); err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

// Stream checks each message that a stream receives.
func (v *Validator) Stream() grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return handler(service, validated{ServerStream: stream, validator: v})
	}
}

type validated struct {
	grpc.ServerStream

	validator *Validator
}

func (s validated) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err
	}
	return s.validator.check(message)
}

func (v *Validator) check(request any) error {
	message, ok := request.(proto.Message)
	if !ok {
		return nil
	}
	err := v.rules.Validate(message)
	if err == nil {
		return nil
	}
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return fmt.Errorf("checking a request: %w", err)
	}
	bad := &errdetails.BadRequest{}
	for _, one := range broken.Violations {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       protovalidate.FieldPathString(one.Proto.GetField()),
			Description: one.Proto.GetMessage(),
			Reason:      reason(one.Proto.GetRuleId()),
		})
	}
	first := bad.GetFieldViolations()[0]
	plain := status.New(codes.InvalidArgument, "the request breaks a rule: "+first.GetField()+" "+first.GetDescription())
	info := &errdetails.ErrorInfo{
		Domain: string(entityv1.File_entity_v1_entity_service_proto.Package()), Reason: ReasonInvalidRequest,
		Metadata: map[string]string{"field": first.GetField(), "rule": first.GetDescription()},
	}
	full, err := plain.WithDetails(info, bad)
	if err != nil {
		return plain.Err()
	}
	return full.Err()
}

// reason is the rule's id, such as string.max_len, as AIP-193 writes reasons.
func reason(rule string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(rule))
}
