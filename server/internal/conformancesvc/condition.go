package conformancesvc

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/precondition"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// allow says why a write must not be done to an item, which is nil if it is missing:
// a condition of the request's metadata, or an etag in its message, that is not met.
// The lock is held from here to the write.
func (s *Service) allow(ctx context.Context, item *conformancev1.Item, etag string) error {
	conditions, err := precondition.FromContext(ctx)
	if err != nil {
		// The gateway lets none through; whoever calls over gRPC may send anything.
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
