package dynamic

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/route"
)

// isDirect reports whether a request can be encoded without a message: first the body, which a plan
// encodes, then the path variables. Each variable must be a scalar at the top level of the request,
// because every decoder takes the last value of a scalar that occurs twice.
func (m *method) isDirect(binding *contract.Binding) bool {
	if _, ok := m.carrier.(framed); !ok {
		return false
	}
	if binding.RawBody || binding.Mask != nil || binding.Body != "" && binding.BodyMessage == nil ||
		binding.Method.Descriptor.Input().RequiredNumbers().Len() > 0 {
		return false
	}
	if m.builder.Body != nil && m.builder.Body.Kind() == protoreflect.GroupKind {
		return false
	}
	for _, path := range binding.Variables {
		if len(path) != 1 || path[0].Message() != nil || path[0].ContainingOneof() != nil || path[0] == m.builder.Body {
			return false
		}
	}
	return true
}

// encodeDirectly encodes the request without a message. It returns false if that is not possible.
func (c *call) encodeDirectly(ex *exchange.Exchange, data []byte) (any, bool, error) {
	if !c.method.direct || c.r.URL.RawQuery != "" {
		return nil, false, nil
	}
	const overhead = 32 // for each variable, and for the growth of the body
	wire := make([]byte, 0, len(data)+overhead*(1+len(ex.Params)))
	if ex.Binding.Body != "" {
		var ok bool
		if wire, ok = c.directBody(wire, data); !ok {
			return nil, false, nil
		}
	}
	body := len(wire)
	wire, bad := directVariables(wire, ex.Binding.Variables, ex.Params)
	if bad != nil {
		return nil, true, request.InvalidParameter(bad)
	}
	if c.method.builder.Body == nil && !agree(wire[:body], wire[body:]) {
		return nil, false, nil // The builder says what is wrong.
	}
	message, err := c.checkSize(&frame{wire: wire})
	return message, true, err
}

// agree reports whether the fields of the body that are path variables too have the same values.
func agree(body, variables []byte) bool {
	for len(variables) > 0 {
		number, _, size := protowire.ConsumeField(variables)
		variable := variables[:size]
		variables = variables[size:]
		for rest := body; len(rest) > 0; {
			other, _, length := protowire.ConsumeField(rest)
			if length < 0 || other == number && !bytes.Equal(rest[:length], variable) {
				return false
			}
			rest = rest[length:]
		}
	}
	return true
}

// directBody appends the fields from the body.
func (c *call) directBody(wire, data []byte) ([]byte, bool) {
	if c.method.builder.Body == nil {
		return c.backend.codec.AppendWire(wire, c.method.builder.Content, data)
	}
	// The length precedes the content, so the content must be encoded first.
	content, ok := c.backend.codec.AppendWire(nil, c.method.builder.Content, data)
	wire = protowire.AppendTag(wire, c.method.builder.Body.Number(), protowire.BytesType)
	return protowire.AppendBytes(wire, content), ok
}

// directVariables appends the fields from the path variables.
func directVariables(wire []byte, paths []contract.FieldPath, params []route.Param) ([]byte, *contract.ValueError) {
	for i, param := range params {
		field := paths[i][0]
		value, err := request.ParseVariable(field, param)
		if err != nil {
			return nil, err
		}
		wire = appendScalar(wire, field, value)
	}
	return wire, nil
}

// appendScalar appends a field, even if the value is the default, because it must override the
// value in the body.
//
//nolint:gosec // the wire form is bits.
func appendScalar(wire []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) []byte {
	tag := func(kind protowire.Type) []byte { return protowire.AppendTag(wire, field.Number(), kind) }
	switch field.Kind() {
	case protoreflect.StringKind:
		return protowire.AppendString(tag(protowire.BytesType), value.String())
	case protoreflect.BytesKind:
		return protowire.AppendBytes(tag(protowire.BytesType), value.Bytes())
	case protoreflect.BoolKind:
		return protowire.AppendVarint(tag(protowire.VarintType), protowire.EncodeBool(value.Bool()))
	case protoreflect.EnumKind:
		return protowire.AppendVarint(tag(protowire.VarintType), uint64(value.Enum()))
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return protowire.AppendVarint(tag(protowire.VarintType), uint64(value.Int()))
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.AppendVarint(tag(protowire.VarintType), protowire.EncodeZigZag(value.Int()))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return protowire.AppendVarint(tag(protowire.VarintType), value.Uint())
	case protoreflect.Sfixed32Kind:
		return protowire.AppendFixed32(tag(protowire.Fixed32Type), uint32(value.Int()))
	case protoreflect.Sfixed64Kind:
		return protowire.AppendFixed64(tag(protowire.Fixed64Type), uint64(value.Int()))
	case protoreflect.Fixed32Kind:
		return protowire.AppendFixed32(tag(protowire.Fixed32Type), uint32(value.Uint()))
	case protoreflect.Fixed64Kind:
		return protowire.AppendFixed64(tag(protowire.Fixed64Type), value.Uint())
	case protoreflect.FloatKind:
		return protowire.AppendFixed32(tag(protowire.Fixed32Type), math.Float32bits(float32(value.Float())))
	default: // a double; isDirect excludes messages and groups
		return protowire.AppendFixed64(tag(protowire.Fixed64Type), math.Float64bits(value.Float()))
	}
}
