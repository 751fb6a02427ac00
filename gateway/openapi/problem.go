package openapi

import (
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// The names of the schemas of the three error formats and of a code. They contain no dot, so they cannot
// clash with the full name of a message.
const (
	problemSchema = "Problem"
	statusSchema  = "RPCStatus"
	errorSchema   = "RPCError"
	codeName      = "RPCCode"
)

// errorSchemas adds the schemas of the three error formats.
func (b *builder) errorSchemas() {
	details := &schema{Type: typeArray, Description: "The details of the google.rpc.Status.", Items: b.schemas.any()}
	b.schemas.known.set(problemSchema, b.problem(details))
	b.schemas.known.set(statusSchema, object("A google.rpc.Status.",
		always("code", &schema{Type: typeInteger, Format: "int32", Description: "The number of the gRPC code."}),
		always("message", &schema{Type: typeString}),
		always("details", details),
	))
	b.schemas.known.set(errorSchema, object("The error of AIP-193.",
		always("error", object("",
			always("code", &schema{Type: typeInteger, Description: "The HTTP status."}),
			always("message", &schema{Type: typeString}),
			always("status", b.codeSchema()),
			maybe("details", details),
		)),
	))
}

func (b *builder) problem(details *schema) *schema {
	text := &schema{Type: typeString}
	about := func(description string) *schema { return &schema{Type: typeString, Description: description} }
	of := object("A problem of RFC 9457. A backend may add members.",
		always("type", &schema{Type: typeString, Format: "uri-reference", Description: "The page about this kind of problem."}),
		always("title", about("What went wrong, always in the same words.")),
		always("status", &schema{Type: typeInteger, Description: "The HTTP status."}),
		maybe("detail", about("What went wrong this time.")),
		maybe("instance", &schema{Type: typeString, Format: "uri-reference", Description: "The path of the request."}),
		always("code", b.codeSchema()),
		maybe("reason", about("For clients to branch on: UPPER_SNAKE, unique in its domain. A server-side failure has one only if it is meant for clients.")),
		maybe("domain", about("The service that defines the reason.")),
		maybe("metadata", &schema{Type: typeObject, AdditionalProperties: text, Description: "Facts that belong to the reason."}),
		maybe("errors", &schema{Type: typeArray, Description: "The errors in the request.", Items: object("",
			always("pointer", about("A JSON pointer (RFC 6901) into the request's body, or to a parameter's name.")),
			maybe("detail", text),
			maybe("reason", text),
		)}),
		maybe("retryAfter", &schema{Type: typeInteger, Minimum: "1", Description: "Retry-After: in how many seconds to retry."}),
		maybe("violated-policies", &schema{Type: typeArray, Items: text, Description: "The limits that are used up, by their names in RateLimit-Policy."}),
		maybe("requestId", about("X-Request-Id.")),
		maybe("traceId", about("The trace id in the request's Traceparent.")),
		maybe("details", details),
		maybe("omitted", b.omitted()),
	)
	of.AdditionalProperties = &schema{}
	return of
}

// omitted returns the schema of the counts of omitted parts; gateway/internal/respond/bounds.go defines the
// limits.
func (b *builder) omitted() *schema {
	count := func(description string) *schema {
		return &schema{Type: typeInteger, Minimum: "1", Description: description}
	}
	return object("How much is missing, because the error exceeds the bounds of a response. A missing member means 0.",
		maybe("details", count("Details.")),
		maybe("errors", count("Elements of errors.")),
		maybe("violated-policies", count("Elements of violated-policies.")),
		maybe("metadata", count("Members of metadata.")),
		maybe("extensions", count("Members that the backend added to the problem.")),
		maybe("links", count("Links of the Link field.")),
		maybe("localizedMessages", count("Translations of the message.")),
		maybe("texts", count("Texts that were shortened, or omitted because programs read them.")),
	)
}

// codeSchema returns the schema for the names of all codes except OK.
func (b *builder) codeSchema() *schema {
	of := &schema{Type: typeString, Description: "The gRPC code."}
	for code := int32(codes.Canceled); code < int32(codeOther); code++ {
		of.Enum = append(of.Enum, policy.CodeName(code))
	}
	b.schemas.known.set(codeName, of)
	return schemaRef(codeName)
}

// property is a member of an object.
type property struct {
	name   string
	of     *schema
	needed bool
}

func always(name string, of *schema) property { return property{name: name, of: of, needed: true} }

func maybe(name string, of *schema) property { return property{name: name, of: of} }

func object(description string, properties ...property) *schema {
	of := &schema{Type: typeObject, Description: description, Properties: &ordered[*schema]{}}
	for _, one := range properties {
		of.Properties.set(one.name, one.of)
		if one.needed {
			of.Required = append(of.Required, one.name)
		}
	}
	return of
}

// failureSchema returns the schema of an error in a stream, which can have any format, because the media
// type of the stream does not determine it.
func (b *builder) failureSchema() *schema {
	return &schema{AnyOf: []*schema{schemaRef(problemSchema), schemaRef(statusSchema), schemaRef(errorSchema)}}
}

// failureContent returns the content of an error in all three formats, because Accept can choose one. The
// policy's default comes first.
func (b *builder) failureContent(status int) *ordered[*mediaType] {
	content := &ordered[*mediaType]{}
	switch b.Table.Policy().GetErrorFormat() {
	case statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS:
		content.set(contract.JSONType, &mediaType{Schema: schemaRef(statusSchema)})
	case statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR:
		content.set(contract.JSONType, &mediaType{Schema: schemaRef(errorSchema)})
	default: // The problem is added below in any case.
	}
	pinned := object("", maybe("status", &schema{Const: status}))
	pinned.Type = ""
	content.set(contract.ProblemType, &mediaType{
		Schema:   &schema{AllOf: []*schema{schemaRef(problemSchema), pinned}},
		Examples: b.examples(status),
	})
	content.set(contract.StatusType, &mediaType{Schema: schemaRef(statusSchema)})
	content.set(contract.ErrorType, &mediaType{Schema: schemaRef(errorSchema)})
	return content
}

// exampleProblem is an example of a problem, with the members in the order of a real one.
type exampleProblem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	Reason     string `json:"reason,omitempty"`
	Domain     string `json:"domain,omitempty"`
	RetryAfter int64  `json:"retryAfter,omitempty"`
	RequestID  string `json:"requestId"`
}

// examples returns an example for each rule that leads to a status.
func (b *builder) examples(status int) *ordered[*example] {
	all := &ordered[*example]{}
	for _, rule := range b.Table.RulesTo(status) {
		if rule.GetDetail() != "" {
			continue // The example would be the same as that of its code.
		}
		row := b.Table.Row(status)
		problem := exampleProblem{
			Type: b.addresses.ProblemType(status, b.addresses.Path), Title: row.GetTitle(), Status: status,
			Detail: row.GetDescription(), Code: ruleCode(rule), Reason: rule.GetReason(), Domain: rule.GetDomain(), RequestID: "9f86d081884c7d65",
		}
		if wait := rule.GetRetryAfter(); wait != nil {
			problem.RetryAfter = max(1, (wait.GetSeconds()*1e9+int64(wait.GetNanos())+1e9-1)/1e9)
		}
		b.root.Components.Examples.set(rule.GetName(), &example{Summary: rule.GetWhy(), Value: problem})
		all.set(rule.GetName(), &example{Ref: "#/components/examples/" + rule.GetName()})
	}
	return all
}

// ruleCode returns the gRPC code of an error for which a rule decides.
func ruleCode(rule *statuswayv1.Rule) string {
	code := codeNamed(rule.GetCode())
	switch {
	case rule.GetReason() == "":
	case rule.GetDomain() == policy.Domain:
		code = policy.CodeOf(rule.GetReason())
	default:
		code = codes.Unknown
	}
	return policy.CodeName(int32(code))
}
