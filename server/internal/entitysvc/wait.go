package entitysvc

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/server/internal/entity"
)

const (
	// waitKey is the request metadata of PREFERENCE_WAIT: whole seconds.
	waitKey = "prefer-wait"
	// longestWait bounds the wait of gRPC clients; the gateway bounds it itself.
	longestWait = 30 * time.Second

	// The pauses between two looks grow from the first to the second: most imports end
	// at once, and one that does not takes a while.
	firstPause = 2 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// waitOf returns how long the caller waits; 0 if the metadata is not a number of seconds.
func waitOf(ctx context.Context) time.Duration {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get(waitKey)
	if len(values) == 0 {
		return 0
	}
	seconds, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestWait)
}

// await returns the operation when it has ended, or its state after the wait. It never
// fails, because the import has been accepted already.
func (s *Service) await(ctx context.Context, operation entity.Operation, wait time.Duration) entity.Operation {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-s.stopping:
		}
		timer.Stop()
		// One more look when the wait is over, by a context that is not.
		current, err := s.store.GetOperation(context.WithoutCancel(ctx), operation.ID)
		if err == nil {
			operation = current
		}
		if operation.Ended() || ctx.Err() != nil || s.isStopping() {
			return operation
		}
	}
}

// EndWaits ends every current and future wait for an operation: a server that stops
// returns 202 instead of keeping its clients waiting.
func (s *Service) EndWaits() { s.stop.Do(func() { close(s.stopping) }) }

func (s *Service) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}
