package interceptor

import "context"

// Availability refuses calls while closed returns an error for them.
func Availability(closed func(fullMethod string) error) Check {
	return func(ctx context.Context, fullMethod string) (context.Context, error) {
		return ctx, closed(fullMethod)
	}
}
