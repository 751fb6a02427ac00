package rfc9110

import "time"

// DelaySeconds returns d as delay-seconds, for Retry-After (§10.2.3). It rounds up,
// because a client that retries too early fails again; so any d above zero gives at
// least 1. A negative d gives 0.
func DelaySeconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	// (d + time.Second - 1) / time.Second would overflow near the maximum.
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	return seconds
}
