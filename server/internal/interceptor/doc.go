// Package interceptor holds what every call of the reference services goes through,
// whether it came over the network or from the gateway in the same process:
//
//	observe.go       what came of it, for the log and the metrics
//	recover.go       a panic becomes INTERNAL
//	status.go        an error of the domain becomes a status with ErrorInfo, once
//	availability.go  UNAVAILABLE in maintenance
//	drain.go         UNAVAILABLE for open streams when the server stops
//	quota.go         the rate limit of calls that came over the network
//	principal.go     UNAUTHENTICATED without a valid token
//	validate.go      INVALID_ARGUMENT by the rules in the proto
package interceptor
