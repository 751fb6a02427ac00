package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A Message is a request whose variables have been put in.
type Message struct {
	Method, Target string
	Headers        [][2]string
	// Body is nil where the request has none.
	Body []byte
	// Unsent is how much more of the body is announced than is sent.
	Unsent  int
	Chunked bool
	Cut     bool
	// Steps replace sending Body at once; Body contains all pieces.
	Steps []MessageStep
	// Leaves has the client leave after the last step.
	Leaves bool
	// Raw is all of the request, if not nil.
	Raw []byte
}

// Prepare puts the variables into a request.
func Prepare(r Request, v Variables) (*Message, error) {
	m := &Message{Method: r.Method, Chunked: r.Chunked, Cut: r.Cut, Leaves: r.Leaves}
	var err error
	if len(r.Raw) > 0 {
		text, err := v.Expand(strings.Join(r.Raw, "\r\n"))
		m.Raw = []byte(text)
		m.Method, _, _ = strings.Cut(text, " ")
		return m, err
	}
	if m.Target, err = v.Expand(r.Target); err != nil {
		return nil, err
	}
	for _, pair := range r.Headers {
		value, err := v.Expand(pair[1])
		if err != nil {
			return nil, err
		}
		m.add(pair[0], value)
	}
	if token := v["token"]; token != "" {
		m.add("Authorization", "Bearer "+token)
	}
	if r.Stalled || r.Cut {
		m.Unsent = 1
	}
	return m, m.fill(r, v)
}

func (m *Message) add(name, value string) { m.Headers = append(m.Headers, [2]string{name, value}) }

// fill puts in the body.
func (m *Message) fill(r Request, v Variables) error {
	switch {
	case r.JSON != nil:
		body, err := JSONOf(r.JSON.Value, v)
		if err != nil {
			return err
		}
		m.Body = body
		if !m.has("Content-Type") {
			m.add("Content-Type", "application/json")
		}
	case r.Text != nil:
		text, err := v.Expand(*r.Text)
		if err != nil {
			return err
		}
		m.Body = []byte(text)
	}
	return m.addSteps(r.Steps, v)
}

func (m *Message) has(name string) bool {
	for _, pair := range m.Headers {
		if strings.EqualFold(pair[0], name) {
			return true
		}
	}
	return false
}

// JSONOf writes a value with its variables put in.
func JSONOf(value any, v Variables) ([]byte, error) {
	expanded, err := v.ExpandJSON(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(expanded); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func (m *Message) wantsContinue() bool {
	for _, pair := range m.Headers {
		if strings.EqualFold(pair[0], "Expect") && strings.EqualFold(pair[1], "100-continue") {
			return true
		}
	}
	return false
}

// head is the header section of the request in HTTP/1.1.
func (m *Message) head(host string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\n", m.Method, m.Target)
	for _, pair := range m.Headers {
		fmt.Fprintf(&out, "%s: %s\r\n", pair[0], pair[1])
	}
	if !m.has("Host") {
		fmt.Fprintf(&out, "Host: %s\r\n", host)
	}
	switch {
	case m.Body == nil:
	case m.Chunked:
		out.WriteString("Transfer-Encoding: chunked\r\n")
	default:
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(m.Body)+m.Unsent)
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func (m *Message) content() []byte {
	if !m.Chunked || m.Body == nil {
		return m.Body
	}
	// Two chunks, so that only the framing marks the end.
	half := len(m.Body) / 2
	var out bytes.Buffer
	for _, part := range [][]byte{m.Body[:half], m.Body[half:]} {
		if len(part) > 0 {
			fmt.Fprintf(&out, "%x\r\n%s\r\n", len(part), part)
		}
	}
	if m.Unsent == 0 {
		out.WriteString("0\r\n\r\n")
	}
	return out.Bytes()
}
