package conformancesvc

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/rfc9110"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// allow says why a write must not be done to an item, which is nil if it is missing:
// a condition of the request's metadata, or an etag in its message, that is not met.
// The lock is held from here to the write.
func (s *Service) allow(ctx context.Context, item *conformancev1.Item, etag string) error {
	md, _ := metadata.FromIncomingContext(ctx)
	conditions, err := rfc9110.ParsePreconditions(md.Get)
	if err != nil {
		// The gateway lets none through; whoever calls over gRPC may send anything.
		return preconditionFailed()
	}
	current := rfc9110.Validators{Missing: item == nil}
	if item != nil {
		current.Tag, current.HasTag = rfc9110.StrongETag(item.GetEtag()), true
		current.LastModified = item.GetUpdateTime().AsTime()
	}
	if conditions.Evaluate(false, current) == rfc9110.Failed {
		return preconditionFailed()
	}
	if etag != "" && etag != item.GetEtag() {
		return fail(codes.Aborted, "STALE_ETAG", "The etag is not that of the current version.")
	}
	return nil
}
