package request_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/respond"
)

// A request that lacks a required field names the field.
func TestRequiredField(t *testing.T) {
	t.Parallel()
	builder := newBuilder(t, "google.protobuf.UninterpretedOption")
	r := &http.Request{URL: &url.URL{}}
	for body, want := range map[string]string{
		``: "",
		`{"name":[{"namePart":"a","isExtension":false}]}`:                     "",
		`{"name":[{"namePart":"a","isExtension":false},{"namePart":"b"}]}`:    "name[1].is_extension",
		`{"identifierValue":"a","name":[{"isExtension":true,"namePart":""}]}`: "",
	} {
		message := (&descriptorpb.UninterpretedOption{}).ProtoReflect()
		err := builder.Fill(message, r, []byte(body))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	// What the body does not set can only be found in the message.
	message := (&descriptorpb.UninterpretedOption{Name: []*descriptorpb.UninterpretedOption_NamePart{{}}}).ProtoReflect()
	err := builder.Fill(message, r, nil)
	if failure := respond.AsFailure(err); err == nil || failure.Status.GetMessage() != "the field name[0].name_part is required" {
		t.Errorf("%v", err)
	}
}
