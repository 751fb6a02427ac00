package contract_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// The messages of every file that a test declares.
const messages = `
	message_type { name: "M"
		field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
		field { name: "inner" number: 2 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_OPTIONAL }
		field { name: "names" number: 3 type: TYPE_STRING label: LABEL_REPEATED }
		field { name: "many" number: 4 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_REPEATED }
		field { name: "changed_at" number: 5 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
		field { name: "times" number: 6 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_REPEATED }
		field { name: "size" number: 7 type: TYPE_INT32 label: LABEL_OPTIONAL }
		field { name: "data" number: 8 type: TYPE_BYTES label: LABEL_OPTIONAL }
		field { name: "labels" number: 9 type: TYPE_MESSAGE type_name: ".t.M.LabelsEntry" label: LABEL_REPEATED }
		field { name: "on" number: 10 type: TYPE_BOOL label: LABEL_OPTIONAL }
		field { name: "big" number: 11 type: TYPE_INT64 label: LABEL_OPTIONAL }
		field { name: "u_small" number: 12 type: TYPE_UINT32 label: LABEL_OPTIONAL }
		field { name: "u_big" number: 13 type: TYPE_UINT64 label: LABEL_OPTIONAL }
		field { name: "part" number: 14 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
		field { name: "kind" number: 15 type: TYPE_ENUM type_name: ".t.Kind" label: LABEL_OPTIONAL }
		field { name: "sizes" number: 16 type: TYPE_INT32 label: LABEL_REPEATED }
		field { name: "left" number: 17 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
		field { name: "right" number: 18 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
		oneof_decl { name: "side" }
		nested_type { name: "LabelsEntry" options { map_entry: true }
			field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
			field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
		}
	}
	enum_type { name: "Kind" value { name: "KIND_NONE" number: 0 } value { name: "KIND_SOME" number: 1 } }`

// fileOf parses a FileDescriptorProto and the messages above.
func fileOf(tb testing.TB, text string) *descriptorpb.FileDescriptorProto {
	tb.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	const head = `name: "t/t.proto" package: "t" syntax: "proto3"
		dependency: "google/api/annotations.proto" dependency: "google/protobuf/timestamp.proto" dependency: "statusway/v1/annotations.proto" `
	if err := prototext.Unmarshal([]byte(head+messages+text), file); err != nil {
		tb.Fatal(err)
	}
	return file
}

func describe(tb testing.TB, file *descriptorpb.FileDescriptorProto) protoreflect.FileDescriptor {
	tb.Helper()
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return descriptor
}

// method declares one method of one service, on line 42 of its file.
func method(http, semantics string) string {
	if semantics != "" {
		semantics = "[statusway.v1.method] {" + semantics + "}"
	}
	return `service { name: "S" method { name: "Do" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] {` + http + `} ` + semantics + `} } }
		source_code_info { location { path: [6, 0] span: [20, 0, 50, 1] } location { path: [6, 0, 2, 0] span: [41, 2, 44, 3] } }`
}

func read(tb testing.TB, text string) (*contract.Contract, error) {
	tb.Helper()
	return contract.Read(describe(tb, fileOf(tb, text)))
}

func mustRead(tb testing.TB, text string) *contract.Contract {
	tb.Helper()
	declared, err := read(tb, text)
	if err != nil {
		tb.Fatalf("Read() failed: %v", err)
	}
	return declared
}

// faults are the texts of a joined error, sorted.
func faults(tb testing.TB, err error) []string {
	tb.Helper()
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		tb.Fatalf("%v is not joined", err)
	}
	var all []string
	for _, one := range joined.Unwrap() {
		var fault *contract.AnnotationError
		if !errors.As(one, &fault) {
			tb.Errorf("%v is no AnnotationError", one)
			continue
		}
		all = append(all, fault.Error())
	}
	slices.Sort(all)
	return all
}

// unknown turns the extensions of every option into unknown bytes, as they come over
// the network.
func unknown(tb testing.TB, file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	tb.Helper()
	wire, err := proto.Marshal(file)
	if err != nil {
		tb.Fatal(err)
	}
	bare := &descriptorpb.FileDescriptorProto{}
	if err := (proto.UnmarshalOptions{Resolver: &protoregistry.Types{}}).Unmarshal(wire, bare); err != nil {
		tb.Fatal(err)
	}
	if text := fmt.Sprint(bare); strings.Contains(text, "[google.api.http]") {
		tb.Fatalf("the options are still known: %s", text)
	}
	return bare
}
