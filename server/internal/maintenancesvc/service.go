// Package maintenancesvc is MaintenanceService: it closes and opens the API.
package maintenancesvc

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// Service serves the state of the API and keeps it at hand for every call.
type Service struct {
	entityv1.UnimplementedMaintenanceServiceServer

	store   entity.MaintenanceStore
	current atomic.Pointer[entity.Maintenance]
	// setting keeps the stored and the current state the same.
	setting sync.Mutex
}

var _ entityv1.MaintenanceServiceServer = (*Service)(nil)

// New returns the service in the state that the store has.
func New(ctx context.Context, store entity.MaintenanceStore) (*Service, error) {
	stored, err := store.GetMaintenance(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state of maintenance: %w", err)
	}
	s := &Service{store: store}
	s.current.Store(&stored)
	return s, nil
}

// Closed returns why the API is closed; nil while it is open.
func (s *Service) Closed() error { return s.current.Load().Err() }

// Set closes or opens the API.
func (s *Service) Set(ctx context.Context, state entity.Maintenance) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	if err := s.store.SetMaintenance(ctx, state); err != nil {
		return fmt.Errorf("storing the state of maintenance: %w", err)
	}
	s.current.Store(&state)
	return nil
}

// GetMaintenance implements MaintenanceService.
func (s *Service) GetMaintenance(ctx context.Context, _ *entityv1.GetMaintenanceRequest) (*entityv1.Maintenance, error) {
	if err := admin(ctx); err != nil {
		return nil, err
	}
	return toProto(*s.current.Load()), nil
}

// SetMaintenance implements MaintenanceService.
func (s *Service) SetMaintenance(ctx context.Context, request *entityv1.SetMaintenanceRequest) (*entityv1.Maintenance, error) {
	if err := admin(ctx); err != nil {
		return nil, err
	}
	given := request.GetMaintenance()
	state := entity.Maintenance{
		Enabled:    given.GetEnabled(),
		RetryAfter: time.Duration(given.GetRetryAfter()) * time.Second,
		Message:    given.GetMessage(),
	}
	if err := s.Set(ctx, state); err != nil {
		return nil, err
	}
	return toProto(state), nil
}

func admin(ctx context.Context) error {
	return interceptor.PrincipalFrom(ctx).RequireRole(entity.RoleAdmin)
}

func toProto(state entity.Maintenance) *entityv1.Maintenance {
	return &entityv1.Maintenance{
		Enabled:    state.Enabled,
		RetryAfter: int32(state.RetryAfter / time.Second), //nolint:gosec // at most a day, by the proto's rule.
		Message:    state.Message,
	}
}
