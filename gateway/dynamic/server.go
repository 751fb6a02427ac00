package dynamic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/forward"
)

const (
	// settledReadings is how often in a row another schema must be read before it is served.
	settledReadings = 3
	// calmReadings is how often in a row the served schema must be read until the server no longer flaps.
	calmReadings = 10
)

var errFlaps = errors.New("the descriptors change from one reading to the next, as if two versions of the server ran behind one name: " +
	"the gateway keeps the routes that it has until it reads the same others three times in a row")

// server is one gRPC server.
type server struct {
	Target

	conn   grpc.ClientConnInterface
	dialed *serverConn // nil for the caller's own connection

	schema    *schema   // nil while it is unknown
	confirmed time.Time // when the server last declared schema, or when the server was made
	refused   []error   // why the last schema is not served, or which of its services are not
	candidate *schema   // another one that was read seen times in a row
	seen      int
	flaps     bool
	calm      int
	problems  []error
	reported  []string // the texts of the problems that were reported
}

// newServer returns the server of targets[i].
func newServer(targets []Target, i int) (*server, error) {
	target := targets[i]
	if err := target.check(); err != nil {
		return nil, err
	}
	s := &server{Target: target, conn: target.Conn, confirmed: time.Now()}
	if target.Conn == nil {
		s.conn = noConn{}
	}
	s.Except = slices.Clone(target.Except)
	for j, other := range targets {
		if i != j {
			s.Except = append(s.Except, other.Services...)
		}
	}
	if target.Address == "" {
		return s, nil
	}
	dialed, err := dial(target)
	if err != nil {
		return nil, err
	}
	s.conn, s.dialed = dialed, dialed
	return s, nil
}

func (s *server) name() string {
	if s.Address != "" {
		return s.Address
	}
	if named, ok := s.conn.(interface{ Target() string }); ok {
		return named.Target()
	}
	return "of the connection"
}

// interval returns how often to read the descriptors; 0 means never.
func (s *server) interval() time.Duration {
	switch {
	case !s.reflects() || s.Refresh < 0:
		return 0
	case s.Refresh == 0:
		return DefaultRefresh
	default:
		return s.Refresh
	}
}

// news returns the problems that have not been reported yet. It returns an empty list if there were
// problems and they are over, and nil if there is nothing to report.
func (s *server) news(problems []error) []error {
	var news []error
	texts := make([]string, len(problems))
	for i, one := range problems {
		texts[i] = one.Error()
		if !slices.Contains(s.reported, texts[i]) {
			news = append(news, one)
		}
	}
	if len(texts) == 0 && len(s.reported) > 0 {
		news = []error{}
	}
	s.reported = texts
	return news
}

// describe reads the schema of the server.
func (s *server) describe(ctx context.Context) (*schema, error) {
	if s.Linked != nil {
		return linkedSchema(s.Linked...), nil
	}
	if !s.reflects() {
		return newSchema(s.Target)
	}
	ctx, cancel := context.WithTimeout(ctx, reflectionTime)
	defer cancel()
	found, err := fetchDescriptors(ctx, s.conn, s.Target)
	if err != nil {
		return nil, err
	}
	p := s.Target
	p.Descriptors, p.Services = found.set, found.services
	schema, err := newSchema(p)
	if err != nil {
		return nil, err
	}
	schema.faults, schema.leftOut = found.faults, found.leftOut
	return schema, nil
}

// isSettled reports whether to serve a schema that has been read: at once if none is served yet, else
// when it has been read three times in a row.
func (s *server) isSettled(next *schema) bool {
	if s.schema == nil {
		return true
	}
	if next.equal(s.schema) {
		if s.candidate != nil && s.seen < settledReadings {
			s.flaps, s.calm = true, 0
		}
		s.candidate = nil
		s.calm++
		s.flaps = s.flaps && s.calm < calmReadings
		return true
	}
	if !next.equal(s.candidate) {
		s.flaps = s.flaps || s.candidate != nil && s.seen < settledReadings
		s.candidate, s.seen = next, 0
	}
	s.calm = 0
	s.seen = min(s.seen+1, settledReadings)
	return s.seen == settledReadings
}

// explain says what to do about descriptors that cannot be read.
func (s *server) explain(err error) error {
	code := status.Code(err)
	switch {
	case forward.IsPage(err):
		text, _, _ := strings.Cut(status.Convert(err).Message(), ";")
		return fmt.Errorf("%w: %s", errHTTPServer, text)
	case isUnreachable(err):
		if s.dialed != nil {
			if cause := s.dialed.problem(); cause != nil && !errors.Is(cause, errUnreachable) {
				return cause
			}
		}
		return fmt.Errorf("%w: %w", errUnreachable, err)
	case code == codes.Unimplemented:
		return fmt.Errorf("the server has no server reflection, so its descriptors are needed: %w", err)
	case code == codes.PermissionDenied || code == codes.Unauthenticated:
		return fmt.Errorf("the server refuses server reflection: allow the gateway to use it, or give the gateway the descriptors: %w", err)
	default:
		return fmt.Errorf("the server's descriptors cannot be read: %w", err)
	}
}

// isUnreachable reports whether a server did not respond.
func isUnreachable(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}
