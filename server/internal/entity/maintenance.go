package entity

import "time"

// Bounds of what maintenance may say.
const (
	DefaultRetryAfter = time.Minute
	MaxRetryAfter     = 24 * time.Hour
)

// Maintenance is whether and how the API is closed. The zero value is open.
type Maintenance struct {
	Enabled bool
	// RetryAfter is when callers may come back, in whole seconds, up to
	// MaxRetryAfter. 0 means DefaultRetryAfter.
	RetryAfter time.Duration
	// Message is what callers read. "" means a standard text.
	Message string
}

// Err returns nil while the API is open, and else MAINTENANCE.
func (m Maintenance) Err() error {
	if !m.Enabled {
		return nil
	}
	err := &Error{
		Kind: KindUnavailable, Reason: ReasonMaintenance,
		Message:    "The service is closed for maintenance.",
		RetryAfter: m.RetryAfter,
	}
	if err.RetryAfter <= 0 {
		err.RetryAfter = DefaultRetryAfter
	}
	if m.Message != "" {
		err.Message = m.Message
		err.Metadata = map[string]string{MetadataNotice: m.Message}
	}

	return err
}
