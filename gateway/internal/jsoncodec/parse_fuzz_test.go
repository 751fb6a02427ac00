package jsoncodec_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// FuzzParse compares the plans with protojson in the other direction: for the JSON of random messages, with and without
// errors. A plan may decline a text, but must not accept one that protojson refuses, or read it differently.
func FuzzParse(f *testing.F) {
	types := planSubjects(f)
	for seed := range uint64(600) {
		f.Add([]byte(nil), seed, byte(seed))
	}
	for _, text := range []string{
		`{}`, ` { } `, `{"oneInt32":-0}`, `{"oneInt32":01}`, `{"oneInt32":1.0}`, `{"oneInt32":"1"}`, `{"oneInt64":"1"}`, `{"oneInt64":"1"x}`,
		`{"oneDouble":1.}`, `{"oneDouble":-0}`, `{"oneDouble":1e400}`, `{"oneFloat":1e39}`, `{"oneFloat":1e-50}`, `{"oneString":null}`, `{"oneNull":null}`,
		`{"oneValue":null,"oneStruct":{"a":1,"a":2}}`, `{"toInt32":{"":1,"":1}}`, `{"oneBytes":"AA=="}`, `{"oneBytes":"AA"}`, `{"oneBytes":"A-=="}`,
		`{"oneBytes":"A\nA=="}`, `{"oneString":"\ud83d\ude00\u0000\/"}`, `{"oneString":"\ud83d"}`, `{"oneTimestamp":"2006-01-02T15:04:05.1Z"}`,
		`{"oneTimestamp":"2006-01-02T15:04:05,1Z"}`, `{"oneTimestamp":"2006-01-02t15:04:05Z"}`, `{"oneTimestamp":"0000-01-01T00:00:00Z"}`,
		`{"oneTimestamp":"2006-01-02T24:00:00Z"}`, `{"oneTimestamp":"2006-02-29T00:00:00Z"}`, `{"oneDuration":"-0.5s"}`, `{"oneDuration":"315576000000.9s"}`,
		`{"oneDuration":"01s"}`, `{"oneDuration":"-.5s"}`, `{"oneDuration":"1.s"}`, `{"pickString":"a","pickBool":true}`, `{"oneColor":"RED","one_color":"RED"}`,
		`{"oneColor":7}`, `{"manyInt32":[1,]}`, `{"manyInt32":[]}`, `{"manyInt32":[0]}`, `{"maybeInt32":0}`, `{"oneAll":{"oneAll":{}}}`, `{"oneListvalue":[[[]]]}`,
		"\ufeff{}", `{"oneBool":truex}`, `{"oneBool":true}x`, `{"oneString":"` + "\x01" + `"}`, `{"manyValue":[null]}`,
		`{"toValue":{"a":null}}`, `{"toInt32":{"a":null}}`,
	} {
		f.Add([]byte(text), uint64(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, subject byte) {
		mt := types[int(subject)%len(types)]
		if len(text) == 0 {
			m := mt.New()
			newFiller(seed, false).message(m)
			text = stock(t, m.Interface())
			if seed%3 == 0 {
				text = damaged(t, mt, seed)
			}
		}
		wire, ok := jsoncodec.New(nil).AppendWire([]byte("before "), mt.Descriptor(), text)
		if !ok {
			if string(wire) != "before " {
				t.Fatalf("declined, and yet %x", wire)
			}
			return
		}
		got, want := mt.New().Interface(), mt.New().Interface()
		if err := protojson.Unmarshal(text, want); err != nil {
			t.Fatalf("a plan takes what protojson refuses: %v\n%s", err, text)
		}
		if err := proto.Unmarshal(wire[len("before "):], got); err != nil {
			t.Fatalf("a plan has written what cannot be read: %v\n%s\n%x", err, text, wire)
		}
		if !proto.Equal(got, want) || len(got.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("%s\n got %v\nwant %v", text, got, want)
		}
		if depth := depthOf(text); depth > jsoncodec.MaxDepth {
			t.Fatalf("a plan takes a depth of %d", depth)
		}
	})
}

// TestParseServes checks that plans accept the usual texts of clients; a plan that declines them would go unnoticed.
func TestParseServes(t *testing.T) {
	t.Parallel()
	attributes := map[string]*structpb.Value{"a": structpb.NewNumberValue(1.5), "b": structpb.NewListValue(&structpb.ListValue{
		Values: []*structpb.Value{structpb.NewStringValue("\"x\"\n"), structpb.NewNullValue(), structpb.NewBoolValue(true)},
	})}
	at := &timestamppb.Timestamp{Seconds: 1772798400, Nanos: 5}
	one := &entityv1.Entity{Id: "e", DisplayName: "Größe", Attributes: &structpb.Struct{Fields: attributes}, Etag: "7", CreateTime: at, UpdateTime: at}
	for _, m := range []proto.Message{one, &entityv1.CreateEntityRequest{Entity: one}, &entityv1.ImportEntitiesRequest{}} {
		text := stock(t, m)
		if _, ok := jsoncodec.New(nil).AppendWire(nil, m.ProtoReflect().Descriptor(), text); !ok {
			t.Errorf("%s is declined", text)
		}
	}
}
