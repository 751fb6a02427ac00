package conformancesvc

import (
	"context"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// Bindings is BindingService, whose methods return their requests.
type Bindings struct {
	conformancev1.UnimplementedBindingServiceServer
}

var _ conformancev1.BindingServiceServer = (*Bindings)(nil)

// Choose implements BindingService.
func (*Bindings) Choose(_ context.Context, request *conformancev1.Choice) (*conformancev1.Choice, error) {
	return request, nil
}

// Select implements BindingService.
func (*Bindings) Select(_ context.Context, request *conformancev1.Selection) (*conformancev1.Selection, error) {
	return request, nil
}

// Change implements BindingService.
func (*Bindings) Change(_ context.Context, request *conformancev1.Changes) (*conformancev1.Changes, error) {
	return request, nil
}

// Act implements BindingService.
func (*Bindings) Act(_ context.Context, request *conformancev1.Action) (*conformancev1.Action, error) {
	return request, nil
}

// Report implements BindingService.
func (*Bindings) Report(_ context.Context, request *conformancev1.ReportRequest) (*conformancev1.ReportRequest, error) {
	return request, nil
}
