package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A MismatchError reports an exchange with an unexpected response.
type MismatchError struct {
	// Message is the request, and Want the expected response.
	Message *Message
	Want    Response
	// Got is what came back; nil if nothing did.
	Got *Answer

	cause error
}

// mismatch returns nil if cause is nil.
func mismatch(a attempt, got *Answer, want Response, cause error) error {
	if cause == nil {
		return nil
	}
	return &MismatchError{Message: a.message, Want: want, Got: got, cause: cause}
}

func (m *MismatchError) Error() string { return m.cause.Error() }

func (m *MismatchError) Unwrap() error { return m.cause }

// Faults are the single things that are wrong, of an error that joins them.
func Faults(err error) []string {
	switch joined := err.(type) { //nolint:errorlint // each layer is checked.
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var all []string
		for _, one := range joined.Unwrap() {
			all = append(all, Faults(one)...)
		}
		return all
	case *MismatchError:
		return Faults(joined.cause)
	case *StepError:
		return Faults(joined.Err)
	default:
		return []string{err.Error()}
	}
}

// Text is the request as HTTP/1.1 has it.
func (m *Message) Text(host string) string {
	if m.Raw != nil {
		return string(m.Raw)
	}
	return string(append(m.head(host), m.content()...))
}

// Text returns the response in the form of HTTP/1.1, with sorted fields and decoded
// content.
func (a *Answer) Text() string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d\r\n", a.Status)
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		fmt.Fprintf(&out, "%s: %s\r\n", name, strings.Join(a.Header[name], ", "))
	}
	out.WriteString("\r\n")
	out.Write(a.Body)
	return out.String()
}
