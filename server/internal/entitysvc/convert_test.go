package entitysvc_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/entitysvc"
)

// object is attributes as a message.
func object(t *testing.T, attributes map[string]any) *structpb.Struct {
	t.Helper()
	message, err := structpb.NewStruct(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestPatchOf(t *testing.T) {
	t.Parallel()
	name, group, none := "A name", "kitchen", ""
	attributes := map[string]any{"a": 1.0, "b": nil}
	whole := &entityv1.Entity{Id: "x", DisplayName: name, Group: group, Attributes: object(t, attributes), Etag: "e", CreateTime: timestamppb.Now()}
	for _, test := range []struct {
		name  string
		given *entityv1.Entity
		mask  []string
		want  entity.Patch
	}{
		{name: "no mask: what is set", given: whole, want: entity.Patch{DisplayName: &name, Group: &group, Attributes: attributes}},
		{name: "no mask: one field", given: &entityv1.Entity{Id: "x", Group: group}, want: entity.Patch{Group: &group}},
		{name: "no mask: nothing", given: &entityv1.Entity{Id: "x"}, want: entity.Patch{}},
		{name: "no mask: empty attributes", given: &entityv1.Entity{Attributes: &structpb.Struct{}}, want: entity.Patch{Attributes: map[string]any{}}},
		{name: "one of several", given: whole, mask: []string{"group"}, want: entity.Patch{Group: &group}},
		{name: "a field to empty", given: &entityv1.Entity{}, mask: []string{"display_name", "group"}, want: entity.Patch{DisplayName: &none, Group: &none}},
		{name: "attributes to merge", given: whole, mask: []string{"attributes"}, want: entity.Patch{Attributes: attributes}},
		{
			name: "attributes to take away", given: &entityv1.Entity{}, mask: []string{"attributes"},
			want: entity.Patch{Attributes: map[string]any{}, ResetAttributes: true},
		},
		{name: "one attribute", given: whole, mask: []string{"attributes.a"}, want: entity.Patch{Attributes: attributes}},
		{name: "an attribute with dots in its name", given: whole, mask: []string{"attributes.a.b.", "attributes."}, want: entity.Patch{Attributes: attributes}},
		{
			// Only a null in the merge patch removes one; the others must stay.
			name: "one attribute that is not given", given: &entityv1.Entity{}, mask: []string{"attributes.a"},
			want: entity.Patch{Attributes: map[string]any{}},
		},
		{
			name: "attributes to take away, and one of them", given: &entityv1.Entity{}, mask: []string{"attributes", "attributes.a"},
			want: entity.Patch{Attributes: map[string]any{}, ResetAttributes: true},
		},
		{name: "what the server sets", given: whole, mask: []string{"id", "etag", "create_time", "update_time"}, want: entity.Patch{}},
		{
			name: "all", given: whole, mask: []string{"*"},
			want: entity.Patch{DisplayName: &name, Group: &group, Attributes: attributes, ResetAttributes: true},
		},
		{
			name: "all, of an empty entity", given: &entityv1.Entity{}, mask: []string{"*"},
			want: entity.Patch{DisplayName: &none, Group: &none, Attributes: map[string]any{}, ResetAttributes: true},
		},
		{
			name: "all and one more", given: whole, mask: []string{"*", "attributes"},
			want: entity.Patch{DisplayName: &name, Group: &group, Attributes: attributes, ResetAttributes: true},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := &entityv1.UpdateEntityRequest{Entity: test.given, UpdateMask: &fieldmaskpb.FieldMask{Paths: test.mask}}
			got, err := entitysvc.PatchOf(request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if test.mask != nil {
				return
			}
			// An empty mask and none are the same.
			request.UpdateMask = nil
			if got, err := entitysvc.PatchOf(request); err != nil || !cmp.Equal(got, test.want) {
				t.Errorf("without a mask: %+v, %v", got, err)
			}
		})
	}
}

// TestPatchOfConvertsOnce has a mask with a path for each attribute, as the gateway makes
// it of a body. Twice as many attributes may cost twice as much, not four times.
//
//nolint:paralleltest // testing.AllocsPerRun counts those of all goroutines.
func TestPatchOfConvertsOnce(t *testing.T) {
	cost := func(count int) float64 {
		attributes, paths := map[string]any{}, []string{}
		for i := range count {
			name := fmt.Sprintf("k%d", i)
			attributes[name] = "x"
			paths = append(paths, "attributes."+name)
		}
		request := &entityv1.UpdateEntityRequest{
			Entity: &entityv1.Entity{Attributes: object(t, attributes)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		}
		return testing.AllocsPerRun(5, func() {
			if _, err := entitysvc.PatchOf(request); err != nil {
				t.Fatal(err)
			}
		})
	}
	if one, two := cost(200), cost(400); two > 3*one {
		t.Errorf("200 attributes take %.0f allocations, and 400 take %.0f", one, two)
	}
}

func TestPatchOfRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", ".", "colour", "Group", "display_name.x", "group.", "id.x", "create_time.seconds",
		"attributes2", "attribute", "*.x", "entity.group", " group",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			request := &entityv1.UpdateEntityRequest{Entity: &entityv1.Entity{Group: "kitchen"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"group", path}}}
			got, err := entitysvc.PatchOf(request)
			want := &entity.Error{
				Kind: entity.KindInvalid, Reason: entity.ReasonEntityInvalid, Message: "The update mask names a field that an entity has not.",
				Metadata: map[string]string{"path": path},
				Violations: []entity.Violation{
					{Field: "update_mask", Reason: "UNKNOWN_PATH", Description: "The update mask names a field that an entity has not."},
				},
			}
			if diff := cmp.Diff(want, err); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(entity.Patch{}, got); diff != "" {
				t.Errorf("a patch beside the error: %s", diff)
			}
		})
	}
}

func TestToProto(t *testing.T) {
	t.Parallel()
	created := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	stored := entity.Entity{
		ID: "a/b", DisplayName: "Ä", Group: "kitchen", Version: 36, CreateTime: created, UpdateTime: created.Add(time.Hour),
		Attributes: map[string]any{"null": nil, "list": []any{true, "x", 1.5, map[string]any{}}, "big": 1e300, "": ""},
	}
	got, err := entitysvc.ToProto(stored)
	if err != nil {
		t.Fatal(err)
	}
	want := &entityv1.Entity{
		Id: "a/b", DisplayName: "Ä", Group: "kitchen", Etag: "10", Attributes: object(t, stored.Attributes),
		CreateTime: timestamppb.New(created), UpdateTime: timestamppb.New(created.Add(time.Hour)),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Back again, all is there but what the server sets itself, whatever a client says.
	back := entitysvc.FromProto(got)
	if diff := cmp.Diff(entity.Entity{ID: stored.ID, DisplayName: stored.DisplayName, Group: stored.Group, Attributes: stored.Attributes}, back); diff != "" {
		t.Errorf("back again (-want +got):\n%s", diff)
	}
	// The message must not be a window on what the store holds.
	got.Attributes.Fields["list"].GetListValue().Values[1] = structpb.NewStringValue("changed")
	if text := stored.Attributes["list"].([]any)[1]; text != "x" {
		t.Errorf("the stored entity has become %v", text)
	}
}

func TestToProtoOfNothing(t *testing.T) {
	t.Parallel()
	got, err := entitysvc.ToProto(entity.Entity{})
	if err != nil || got.GetAttributes() == nil {
		t.Errorf("%v, %v: attributes are always an object", got, err)
	}
	if back := entitysvc.FromProto(&entityv1.Entity{}); back.Attributes == nil || len(back.Attributes) > 0 {
		t.Errorf("attributes that are not given are %v", back.Attributes)
	}
	if back := entitysvc.FromProto(nil); back.ID != "" || back.Attributes == nil {
		t.Errorf("no entity is %+v", back)
	}
}

// What JSON has no form for is an error with the entity's id, and not a wrong answer.
func TestToProtoRefuses(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"a function": func() {}, "broken text": "\xff", "a type of one's own": struct{}{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := entitysvc.ToProto(entity.Entity{ID: "teapot", Attributes: map[string]any{"x": value}})
			if err == nil || got != nil || !strings.Contains(err.Error(), "teapot") {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	// A Struct can hold these, and JSON cannot: they become texts, and the store then
	// holds nothing that it cannot write.
	message := &entityv1.Entity{Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{
		"nan": structpb.NewNumberValue(math.NaN()), "inf": structpb.NewNumberValue(math.Inf(-1)), "unset": {}, "missing": nil,
	}}}
	want := map[string]any{"nan": "NaN", "inf": "-Infinity", "unset": nil, "missing": nil}
	if diff := cmp.Diff(want, entitysvc.FromProto(proto.CloneOf(message)).Attributes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
