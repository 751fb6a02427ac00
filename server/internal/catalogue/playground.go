package catalogue

import (
	"net/http"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
)

// playgroundPage is a form and what came of it.
type playgroundPage struct {
	form

	// Wrong is the error in the form. Answers is empty then.
	Wrong   string
	Answers []answered

	Codes, Accepts []choice
	Methods        []string
	Examples       []example
}

// choice is an entry of a list.
type choice struct{ Value, Name string }

// answered is the response to a status under one policy.
type answered struct {
	badge

	Policy  string
	InForce bool
	Title   string
	// Path is the page of the row; empty if the policy in force does not have it.
	Path   string
	Rule   rule
	Answer string
}

// example is a status to begin with.
type example struct{ Title, URL string }

// playground maps the status that a form describes. The form is sent by GET, so that its
// URL can be passed on and that it works without a script.
func (c *Catalogue) playground(rows []*row) http.Handler {
	paths := map[int]string{}
	for _, one := range rows {
		paths[one.Number] = one.Path
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := playgroundPage{form: readForm(r.URL.Query()), Accepts: accepts(), Methods: methods(), Examples: examples()}
		title := "Playground"
		var err error
		if page.Answers, err = c.answers(&page.form, paths); err != nil {
			page.Wrong = status.Convert(err).Message()
		} else {
			title = strconv.Itoa(page.Answers[0].Number) + " " + page.Answers[0].Title + " – " + title
		}
		page.Codes = codeChoices(page.Code)
		html, err := c.render(c.views.playground, playgroundPath, title, page)
		if err != nil {
			gateway.Error(w, r, err)
			return
		}
		allow(w)
		gateway.Content(w, r, htmlType, html)
	})
}

// answers returns the responses under the server's policy and under each other built-in one.
func (c *Catalogue) answers(from *form, paths map[int]string) ([]answered, error) {
	request, err := from.request()
	if err != nil {
		return nil, err
	}
	inForce := c.Mapper.Policy().Name()
	var all []answered
	for _, policy := range []string{inForce, policy.Documented, policy.Canonical} {
		if len(all) > 0 && policy == inForce {
			continue
		}
		request.Policy = policy
		answer, err := c.Mapping.Answer(request)
		if err != nil {
			return nil, err
		}
		all = append(all, c.answered(policy, answer, paths))
	}
	return all, nil
}

func (c *Catalogue) answered(policy string, answer gateway.Response, paths map[int]string) answered {
	number := int(answer.Row.GetStatus())
	return answered{
		badge: badgeOf(number), Policy: policy, InForce: policy == c.Mapper.Policy().Name(),
		Title: answer.Row.GetTitle(), Path: paths[number], Rule: ruleOf(answer.Rule), Answer: text(answer),
	}
}

// codeChoices are the codes, and the one that is chosen.
func codeChoices(chosen string) []choice {
	var all []choice
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		all = append(all, choice{strconv.Itoa(int(code)), policy.CodeName(int32(code))})
	}
	all = append(all, choice{"17", "no code has this number"})
	if chosen != "" && !slices.ContainsFunc(all, func(one choice) bool { return one.Value == chosen }) {
		all = append(all, choice{chosen, "no code has this number"})
	}
	return all
}

func accepts() []choice {
	return []choice{
		{"", "anything"},
		{"application/problem+json", "application/problem+json"},
		{"application/vnd.google.rpc.status+json", "google.rpc.Status"},
		{"application/vnd.google.rpc.error+json", "AIP-193’s error"},
	}
}

func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// examples are statuses that differ in what decides them.
func examples() []example {
	return []example{
		{"A code alone", linkTo(form{Code: "9", Message: "The teapot is not empty."})},
		{"A reason", linkTo(form{
			Code: "10", Message: "The cup has changed.", Domain: policy.Domain, Reason: policy.ReasonPreconditionFailed,
			Method: http.MethodDelete, Path: "/v1/entities/cup", Condition: true,
		})},
		{"A detail", linkTo(form{Code: "8", Message: "Too much tea.", Quota: "cups", Retry: "12.5"})},
		{"A field that is wrong", linkTo(form{
			Code: "3", Message: "Not valid: display_name.", Field: "entity.display_name", Violation: "A display name is needed.",
			Method: http.MethodPost, Path: "/v1/entities",
		})},
		{"What stays inside", linkTo(form{Code: "13", Message: "disk /dev/sda1 is full"})},
		{"A number beyond", linkTo(form{Code: "17", Message: "From another error space."})},
	}
}

// contextOf returns the request to which the response belongs.
func (f *form) contextOf() *mappingv1.RequestContext {
	headers := map[string]string{}
	if f.Accept != "" {
		headers["Accept"] = f.Accept
	}
	if f.Condition {
		headers["If-Match"] = `"an-older-version"`
	}
	return &mappingv1.RequestContext{Method: f.Method, Path: f.Path, Headers: headers}
}
