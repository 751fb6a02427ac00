package entitysvc

import (
	"context"

	"github.com/statusway/statusway/gateway/precondition"
	"github.com/statusway/statusway/server/internal/entity"
)

// conditionOf reads the conditions of a write: the metadata if-match, if-none-match
// and if-unmodified-since, in HTTP's own syntax from every client, and the message's
// etag.
func conditionOf(ctx context.Context, etag string) (entity.Condition, error) {
	parsed, err := precondition.FromContext(ctx)
	if err != nil {
		const message = "A condition cannot be read."
		return entity.Condition{}, &entity.Error{Kind: entity.KindInvalid, Reason: "MALFORMED_PRECONDITION", Message: message, Cause: err}
	}
	return entity.Condition{
		IfMatch:           tags(parsed.IfMatch),
		IfNoneMatch:       tags(parsed.IfNoneMatch),
		IfUnmodifiedSince: parsed.IfUnmodifiedSince,
		ETag:              etag,
	}, nil
}

func tags(condition precondition.Tags) entity.Tags {
	converted := entity.Tags{Present: condition.Present, Any: condition.Any}
	for _, tag := range condition.List {
		converted.Tags = append(converted.Tags, entity.Tag{Opaque: tag.Opaque, Weak: tag.Weak})
	}
	return converted
}
