// Package sessionsvc is SessionService: it trades a password for an access token.
package sessionsvc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// Store is the part of the store that the service needs.
type Store interface {
	entity.UserStore
	entity.SessionStore
}

// Params configure a [Service].
type Params struct {
	Store Store
	// Now is the clock.
	Now func() time.Time
	// TTL is how long a token works.
	TTL time.Duration
	// HashCost is bcrypt's cost of the stored hashes.
	HashCost int
}

// Service serves sessions.
type Service struct {
	entityv1.UnimplementedSessionServiceServer

	params Params
}

var _ entityv1.SessionServiceServer = (*Service)(nil)

// New returns the service.
func New(p Params) *Service { return &Service{params: p} }

// CreateSession implements SessionService.
func (s *Service) CreateSession(ctx context.Context, request *entityv1.CreateSessionRequest) (*entityv1.Session, error) {
	user, err := s.params.Store.GetUser(ctx, request.GetUsername())
	if err != nil && !errors.Is(err, entity.ErrNotFound) {
		return nil, err
	}
	// An unknown user has no hash, which takes as long to check as a known one's.
	if err := entity.CheckPassword(user.PasswordHash, request.GetPassword(), s.params.HashCost); err != nil {
		return nil, err
	}
	session, token := entity.NewSession(user.Name, s.params.Now().Add(s.params.TTL))
	if err := s.params.Store.CreateSession(ctx, session); err != nil {
		return nil, err
	}
	message := toProto(session, user)
	message.AccessToken = token
	return message, nil
}

// GetSession implements SessionService.
func (s *Service) GetSession(ctx context.Context, request *entityv1.GetSessionRequest) (*entityv1.Session, error) {
	if err := own(ctx, request.GetId()); err != nil {
		return nil, err
	}
	session, err := s.params.Store.GetSession(ctx, request.GetId())
	if err != nil {
		return nil, err
	}
	user, err := s.params.Store.GetUser(ctx, session.Username)
	if err != nil {
		return nil, err
	}
	return toProto(session, user), nil
}

// DeleteSession implements SessionService.
func (s *Service) DeleteSession(ctx context.Context, request *entityv1.DeleteSessionRequest) (*emptypb.Empty, error) {
	if err := own(ctx, request.GetId()); err != nil {
		return nil, err
	}
	if err := s.params.Store.DeleteSession(ctx, request.GetId()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// own hides every session except the caller's, so that nobody learns whether another
// exists.
func own(ctx context.Context, id string) error {
	if interceptor.PrincipalFrom(ctx).SessionID != id {
		return entity.SessionNotFound(id)
	}
	return nil
}

func toProto(session entity.Session, user entity.User) *entityv1.Session {
	return &entityv1.Session{
		Id:         session.ID,
		Username:   user.Name,
		Role:       string(user.Role),
		Groups:     user.Groups,
		TokenType:  "Bearer",
		ExpireTime: timestamppb.New(session.ExpireTime),
	}
}
