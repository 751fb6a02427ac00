package catalogue

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// row is a row of the table as a page shows it.
type row struct {
	badge

	Title, Description string
	Path               string
	Source             source
	// Type is the problem type; empty if the row is not an error.
	Type         string
	CacheControl string
	Rules        []rule
	Fields       []field
	Steps        []*step
}

// First returns the example for the page of all rows: the first that can be tried here,
// else the first.
func (r *row) First() *step {
	if len(r.Steps) == 0 {
		return nil
	}
	if i := slices.IndexFunc(r.Steps, func(one *step) bool { return one.Trial != "" }); i >= 0 {
		return r.Steps[i]
	}
	return r.Steps[0]
}

// Declared describes how a method declares this success; it is empty for other rows.
func (r *row) Declared() string {
	for _, one := range r.Rules {
		if one.Code == "" && one.Reason == "" && one.Detail == "" {
			return one.Why
		}
	}
	return ""
}

// ByCode are the rules whose key is a code alone.
func (r *row) ByCode() []rule {
	return r.by(func(one rule) bool { return one.Code != "" && one.Detail == "" })
}

// ByDetail are those whose key is the type of a detail.
func (r *row) ByDetail() []rule { return r.by(func(one rule) bool { return one.Detail != "" }) }

// ByReason are those whose key is a reason.
func (r *row) ByReason() []rule { return r.by(func(one rule) bool { return one.Reason != "" }) }

func (r *row) by(holds func(rule) bool) []rule {
	return slices.DeleteFunc(slices.Clone(r.Rules), func(one rule) bool { return !holds(one) })
}

// badge is a status and what kind of one it is.
type badge struct {
	Number int
	Kind   string
}

func badgeOf(status int) badge {
	kinds := map[int]string{2: "success", 3: "redirection", 4: "client error", 5: "server error"}
	return badge{Number: status, Kind: kinds[status/100]}
}

// Class is the badge's name in the style.
func (b badge) Class() string { return "of-" + strconv.Itoa(b.Number/100) }

// field is a header field of a row's responses.
type field struct{ Name, Note string }

// source is where something is defined, with a link where that is known.
type source struct{ Name, URL string }

func sourceOf(name string) source {
	if found := regexp.MustCompile(`^RFC (\d+)(?: §([\d.]+))?$`).FindStringSubmatch(name); found != nil {
		link := "https://www.rfc-editor.org/rfc/rfc" + found[1]
		if found[2] != "" {
			link += "#section-" + found[2]
		}
		return source{name, link}
	}
	if found := regexp.MustCompile(`^AIP-(\d+)$`).FindStringSubmatch(name); found != nil {
		return source{name, "https://google.aip.dev/" + found[1]}
	}
	return source{Name: name, URL: ""}
}

// rule is what leads to a row.
type rule struct {
	Name string
	// Code, Reason with Domain, and Detail are its key; of a success that a method
	// declares there is none.
	Code, Domain, Reason, Detail string
	Conditional                  bool
	Why                          string
	Spec                         source
	RetryAfter                   string
	// Playground maps a status that the rule decides; empty where no status can.
	Playground string
}

func ruleOf(from *statuswayv1.Rule) rule {
	one := rule{
		Name: from.GetName(), Code: from.GetCode(), Domain: from.GetDomain(), Reason: from.GetReason(), Detail: from.GetDetail(),
		Conditional: from.GetConditional(), Why: from.GetWhy(), Spec: sourceOf(from.GetSpec()),
	}
	if from.GetRetryAfter() != nil {
		one.RetryAfter = from.GetRetryAfter().AsDuration().Round(time.Millisecond).String()
	}
	if one.Code != "" || one.Reason != "" || one.Detail != "" {
		one.Playground = playgroundOf(from)
	}
	return one
}

// playgroundOf is the playground with a status that the rule decides.
func playgroundOf(from *statuswayv1.Rule) string {
	f := form{Code: strconv.Itoa(int(codeOf(from))), Domain: from.GetDomain(), Reason: from.GetReason(), Condition: from.GetConditional()}
	if from.GetDetail() != "" {
		f.Status = `{"code": ` + f.Code + `, "details": [{"@type": "` + typePrefix + from.GetDetail() + `"` + valueOf(from.GetDetail()) + `}]}`
	}
	return linkTo(f)
}

// valueOf is the member that a detail has whose type is not known here: its bytes.
func valueOf(detail string) string {
	if _, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(detail)); err != nil {
		return `, "value": ""`
	}
	return ""
}

// codeOf is the number of a code that the rule is for.
func codeOf(from *statuswayv1.Rule) codes.Code {
	var code codes.Code
	switch {
	case from.GetReason() != "" && from.GetDomain() == policy.Domain:
		return policy.CodeOf(from.GetReason())
	case from.GetCode() == "OTHER":
		return codes.Unauthenticated + 1
	case from.GetCode() == "" || code.UnmarshalJSON([]byte(strconv.Quote(from.GetCode()))) != nil:
		return codes.Unknown
	default:
		return code
	}
}

// newRows are the rows of the policy in force, by their status.
func newRows(p Params) ([]*row, error) {
	table := p.Mapper.Policy()
	steps, err := newSteps(p)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, from := range table.Rows() {
		number := int(from.GetStatus())
		one := &row{
			badge: badgeOf(number), Title: from.GetTitle(), Description: from.GetDescription(), Path: rowPath(number),
			Source: sourceOf(from.GetSource()), Steps: steps[number],
		}
		if number >= http.StatusBadRequest {
			one.Type = p.Mapper.TypeURI(number)
			one.CacheControl = cmp.Or(from.GetCacheControl(), "no-store")
		}
		for _, rule := range rulesTo(p.Mapper, number) {
			one.Rules = append(one.Rules, ruleOf(rule))
		}
		one.Fields = fieldsOf(one.Steps)
		rows = append(rows, one)
	}
	return rows, nil
}

// rulesTo returns the rules that lead to a status. The rule of a declared success is in no
// policy.
func rulesTo(mapper *gateway.Mapper, status int) []*statuswayv1.Rule {
	rules := slices.Clone(mapper.Policy().RulesTo(status))
	decided := success(mapper, status)
	if int(decided.Row.GetStatus()) == status && !slices.Contains(rules, decided.Rule) {
		rules = append(rules, decided.Rule)
	}
	return rules
}

// success returns the response of a success with this status.
func success(mapper *gateway.Mapper, status int) gateway.Response {
	return mapper.Success(status, status == http.StatusNotModified)
}

// fieldsOf are the header fields that set a row apart, as its examples have them.
func fieldsOf(steps []*step) []field {
	notes := map[string]string{}
	for _, one := range steps {
		for name := range one.answer.Header {
			spelt := spell(name)
			if note := openapi.DescribeField(spelt); note != "" {
				notes[spelt] = note
			}
		}
	}
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		fields = append(fields, field{name, notes[name]})
	}
	return fields
}

// spell writes the name of a header field as its RFC does.
func spell(name string) string {
	switch name {
	case "Etag":
		return "ETag"
	case "Www-Authenticate":
		return "WWW-Authenticate"
	default:
		return strings.Replace(name, "Ratelimit", "RateLimit", 1)
	}
}
