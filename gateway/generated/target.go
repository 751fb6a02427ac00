package generated

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/route"
)

// target holds everything that a request to a route needs.
type target struct {
	handler runtime.HandlerFunc // the generated handler
	input   protoreflect.MessageType
	builder *request.Builder
}

func (g *generated) newTarget(binding *contract.Binding, handler runtime.HandlerFunc) (*target, error) {
	input, err := protoregistry.GlobalTypes.FindMessageByName(binding.Method.Descriptor.Input().FullName())
	if err != nil {
		return nil, fmt.Errorf("%s: the Go type of the request is not linked in: %w", binding.Method.FullName, err)
	}
	builder, err := request.New(g.codec, binding, input.Descriptor())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", binding.Method.FullName, err)
	}
	return &target{handler: handler, input: input, builder: builder}, nil
}

// pathParams returns path variables that generated code accepts. Its parsers refuse some values
// that the gateway accepts. pathParams replaces those values, which is safe because the message
// that generated code makes from them is not sent.
func (t *target) pathParams(binding *contract.Binding, params []route.Param) map[string]string {
	values := make(map[string]string, len(params))
	for i, one := range params {
		field := binding.Variables[i][len(binding.Variables[i])-1]
		values[one.Field] = acceptable(field, one.Value)
	}
	return values
}

// acceptable returns value if generated code certainly accepts it for field, else another value that
// it accepts.
func acceptable(field protoreflect.FieldDescriptor, value string) string {
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind:
		return value
	case protoreflect.BytesKind:
		return "AA=="
	case protoreflect.EnumKind:
		return string(field.Enum().Values().Get(0).Name())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return acceptableMessage(field.Message())
	default:
		// Generated code reads 010 as octal and refuses 08.
		if canonical, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(canonical, 10) == value {
			return value
		}
		return "0"
	}
}

// acceptableMessage returns a valid text for a message type. Generated code accepts only these types
// in a path.
func acceptableMessage(message protoreflect.MessageDescriptor) string {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return "2000-01-01T00:00:00Z"
	case "google.protobuf.Duration":
		return "0s"
	case "google.protobuf.BoolValue":
		return "true"
	case "google.protobuf.BytesValue":
		return "AA=="
	case "google.protobuf.Struct":
		return "{}"
	case "google.protobuf.Value":
		return "null"
	}
	if strings.HasSuffix(string(message.Name()), "Value") && message.Name() != "StringValue" {
		return "0"
	}
	return "a" // a StringValue or a FieldMask
}
