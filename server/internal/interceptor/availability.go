package interceptor

import "context"

// Availability refuses calls while closed says why they are not served.
func Availability(closed func(fullMethod string) error) Check {
	return func(ctx context.Context, fullMethod string) (context.Context, error) {
		return ctx, closed(fullMethod)
	}
}
