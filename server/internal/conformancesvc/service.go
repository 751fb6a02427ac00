// Package conformancesvc implements ConformanceService, StreamService and BindingService
// in Go. `statusway conformance` can run against them without another backend, and they
// show how little code a backend needs.
//
// The services keep everything in memory: the newest [MaxItems] items, [MaxJobs] jobs,
// [MaxPictures] pictures and the counts of [MaxKeys] keys. They drop older ones, so that
// a run never fails because of an earlier one.
package conformancesvc

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/policy"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// What is kept at most.
const (
	MaxItems = 4096
	MaxJobs  = 1024
)

// Package is the proto package of all services here.
const Package = "statusway.conformance.v1"

// Names returns the full names of the services.
func Names() []string {
	return []string{
		conformancev1.ConformanceService_ServiceDesc.ServiceName,
		conformancev1.StreamService_ServiceDesc.ServiceName,
		conformancev1.BindingService_ServiceDesc.ServiceName,
	}
}

// longest is how long a job runs and a call sleeps at most.
const longest = 10 * time.Second

// Service is safe for concurrent use.
type Service struct {
	conformancev1.UnimplementedConformanceServiceServer

	now func() time.Time
	run string // distinguishes versions of this run from those of another

	mu       sync.Mutex
	items    kept[*conformancev1.Item]
	jobs     kept[job]
	versions int
}

var _ conformancev1.ConformanceServiceServer = (*Service)(nil)

// New returns an empty service; now is its clock.
func New(now func() time.Time) *Service {
	return &Service{
		now: now, run: strings.ToLower(rand.Text()[:8]),
		items: newKept[*conformancev1.Item](MaxItems), jobs: newKept[job](MaxJobs),
	}
}

// kept are the newest values by key.
type kept[V any] struct {
	byKey map[string]V
	order []string // the keys, the oldest first
	most  int
}

func newKept[V any](most int) kept[V] { return kept[V]{byKey: map[string]V{}, most: most} }

// add keeps a value under a new key, in place of the oldest if there are too many.
func (k *kept[V]) add(key string, value V) {
	k.byKey[key] = value
	k.order = append(k.order, key)
	for len(k.order) > k.most {
		delete(k.byKey, k.order[0])
		k.order = k.order[1:]
	}
}

// remove gives up the value of a key that there is.
func (k *kept[V]) remove(key string) {
	delete(k.byKey, key)
	at := slices.Index(k.order, key)
	k.order = slices.Delete(k.order, at, at+1)
}

// fail is an error of the service's own.
func fail(code codes.Code, reason, message string) error {
	return failIn(Package, code, reason, message)
}

// preconditionFailed is the one error whose reason is the contract's.
func preconditionFailed() error {
	return failIn(policy.Domain, codes.Aborted, policy.ReasonPreconditionFailed, "A condition of the request does not hold.")
}

func failIn(domain string, code codes.Code, reason, message string) error {
	plain := status.New(code, message)
	full, err := plain.WithDetails(&errdetails.ErrorInfo{Domain: domain, Reason: reason})
	if err != nil {
		return plain.Err() // Details that cannot be encoded must not cost the error.
	}
	return full.Err()
}
