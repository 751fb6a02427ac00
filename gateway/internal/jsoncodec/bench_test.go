package jsoncodec_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// bodies are the usual bodies of a front end.
func bodies(tb testing.TB) map[string]proto.Message {
	tb.Helper()
	list := &entityv1.ListEntitiesResponse{NextPageToken: "next", Etag: "7"}
	for range 100 {
		list.Entities = append(list.Entities, entity(tb))
	}
	return map[string]proto.Message{"entity": entity(tb), "list of 100": list}
}

func BenchmarkAppend(b *testing.B) {
	for name, m := range bodies(b) {
		var buffer []byte
		run := func(kind string, encode func(dst []byte) ([]byte, error)) {
			b.Run(fmt.Sprintf("%s/%s", name, kind), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					out, err := encode(buffer[:0])
					if err != nil {
						b.Fatal(err)
					}
					buffer = out
				}
				b.SetBytes(int64(len(buffer)))
			})
		}
		run("jsoncodec", func(dst []byte) ([]byte, error) { return jsoncodec.Append(dst, m) })
		run("protojson", func(dst []byte) ([]byte, error) {
			return protojson.MarshalOptions{EmitDefaultValues: true}.MarshalAppend(dst, m)
		})
	}
}

func BenchmarkMarshal(b *testing.B) {
	for name, m := range bodies(b) {
		run := func(kind string, encode func(m proto.Message) ([]byte, error)) {
			b.Run(fmt.Sprintf("%s/%s", name, kind), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := encode(m); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("jsoncodec", jsoncodec.Marshal)
		run("protojson", protojson.MarshalOptions{EmitDefaultValues: true}.Marshal)
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for name, m := range bodies(b) {
		text, err := jsoncodec.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		into := m.ProtoReflect().New().Interface()
		run := func(kind string, decode func(text []byte, m proto.Message) error) {
			b.Run(fmt.Sprintf("%s/%s", name, kind), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if err := decode(text, into); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("jsoncodec", jsoncodec.Unmarshal)
		run("protojson", protojson.Unmarshal)
	}
}

// A refused body costs the second walk.
func BenchmarkUnmarshalFault(b *testing.B) {
	text, err := jsoncodec.Marshal(entity(b))
	if err != nil {
		b.Fatal(err)
	}
	text = append(text[:len(text)-1], `,"nope":1}`...)
	into := new(entityv1.Entity)
	b.ReportAllocs()
	for b.Loop() {
		if err := jsoncodec.Unmarshal(text, into); err == nil {
			b.Fatal("no fault")
		}
	}
}

func BenchmarkMarshalAny(b *testing.B) {
	detail := packed(b, entity(b))
	b.ReportAllocs()
	for b.Loop() {
		_ = jsoncodec.MarshalAny(detail)
	}
}
