package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/server/internal/tour"
)

// exampleID is the request id of all examples.
const exampleID = "7KD5H2VQ3XEXAMPLE"

// step is a step of the tour as a page shows it.
type step struct {
	badge

	Name, Title, Why string
	Before, After    []summary
	Request          []piece
	Answer           string
	Mapped           bool
	// Trial is the step as JSON for the page's script; empty if this server cannot
	// serve it; then Missing says what is needed. Instead is the path that a browser
	// requests, if not the request's own.
	Trial, Missing, Instead string

	answer gateway.Response
}

// summary is a request in one line.
type summary struct {
	Line []piece
	// Keeps are the names of the values that later requests use.
	Keeps []string
}

// piece is a part of a text. A name is a placeholder for a value of an earlier response.
type piece struct {
	Text   string
	IsName bool
}

// pieces divides a text at its names.
func pieces(text string) []piece {
	var all []piece
	last := 0
	for _, at := range regexp.MustCompile(`\{[a-z]+\}`).FindAllStringIndex(text, -1) {
		all = append(all, piece{Text: text[last:at[0]]}, piece{Text: text[at[0]:at[1]], IsName: true})
		last = at[1]
	}
	return append(all, piece{Text: text[last:]})
}

// newSteps are the steps by the row that they end in under the policy in force.
func newSteps(p Params) (map[int][]*step, error) {
	answers, err := tour.Answers()
	if err != nil {
		return nil, err
	}
	steps := map[int][]*step{}
	for _, from := range tour.Steps() {
		one, err := newStep(p, from, answers[from.Name])
		if err != nil {
			return nil, fmt.Errorf("the example %s: %w", from.Name, err)
		}
		steps[one.Number] = append(steps[one.Number], one)
	}
	return steps, nil
}

func newStep(p Params, from tour.Step, recorded tour.Answer) (*step, error) {
	one := &step{Name: from.Name, Title: from.Title, Why: from.Why, Mapped: from.Mapped, Request: pieces(head(from.Request)), Instead: from.Request.Instead}
	id := exampleID
	if from.Mapped {
		id = "" // A simulated response has no request.
	}
	var err error
	if one.answer, err = Answer(p.Mapper, from, recorded, id); err != nil {
		return nil, err
	}
	one.badge = badgeOf(int(one.answer.Row.GetStatus()))
	one.Answer = text(one.answer)
	one.Before, one.After = tell(from.Before), tell(from.After)
	switch {
	case from.Needs <= p.Has:
		from.Row = one.Number
		trial, err := json.Marshal(from)
		if err != nil {
			return nil, fmt.Errorf("writing it for the script: %w", err)
		}
		one.Trial = string(trial)
	case from.Needs == tour.DemoData:
		one.Missing = "the users and entities of a demo: statusway serve --demo"
	default:
		one.Missing = "the reference API: statusway serve"
	}
	return one, nil
}

func tell(requests []tour.Request) []summary {
	var all []summary
	for _, request := range requests {
		all = append(all, summary{
			Line:  pieces(request.Method + " " + request.Path),
			Keeps: slices.Sorted(maps.Keys(request.Keep)),
		})
	}
	return all
}

// head returns a request as it is sent, without the fields that every client adds.
func head(request tour.Request) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s HTTP/1.1\n", request.Method, request.Path)
	for _, one := range request.Fields {
		fmt.Fprintf(&out, "%s: %s\n", one.Name, one.Value)
	}
	if request.Body != "" {
		fmt.Fprintf(&out, "\n%s\n", request.Body)
	}
	return out.String()
}

// Answer returns the response to a step of the tour. An error goes through the code that responds;
// of a success the policy decides the row alone. The request has the id, or none if that is empty.
func Answer(mapper *gateway.Mapper, step tour.Step, recorded tour.Answer, id string) (gateway.Response, error) {
	if recorded.Status == nil {
		response := success(mapper, step.Row)
		response.Header, response.Body = http.Header{}, recorded.Body
		for name, value := range recorded.Header {
			response.Header.Set(name, value)
		}
		return response, nil
	}
	status := &spb.Status{}
	if err := gateway.UnmarshalJSON(recorded.Status, status); err != nil {
		return gateway.Response{}, fmt.Errorf("the status of %s: %w", step.Name, err)
	}
	header := http.Header{"X-Request-Id": {id}}
	if step.Request.Has("If-Match", "If-None-Match") {
		header.Set("If-Match", "*") // Which condition it is makes no difference.
	}
	if step.Request.Has("Authorization") {
		header.Set("Authorization", "Bearer")
	}
	response, err := mapper.Map(status, gateway.MapRequest{Method: step.Request.Method, Path: recorded.Instance, Header: header})
	if err != nil {
		return gateway.Response{}, err
	}
	for name, value := range recorded.Header {
		if response.Header.Get(name) == "" {
			response.Header.Set(name, value)
		}
	}
	return response, nil
}

// text returns a response as text, with its body indented.
func text(answer gateway.Response) string {
	var out bytes.Buffer
	status := int(answer.Row.GetStatus())
	out.WriteString(strings.TrimSpace("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status)))
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		for _, value := range answer.Header[name] {
			fmt.Fprintf(&out, "\n%s: %s", spell(name), value)
		}
	}
	if len(answer.Body) > 0 {
		out.WriteString("\n\n")
		if json.Indent(&out, answer.Body, "", "  ") != nil {
			out.Write(answer.Body)
		}
	}
	return out.String()
}
