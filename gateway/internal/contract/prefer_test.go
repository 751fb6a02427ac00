package contract_test

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

const (
	prefersReturn = statuswayv1.Preference_PREFERENCE_RETURN
	prefersWait   = statuswayv1.Preference_PREFERENCE_WAIT
)

// declaration is one method, as its proto would have it.
type declaration struct {
	semantics *statuswayv1.MethodSemantics
	rule      *annotations.HttpRule
	// streams is true if the method returns a stream.
	streams bool
}

// write is a declaration of a POST.
func write(semantics *statuswayv1.MethodSemantics) declaration {
	if len(semantics.GetSuccess()) > 0 && semantics.GetSuccess()[0] != 200 && semantics.GetSuccess()[0] != 204 {
		semantics.Location = "/things/{id}"
	}
	return declaration{semantics: semantics, rule: &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/things"}, Body: "*"}}
}

// file compiles the declaration.
func (d declaration) file(t *testing.T) protoreflect.FileDescriptor {
	t.Helper()
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, d.rule)
	proto.SetExtension(options, statuswayv1.E_Method, d.semantics)
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Syntax: new("proto3"), Name: new("thing.proto"), Package: new("test.v1"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: new("Thing"),
			Field: []*descriptorpb.FieldDescriptorProto{{
				Name: new("id"), Number: new(int32(1)), JsonName: new("id"),
				Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}},
		}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: new("Things"),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name: new("MakeThing"), InputType: new(".test.v1.Thing"), OutputType: new(".test.v1.Thing"),
				ServerStreaming: new(d.streams), Options: options,
			}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPreferencesAndKeysAreRead(t *testing.T) {
	t.Parallel()
	type read struct {
		ofReturn, wait bool
		key            contract.IdempotencyKey
	}
	for name, test := range map[string]struct {
		semantics *statuswayv1.MethodSemantics
		want      read
	}{
		"nothing":     {&statuswayv1.MethodSemantics{}, read{}},
		"return, 200": {&statuswayv1.MethodSemantics{Prefer: []statuswayv1.Preference{prefersReturn}}, read{ofReturn: true}},
		"return, 201": {&statuswayv1.MethodSemantics{Success: []int32{201}, Prefer: []statuswayv1.Preference{prefersReturn}}, read{ofReturn: true}},
		"wait":        {&statuswayv1.MethodSemantics{Success: []int32{202, 200}, Prefer: []statuswayv1.Preference{prefersWait}}, read{wait: true}},
		"both": {
			&statuswayv1.MethodSemantics{Success: []int32{202, 200}, Prefer: []statuswayv1.Preference{prefersWait, prefersReturn}},
			read{ofReturn: true, wait: true},
		},
		"optional key": {&statuswayv1.MethodSemantics{IdempotencyKey: statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_OPTIONAL}, read{key: contract.KeyOptional}},
		"required key": {&statuswayv1.MethodSemantics{IdempotencyKey: statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_REQUIRED}, read{key: contract.KeyRequired}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			declared, err := contract.Read(write(test.semantics).file(t))
			if err != nil {
				t.Fatal(err)
			}
			method := declared.Methods[0]
			if got := (read{method.HonoursReturn, method.HonoursWait, method.IdempotencyKey}); got != test.want {
				t.Errorf("read %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestPreferencesAndKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	optional := statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_OPTIONAL
	list := func(all ...statuswayv1.Preference) []statuswayv1.Preference { return all }
	get := &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/things"}}
	query := &annotations.HttpRule{
		Pattern: &annotations.HttpRule_Custom{Custom: &annotations.CustomHttpPattern{Kind: "QUERY", Path: "/things"}}, Body: "*",
	}
	also := &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/things"}, AdditionalBindings: []*annotations.HttpRule{get}}
	for name, test := range map[string]struct {
		declaration declaration
		want        []string
	}{
		"unspecified":      {write(&statuswayv1.MethodSemantics{Prefer: list(0)}), []string{"PREFERENCE_UNSPECIFIED is not a preference"}},
		"one beyond":       {write(&statuswayv1.MethodSemantics{Prefer: list(3)}), []string{"3 is not a preference that this gateway knows"}},
		"negative":         {write(&statuswayv1.MethodSemantics{Prefer: list(-1)}), []string{"-1 is not a preference"}},
		"twice":            {write(&statuswayv1.MethodSemantics{Prefer: list(prefersReturn, prefersReturn)}), []string{"PREFERENCE_RETURN is a duplicate"}},
		"return, 204":      {write(&statuswayv1.MethodSemantics{Success: []int32{204}, Prefer: list(prefersReturn)}), []string{"needs 200 or 201"}},
		"return, 202":      {write(&statuswayv1.MethodSemantics{Success: []int32{202}, Prefer: list(prefersReturn)}), []string{"needs 200 or 201"}},
		"wait without 200": {write(&statuswayv1.MethodSemantics{Success: []int32{202}, Prefer: list(prefersWait)}), []string{"needs both 200 and 202"}},
		"wait without 202": {write(&statuswayv1.MethodSemantics{Prefer: list(prefersWait)}), []string{"needs both 200 and 202"}},
		"return of a GET": {
			declaration{rule: get, semantics: &statuswayv1.MethodSemantics{Prefer: list(prefersReturn)}},
			[]string{"PREFERENCE_RETURN is not allowed for a GET"},
		},
		"key of a GET": {
			declaration{rule: also, semantics: &statuswayv1.MethodSemantics{IdempotencyKey: optional}},
			[]string{"idempotency_key is not allowed for a GET"},
		},
		"key of a QUERY": {
			declaration{rule: query, semantics: &statuswayv1.MethodSemantics{IdempotencyKey: optional}},
			[]string{"idempotency_key is not allowed for a QUERY"},
		},
		"return of a stream": {
			declaration{rule: write(nil).rule, streams: true, semantics: &statuswayv1.MethodSemantics{Prefer: list(prefersReturn)}},
			[]string{"PREFERENCE_RETURN is not allowed for a stream"},
		},
		"key of a stream": {
			declaration{rule: write(nil).rule, streams: true, semantics: &statuswayv1.MethodSemantics{IdempotencyKey: optional}},
			[]string{"idempotency_key is not allowed for a stream"},
		},
		"anonymous key": {
			write(&statuswayv1.MethodSemantics{IdempotencyKey: optional, Anonymous: true}), []string{"not allowed for an anonymous method"},
		},
		"unknown key": {write(&statuswayv1.MethodSemantics{IdempotencyKey: 3}), []string{"idempotency_key: 3 is not a value"}},
		"all at once": {
			write(&statuswayv1.MethodSemantics{Success: []int32{204}, Prefer: list(prefersReturn, prefersWait, 7), IdempotencyKey: 9}),
			[]string{"needs 200 or 201", "needs both", "7 is not a preference", "9 is not a value"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := contract.Read(test.declaration.file(t))
			if err == nil {
				t.Fatal("it is taken")
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(test.want) {
				t.Errorf("%d faults, want %d:\n%v", len(lines), len(test.want), err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "test.v1.Things.MakeThing") {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}

// The reference API declares them where the README says.
func TestReferenceMethods(t *testing.T) {
	t.Parallel()
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto, entityv1.File_entity_v1_session_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, method := range declared.Methods {
		var honours []string
		if method.HonoursReturn {
			honours = append(honours, "return")
		}
		if method.HonoursWait {
			honours = append(honours, "wait")
		}
		if method.IdempotencyKey == contract.KeyOptional {
			honours = append(honours, "key")
		}
		if len(honours) > 0 {
			got[string(method.Descriptor.Name())] = strings.Join(honours, " ")
		}
	}
	want := map[string]string{"CreateEntity": "return key", "PutEntity": "return", "UpdateEntity": "return", "ImportEntities": "wait key"}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for method, honours := range want {
		if got[method] != honours {
			t.Errorf("%s honours %q, want %q", method, got[method], honours)
		}
	}
}
