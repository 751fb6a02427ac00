package jsoncodec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	proto2 "cel.dev/expr/conformance/proto2"
	proto3 "cel.dev/expr/conformance/proto3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// planSubjects are the subjects of the other fuzz tests, and generated messages with every kind of field.
func planSubjects(tb testing.TB) []protoreflect.MessageType {
	tb.Helper()
	return append(subjects(tb), new(proto3.TestAllTypes).ProtoReflect().Type(), new(proto2.TestAllTypes).ProtoReflect().Type())
}

// FuzzPlan compares the plans with protojson: for the wire form and the struct of random messages, and for wire forms with
// reordered, duplicate or damaged fields. A plan may decline, but must not differ.
func FuzzPlan(f *testing.F) {
	types := planSubjects(f)
	for seed := range uint64(600) {
		f.Add(seed, byte(seed), seed%3 == 0, []byte(nil))
	}
	f.Add(uint64(0), byte(0), false, []byte{0x0b, 0x0c})                                                        // a group
	f.Add(uint64(0), byte(1), false, []byte{0x10, 0x05})                                                        // a number that a closed enum lacks
	f.Add(uint64(0), byte(6), false, []byte{0x0a, 0x02, 0x0a, 0x00})                                            // an entry without a value
	f.Add(uint64(0), byte(6), false, []byte{0x0a, 0x02, 0x12, 0x00})                                            // an entry without a key, and a Value of no kind
	f.Add(uint64(0), byte(9), false, []byte{0x12, 0x01, 0x00})                                                  // an Any without a type
	f.Add(uint64(0), byte(0), false, []byte{0xa0, 0xc2, 0xb8, 0xc5, 0x30, 0x00})                                // a field number beyond the last
	f.Add(uint64(0), byte(10), false, []byte{0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}) // a number too wide
	f.Fuzz(func(t *testing.T, seed uint64, subject byte, damaged bool, wire []byte) {
		mt := types[int(subject)%len(types)]
		if len(wire) == 0 {
			m := mt.New().Interface()
			newFiller(seed, seed%2 == 0).message(m.ProtoReflect())
			comparePlanOfMessage(t, m)
			wire = wireForm(t, m, seed)
			if damaged {
				wire = damageWire(rand.New(rand.NewPCG(seed, 1)), wire)
			}
		}
		comparePlanOfWire(t, mt, wire)
	})
}

// wireForm is the message's encoding; by chance that with its fields in another order, and some of them twice.
func wireForm(t *testing.T, m proto.Message, seed uint64) []byte {
	t.Helper()
	wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 2))
	if random.IntN(3) > 0 {
		return wire
	}
	var fields [][]byte
	for rest := wire; len(rest) > 0; {
		_, _, size := protowire.ConsumeField(rest)
		fields = append(fields, rest[:size])
		rest = rest[size:]
	}
	random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	if len(fields) > 0 && random.IntN(2) == 0 {
		fields = append(fields, fields[random.IntN(len(fields))])
	}
	return bytes.Join(fields, nil)
}

func damageWire(random *rand.Rand, wire []byte) []byte {
	wire = bytes.Clone(wire)
	for range 1 + random.IntN(3) {
		if len(wire) == 0 {
			return wire
		}
		at := random.IntN(len(wire))
		switch random.IntN(4) {
		case 0:
			wire[at] = byte(random.Uint32())
		case 1:
			wire[at] ^= 1 << random.IntN(8)
		case 2:
			wire = append(wire[:at], wire[at+1:]...)
		default:
			wire = wire[:at]
		}
	}
	return wire
}

// comparePlanOfWire compares a plan's JSON of a wire form with protojson's JSON of its message.
func comparePlanOfWire(t *testing.T, mt protoreflect.MessageType, wire []byte) {
	t.Helper()
	plans := plan.NewSet(protoregistry.GlobalTypes)
	got, ok := plans.AppendWire([]byte("before "), mt.Descriptor(), wire, plan.Lenient)
	lossless, kept := plans.AppendWire(nil, mt.Descriptor(), wire, plan.Lossless)
	if !ok {
		if kept || string(got) != "before " {
			t.Fatalf("declined, and yet %t, %s", kept, got)
		}
		return
	}
	want := reference(t, mt, wire)
	if string(got) != "before "+string(want) {
		t.Fatalf("the plan of %x: %s", wire, firstDifference(string(got[len("before "):]), string(want)))
	}
	if kept && !bytes.Equal(lossless, want) {
		t.Fatalf("the lossless plan of %x\n got %s\nwant %s", wire, lossless, want)
	}
	// The codec writes the same, and so does an Any that contains the message.
	m, err := jsoncodec.New(nil).NewWire(mt, wire)
	if err != nil {
		t.Fatalf("NewWire(%x): %v", wire, err)
	}
	if text, err := jsoncodec.Marshal(m); err != nil || !bytes.Equal(text, want) {
		t.Fatalf("of a Wire: %v\n got %s\nwant %s", err, text, want)
	}
	compareFind(t, m)
}

// compareFind compares what Find returns for a wire form with the decoded message, field by field and one level down.
func compareFind(t *testing.T, m *jsoncodec.Wire) {
	t.Helper()
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		outer := fields.Get(i)
		paths := [][]protoreflect.FieldDescriptor{{outer}}
		if outer.Message() != nil && !outer.IsMap() && !outer.IsList() {
			inner := outer.Message().Fields()
			for j := range min(4, inner.Len()) {
				paths = append(paths, []protoreflect.FieldDescriptor{outer, inner.Get(j)})
			}
		}
		for _, path := range paths {
			value, set, ok := m.Find(path)
			if !ok {
				continue
			}
			decoded := m.ProtoReflect()
			there := len(path) == 1 || decoded.Has(outer)
			if len(path) == 2 {
				decoded = decoded.Get(outer).Message()
			}
			if set != there || there && !value.Equal(decoded.Get(path[len(path)-1])) {
				t.Fatalf("%s: found %v, %t", path[len(path)-1].FullName(), value, set)
			}
		}
	}
}

// reference returns protojson's JSON of a wire form. Without one, a plan must not write any.
func reference(t *testing.T, mt protoreflect.MessageType, wire []byte) []byte {
	t.Helper()
	// Not the generated type: that would be read by other code than a backend's own is.
	m := dynamicpb.NewMessage(mt.Descriptor())
	if err := proto.Unmarshal(wire, m); err != nil {
		t.Fatalf("a plan has written what cannot be read: %v\n%x", err, wire)
	}
	text, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: known{protoregistry.GlobalTypes}}.Marshal(m)
	if err != nil {
		t.Fatalf("a plan has written what has no JSON form: %v\n%x", err, wire)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

// firstDifference shows two texts from a little before their first difference.
func firstDifference(got, want string) string {
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-40)
	return fmt.Sprintf("\n got …%.200s\nwant …%.200s", got[from:], want[from:])
}

// comparePlanOfMessage compares a plan's JSON of a struct with protojson's.
func comparePlanOfMessage(t *testing.T, m proto.Message) {
	t.Helper()
	got, ok := plan.NewSet(protoregistry.GlobalTypes).AppendMessage([]byte("before "), m)
	if !ok {
		return
	}
	text, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: known{protoregistry.GlobalTypes}}.Marshal(m)
	if err != nil {
		t.Fatalf("a plan has written what has no JSON form: %v\n%v", err, m)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	if string(got) != "before "+compact.String() {
		t.Fatalf("the plan of a struct: %s", firstDifference(string(got[len("before "):]), compact.String()))
	}
}

// known has a type for every URL: an Any of a type that is not linked in is written with its bytes. FuzzMarshal checks
// that form; here both sides must handle it.
type known struct{ *protoregistry.Types }

func (k known) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	if found, err := k.Types.FindMessageByURL(url); err == nil {
		return found, nil
	}
	return jsoncodec.RawType(), nil
}

// TestPlansServe checks that plans write the usual messages of backends; a plan that declines them would go unnoticed.
func TestPlansServe(t *testing.T) {
	t.Parallel()
	plans := plan.NewSet(protoregistry.GlobalTypes)
	rare := []protoreflect.FullName{ // what is in nearly all of them is a group, or a google.protobuf.FieldMask
		"jsoncodec.test.Legacy", "entity.v1.UpdateEntityRequest",
	}
	for _, mt := range planSubjects(t) {
		declined := 0
		const tries = 200
		for seed := range uint64(tries) {
			m := mt.New().Interface()
			newFiller(seed, true).message(m.ProtoReflect())
			wire, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := plans.AppendWire(nil, mt.Descriptor(), wire, plan.Lenient); !ok {
				declined++
			}
		}
		if most := tries / 3; declined > most && !slices.Contains(rare, mt.Descriptor().FullName()) {
			t.Errorf("%s: %d of %d declined", mt.Descriptor().FullName(), declined, tries)
		}
	}
	for _, of := range []proto.Message{new(proto3.TestAllTypes), new(entityv1.ListEntitiesResponse), new(status.Status), new(structpb.Struct)} {
		declined := 0
		const tries = 100
		for seed := range uint64(tries) {
			m := of.ProtoReflect().New()
			newFiller(seed, true).message(m)
			if _, ok := plans.AppendMessage(nil, m.Interface()); !ok {
				declined++
			}
		}
		if most := tries / 5; declined > most {
			t.Errorf("the struct of a %s: %d of %d declined", of.ProtoReflect().Descriptor().FullName(), declined, tries)
		}
	}
}
