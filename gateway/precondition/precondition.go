// Package precondition evaluates the conditions of an HTTP request (RFC 9110 §13) in a gRPC service
// behind a gateway. If a method declares statusway.v1.method.preconditions, the gateway passes
// If-Match, If-None-Match and If-Unmodified-Since to the service as metadata. Evaluate them in the
// same transaction or statement as the write, because an earlier check would race with other writes.
package precondition

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Conditions are the conditions of one request. The zero value has no conditions and always holds.
type Conditions struct {
	// IfMatch and IfNoneMatch are the entity-tags of these headers.
	IfMatch, IfNoneMatch Tags
	// IfUnmodifiedSince is zero if the request does not contain this header.
	IfUnmodifiedSince time.Time

	parsed rfc9110.Preconditions
}

// Tags is the value of If-Match or If-None-Match.
type Tags struct {
	// Present reports whether the request contains the header, Any whether its value is "*".
	Present, Any bool
	List         []Tag
}

// Tag is an entity-tag (RFC 9110 §8.8.3). Opaque is its text without the quotes.
type Tag struct {
	Opaque string
	Weak   bool
}

// FromContext returns the conditions of the call that ctx belongs to. The error names a malformed
// header. Behind a gateway there is no error, because the gateway has already checked the headers.
func FromContext(ctx context.Context) (Conditions, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	parsed, err := rfc9110.ParsePreconditions(md.Get)
	if err != nil {
		return Conditions{}, fmt.Errorf("reading the conditions: %w", err)
	}
	return Conditions{
		IfMatch: tagsOf(parsed.IfMatch), IfNoneMatch: tagsOf(parsed.IfNoneMatch), IfUnmodifiedSince: parsed.IfUnmodifiedSince, parsed: parsed,
	}, nil
}

func tagsOf(condition rfc9110.Condition) Tags {
	tags := Tags{Present: condition.Present, Any: condition.Any}
	for _, tag := range condition.Tags {
		tags.List = append(tags.List, Tag{Opaque: tag.Opaque, Weak: tag.Weak})
	}
	return tags
}

// State is the current state of a resource.
type State struct {
	// Exists reports whether the resource exists.
	Exists bool
	// ETag is the strong entity-tag of the resource, without quotes. It may be empty.
	ETag string
	// LastModified is zero if it is unknown.
	LastModified time.Time
}

// Hold reports whether the conditions allow a write to a resource in this state. If they do not,
// return ABORTED with the reason PRECONDITION_FAILED, which becomes 412.
func (c Conditions) Hold(current State) bool {
	validators := rfc9110.Validators{Missing: !current.Exists, LastModified: current.LastModified}
	if current.ETag != "" {
		validators.Tag, validators.HasTag = rfc9110.StrongETag(current.ETag), true
	}
	return c.parsed.Evaluate(false, validators) != rfc9110.Failed
}
