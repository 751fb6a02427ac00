package entity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// sentinels is every one that errors.Is can be asked for.
func sentinels() map[string]error {
	return map[string]error{
		"ErrInvalid":            entity.ErrInvalid,
		"ErrNotFound":           entity.ErrNotFound,
		"ErrExists":             entity.ErrExists,
		"ErrStaleETag":          entity.ErrStaleETag,
		"ErrPreconditionFailed": entity.ErrPreconditionFailed,
		"ErrPermission":         entity.ErrPermission,
		"ErrUnauthenticated":    entity.ErrUnauthenticated,
		"ErrUnavailable":        entity.ErrUnavailable,
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("driver text")
	tests := map[string]struct {
		err      error
		kind     entity.Kind
		sentinel string
		reason   string
		// dynamic is what of the message varies: all of it must be metadata too.
		dynamic []string
	}{
		"entity not found": {
			entity.EntityNotFound("x1"), entity.KindNotFound, "ErrNotFound", "ENTITY_NOT_FOUND", []string{"x1"},
		},
		"entity exists": {
			entity.EntityExists("x1"), entity.KindAlreadyExists, "ErrExists", "ENTITY_EXISTS", []string{"x1"},
		},
		"stale etag": {
			entity.StaleETag("x1", "g2", "c3"), entity.KindConflict, "ErrStaleETag", "STALE_ETAG", []string{"x1", "g2"},
		},
		"precondition failed": {
			entity.PreconditionFailed("x1", "If-Match", "c3"), entity.KindPreconditionFailed,
			"ErrPreconditionFailed", "PRECONDITION_FAILED",
			[]string{"x1", "If-Match"},
		},
		"role not allowed": {
			entity.RoleNotAllowed("viewer", "editor"), entity.KindPermissionDenied,
			"ErrPermission", "ROLE_NOT_ALLOWED",
			[]string{"viewer", "editor"},
		},
		"group not allowed": {
			entity.GroupNotAllowed("g4"), entity.KindPermissionDenied, "ErrPermission", "GROUP_NOT_ALLOWED", []string{"g4"},
		},
		"bad credentials": {
			entity.BadCredentials(), entity.KindUnauthenticated, "ErrUnauthenticated", "BAD_CREDENTIALS", nil,
		},
		"token missing": {entity.TokenMissing(), entity.KindUnauthenticated, "ErrUnauthenticated", "TOKEN_MISSING", nil},
		"token invalid": {entity.TokenInvalid(), entity.KindUnauthenticated, "ErrUnauthenticated", "TOKEN_INVALID", nil},
		"token expired": {entity.TokenExpired(), entity.KindUnauthenticated, "ErrUnauthenticated", "TOKEN_EXPIRED", nil},
		"user not found": {
			entity.UserNotFound("u5"), entity.KindNotFound, "ErrNotFound", "USER_NOT_FOUND", []string{"u5"},
		},
		"user exists": {entity.UserExists("u5"), entity.KindAlreadyExists, "ErrExists", "USER_EXISTS", []string{"u5"}},
		"session not found": {
			entity.SessionNotFound("s6"), entity.KindNotFound, "ErrNotFound", "SESSION_NOT_FOUND", []string{"s6"},
		},
		"operation not found": {
			entity.OperationNotFound("operations/o7"), entity.KindNotFound, "ErrNotFound", "OPERATION_NOT_FOUND",
			[]string{"operations/o7"},
		},
		"page token invalid": {entity.PageTokenInvalid(), entity.KindInvalid, "ErrInvalid", "PAGE_TOKEN_INVALID", nil},
		"entity invalid": {
			entity.Entity{ID: "x", Group: "g"}.Validate(), entity.KindInvalid, "ErrInvalid", "ENTITY_INVALID",
			[]string{"display_name"},
		},
		"import failed": {entity.ImportFailed(), entity.KindInternal, "", "IMPORT_FAILED", nil},
		"store busy":    {entity.StoreBusy(cause), entity.KindUnavailable, "ErrUnavailable", "STORE_BUSY", nil},
		"store failed":  {entity.StoreFailed(cause), entity.KindInternal, "", "STORE_FAILED", nil},
		"maintenance": {
			entity.Maintenance{Enabled: true, Message: "back at 8"}.Err(), entity.KindUnavailable,
			"ErrUnavailable", "MAINTENANCE",
			[]string{"back at 8"},
		},
	}
	upperSnake := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`) // As ErrorInfo.reason demands.
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *entity.Error
			if !errors.As(fmt.Errorf("wrapped: %w", test.err), &got) {
				t.Fatalf("%T is no *entity.Error", test.err)
			}
			if got.Kind != test.kind || got.Reason != test.reason || !upperSnake.MatchString(got.Reason) {
				t.Errorf("got %v %s, want %v %s", got.Kind, got.Reason, test.kind, test.reason)
			}
			for sentinel, target := range sentinels() {
				if is := errors.Is(got, target); is != (sentinel == test.sentinel) {
					t.Errorf("errors.Is(%s) = %t", sentinel, is)
				}
			}
			for _, part := range test.dynamic {
				if !strings.Contains(got.Message, part) {
					t.Errorf("%q does not say %q", got.Message, part)
				}
				if !hasValue(got.Metadata, part) {
					t.Errorf("metadata %v does not have %q (AIP-193)", got.Metadata, part)
				}
			}
			if strings.Contains(got.Message, cause.Error()) {
				t.Errorf("the message %q tells the cause", got.Message)
			}
		})
	}
}

func hasValue(metadata map[string]string, part string) bool {
	for _, value := range metadata {
		if value == part {
			return true
		}
	}

	return false
}

func TestErrorCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	err := entity.StoreFailed(cause)
	if !errors.Is(err, cause) {
		t.Error("the cause cannot be found")
	}
	if got, want := err.Error(), "STORE_FAILED: The store failed.: disk on fire"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := entity.TokenMissing().Error(), "TOKEN_MISSING: This needs an access token."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorsOfTheCurrentETag(t *testing.T) {
	t.Parallel()
	for _, err := range []error{entity.StaleETag("x", "a", ""), entity.PreconditionFailed("x", "If-Match", "")} {
		var got *entity.Error
		if !errors.As(err, &got) {
			t.Fatalf("%T is no *entity.Error", err)
		}
		if _, ok := got.Metadata[entity.MetadataCurrentETag]; ok {
			t.Errorf("%s: a missing entity has a current etag: %v", got.Reason, got.Metadata)
		}
	}
}

func TestErrorJSON(t *testing.T) {
	t.Parallel()
	err := &entity.Error{
		Kind: entity.KindAlreadyExists, Reason: "ENTITY_EXISTS", Message: "taken", Metadata: map[string]string{"id": "x"},
		Violations: []entity.Violation{{Field: "id", Reason: "TAKEN", Description: "taken"}},
		RetryAfter: time.Second, Cause: errors.New("secret"),
	}
	text, failure := json.Marshal(err)
	if failure != nil {
		t.Fatal(failure)
	}
	const want = `{"kind":"ALREADY_EXISTS","reason":"ENTITY_EXISTS","message":"taken","metadata":{"id":"x"},` +
		`"violations":[{"field":"id","reason":"TAKEN","description":"taken"}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	var read entity.Error
	if failure := json.Unmarshal(text, &read); failure != nil {
		t.Fatal(failure)
	}
	clone := err.Clone()
	clone.RetryAfter = 0
	if diff := cmp.Diff(clone, &read); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	clone.Metadata["id"] = "y"
	if err.Metadata["id"] != "x" || err.Cause == nil {
		t.Error("Clone shares or changes")
	}
}

func TestKindText(t *testing.T) {
	t.Parallel()
	want := []string{
		"INTERNAL", "INVALID", "NOT_FOUND", "ALREADY_EXISTS", "CONFLICT", "PRECONDITION_FAILED",
		"PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE", "KIND_9",
	}
	for i, name := range want {
		kind := entity.Kind(i)
		text, err := kind.MarshalText()
		if err != nil || string(text) != name {
			t.Errorf("kind %d: %s, %v; want %s", i, text, err, name)
		}
		var read entity.Kind
		if err := read.UnmarshalText(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The last one is one beyond: what is not known claims nothing.
		if i == len(want)-1 {
			kind = entity.KindInternal
		}
		if read != kind {
			t.Errorf("%s: read as %v", name, read)
		}
	}
	if got := entity.Kind(-1).String(); got != "KIND_-1" {
		t.Errorf("got %s", got)
	}
	if errors.Is(&entity.Error{Kind: 9}, nil) || errors.Is(&entity.Error{Kind: 9}, entity.ErrInvalid) {
		t.Error("an unknown kind matches")
	}
}
