package conformancesvc

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/precondition"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// allow returns why a write to an item is refused: a condition in the request's metadata
// or an etag in its message does not hold. item is nil if it is missing. The caller holds
// the lock from here to the write.
func (s *Service) allow(ctx context.Context, item *conformancev1.Item, etag string) error {
	conditions, err := precondition.FromContext(ctx)
	if err != nil {
		// The gateway refuses malformed conditions; other gRPC clients may send anything.
		return preconditionFailed()
	}
	current := precondition.State{Exists: item != nil, ETag: item.GetEtag()}
	if item != nil {
		current.LastModified = item.GetUpdateTime().AsTime()
	}
	if !conditions.Hold(current) {
		return preconditionFailed()
	}
	if etag != "" && etag != item.GetEtag() {
		return fail(codes.Aborted, "STALE_ETAG", "The etag is not that of the current version.")
	}
	return nil
}
