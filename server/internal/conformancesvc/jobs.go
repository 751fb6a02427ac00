package conformancesvc

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// job is done when its time has come; nothing runs until then.
type job struct {
	name  string
	ends  time.Time
	error *spb.Status
}

func (j job) at(now time.Time) *conformancev1.Job {
	if now.Before(j.ends) {
		return &conformancev1.Job{Name: j.name}
	}
	return &conformancev1.Job{Name: j.name, Done: true, Error: j.error}
}

// StartJob implements ConformanceService.
func (s *Service) StartJob(ctx context.Context, request *conformancev1.StartJobRequest) (*conformancev1.Job, error) {
	lasts := duration(request.GetMilliseconds())
	started := job{name: "jobs/" + strings.ToLower(rand.Text()), ends: s.now().Add(lasts), error: request.GetError()}
	s.mu.Lock()
	s.jobs.add(started.name, started)
	s.mu.Unlock()
	wait, waits := waitOf(ctx)
	if !waits || wait < lasts {
		_ = pause(ctx, wait) // The job has begun, even if the client has left.
		return started.at(s.now()), nil
	}
	if err := pause(ctx, lasts); err != nil {
		return nil, err
	}
	return started.at(started.ends), grpc.SetHeader(ctx, metadata.Pairs("statusway-status", "200"))
}

// GetJob implements ConformanceService.
func (s *Service) GetJob(_ context.Context, request *conformancev1.GetJobRequest) (*conformancev1.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.jobs.byKey[request.GetName()]
	if !ok {
		return nil, fail(codes.NotFound, "JOB_NOT_FOUND", "There is no job "+strconv.Quote(request.GetName())+".")
	}
	return found.at(s.now()), nil
}

// Sleep implements ConformanceService.
func (*Service) Sleep(ctx context.Context, request *conformancev1.SleepRequest) (*emptypb.Empty, error) {
	if err := pause(ctx, duration(request.GetMilliseconds())); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func duration(milliseconds int32) time.Duration {
	return min(max(0, time.Duration(milliseconds)*time.Millisecond), longest)
}

// waitOf is how long the caller will wait for the end: the request metadata of
// PREFERENCE_WAIT, in whole seconds.
func waitOf(ctx context.Context) (time.Duration, bool) {
	for _, value := range metadata.ValueFromIncomingContext(ctx, "prefer-wait") {
		if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
			return time.Duration(seconds) * time.Second, true
		}
	}
	return 0, false
}

// pause waits, unless the call ends before.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
