package dynamic

import (
	"net/http"
	"net/url"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/route"
)

// scalars is a method that takes a message with a field of every scalar kind, and one more each with presence.
func scalars(t *testing.T) protoreflect.MethodDescriptor {
	t.Helper()
	m := &descriptorpb.DescriptorProto{Name: new("M")}
	for number := int32(1); number <= 18; number++ {
		kind := descriptorpb.FieldDescriptorProto_Type(number)
		if kind == descriptorpb.FieldDescriptorProto_TYPE_GROUP || kind == descriptorpb.FieldDescriptorProto_TYPE_MESSAGE {
			continue
		}
		for _, optional := range []bool{false, true} {
			field := &descriptorpb.FieldDescriptorProto{
				Name: new(kind.String()), Number: new(number), Type: kind.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}
			if kind == descriptorpb.FieldDescriptorProto_TYPE_ENUM {
				field.TypeName = new(".t.E")
			}
			if optional {
				field.Name, field.Number, field.Proto3Optional = new("maybe_"+kind.String()), new(number+100), new(true)
				field.OneofIndex = new(int32(len(m.GetOneofDecl())))
				m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: new("_maybe_" + kind.String())})
			}
			m.Field = append(m.Field, field)
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("t.proto"), Package: new("t"), Syntax: new("proto3"), MessageType: []*descriptorpb.DescriptorProto{m},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: new("E"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: new("NONE"), Number: new(int32(0))}, {Name: new("SOME"), Number: new(int32(-7))},
		}}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("S"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: new("Get"), InputType: new(".t.M"), OutputType: new(".t.M")},
		}}},
	}, &protoregistry.Files{})
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0).Methods().Get(0)
}

// The directly written wire form is read as the same message.
func TestDirectVariables(t *testing.T) {
	t.Parallel()
	method := scalars(t)
	of := method.Input()
	taken := 0
	for i := range of.Fields().Len() {
		field := of.Fields().Get(i)
		for _, text := range []string{
			"", "0", "1", "-1", "7", "true", "false", "NONE", "SOME", "a b/c", "AA==", "-0", "1.5", "NaN", "-Inf", "1e300",
			"2147483647", "-2147483648", "4294967295", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
		} {
			paths, params := []contract.FieldPath{{field}}, []route.Param{{Field: string(field.Name()), Value: text}}
			want := dynamicpb.NewMessage(of)
			binding := &contract.Binding{Method: &contract.Method{Descriptor: method}, Variables: paths}
			builder, err := request.New(jsoncodec.New(nil), binding, of)
			if err != nil {
				t.Fatal(err)
			}
			target := &http.Request{URL: &url.URL{}}
			bad := builder.Fill(want, target.WithContext(exchange.With(t.Context(), &exchange.Exchange{Params: params})), nil)
			wire, direct := directVariables(nil, paths, params)
			if (bad == nil) != (direct == nil) || bad != nil && bad.Error() != request.InvalidParameter(direct).Error() {
				t.Fatalf("%s=%q: %v, want %v", field.Name(), text, direct, bad)
			}
			got := dynamicpb.NewMessage(of)
			if err := proto.Unmarshal(wire, got); bad == nil && (err != nil || !proto.Equal(got, want)) {
				t.Errorf("%s=%q: %v, %v; want %v", field.Name(), text, got, err, want)
			}
			if bad == nil {
				taken++
			}
		}
	}
	if taken < 150 {
		t.Errorf("only %d values were taken", taken)
	}
}

// A variable overrides the body even if its value is the field's default.
func TestDirectVariablesOverrule(t *testing.T) {
	t.Parallel()
	of := scalars(t).Input()
	field := of.Fields().ByName("TYPE_INT32")
	body := dynamicpb.NewMessage(of)
	body.Set(field, protoreflect.ValueOfInt32(7))
	wire, err := proto.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	wire, bad := directVariables(wire, []contract.FieldPath{{field}}, []route.Param{{Field: "TYPE_INT32", Value: "0"}})
	got := dynamicpb.NewMessage(of)
	if err := proto.Unmarshal(wire, got); bad != nil || err != nil || got.Get(field).Int() != 0 {
		t.Errorf("%v, %v, %v", got, bad, err)
	}
}
