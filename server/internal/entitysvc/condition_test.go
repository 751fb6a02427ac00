package entitysvc_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/entitysvc"
)

func TestConditionOf(t *testing.T) {
	t.Parallel()
	date := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		name string
		md   metadata.MD
		etag string
		want entity.Condition
	}{
		{name: "none"},
		{name: "the message's own", etag: "abc", want: entity.Condition{ETag: "abc"}},
		{
			name: "If-Match", md: metadata.Pairs("if-match", `"a", W/"b"`),
			want: entity.Condition{IfMatch: entity.Tags{Present: true, Tags: []entity.Tag{{Opaque: "a"}, {Opaque: "b", Weak: true}}}},
		},
		{
			name: "If-Match on two lines", md: metadata.Pairs("If-Match", `"a"`, "if-match", `"b"`),
			want: entity.Condition{IfMatch: entity.Tags{Present: true, Tags: []entity.Tag{{Opaque: "a"}, {Opaque: "b"}}}},
		},
		{name: "If-Match: *", md: metadata.Pairs("if-match", "*"), want: entity.Condition{IfMatch: entity.Tags{Present: true, Any: true}}},
		{name: "If-None-Match: *", md: metadata.Pairs("if-none-match", "*"), want: entity.Condition{IfNoneMatch: entity.Tags{Present: true, Any: true}}},
		{
			name: "If-Unmodified-Since", md: metadata.Pairs("if-unmodified-since", "Wed, 02 Jan 2030 03:04:05 GMT"),
			want: entity.Condition{IfUnmodifiedSince: date},
		},
		{name: "a date that cannot be read is none (RFC 9110 §13.1.4)", md: metadata.Pairs("if-unmodified-since", "yesterday")},
		{name: "other metadata", md: metadata.Pairs("x-if-match", `"a"`, "etag", `"b"`)},
		{
			name: "all at once", etag: "abc",
			md: metadata.Pairs("if-match", `"a"`, "if-none-match", `"b"`, "if-unmodified-since", "Wed, 02 Jan 2030 03:04:05 GMT"),
			want: entity.Condition{
				IfMatch: entity.Tags{Present: true, Tags: []entity.Tag{{Opaque: "a"}}}, IfNoneMatch: entity.Tags{Present: true, Tags: []entity.Tag{{Opaque: "b"}}},
				IfUnmodifiedSince: date, ETag: "abc",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := entitysvc.ConditionOf(metadata.NewIncomingContext(t.Context(), test.md), test.etag)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	// A plain function call has no metadata at all.
	if got, err := entitysvc.ConditionOf(context.Background(), ""); err != nil || !cmp.Equal(got, entity.Condition{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A condition that cannot be read must not be ignored: the write would go through.
func TestConditionOfRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range [][2]string{
		{"if-match", "abc"},
		{"if-match", ""},
		{"if-match", `"a" "b"`},
		{"if-match", `"an older version"`},
		{"if-match", `*, "a"`},
		{"if-none-match", `"a`},
	} {
		t.Run(test[0]+": "+test[1], func(t *testing.T) {
			t.Parallel()
			got, err := entitysvc.ConditionOf(metadata.NewIncomingContext(t.Context(), metadata.Pairs(test[0], test[1])), "abc")
			if reasonOf(err) != "MALFORMED_PRECONDITION" || !cmp.Equal(got, entity.Condition{}) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
