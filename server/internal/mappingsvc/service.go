// Package mappingsvc is MappingService: it shows what the gateway would answer, by
// running the code that answers.
package mappingsvc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/rfc9110"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// firstError is the lowest status that is an error.
const firstError = 400

// Service serves the policy in force and the built-in ones.
type Service struct {
	mappingv1.UnimplementedMappingServiceServer

	effective *respond.Responder
	builtin   map[string]*respond.Responder
	build     string
	bodyField BodyField
}

// BodyField names the field of a request that the body of a route fills; "" where the
// path has no route, or one without a body.
type BodyField func(method, path string) string

var _ mappingv1.MappingServiceServer = (*Service)(nil)

// New returns the service for the responder that answers. build changes with the
// program, whose encoding of a policy may change with it.
func New(effective *respond.Responder, build string) (*Service, error) {
	s := &Service{
		effective: effective, builtin: map[string]*respond.Responder{}, build: build,
		bodyField: func(string, string) string { return "" },
	}
	for _, name := range []string{mapping.Documented, mapping.Canonical} {
		table, err := mapping.Builtin(name)
		if err != nil {
			return nil, fmt.Errorf("loading the built-in policies: %w", err)
		}
		s.builtin[name] = effective.With(table)
	}
	return s, nil
}

// Beside makes the service know the routes that it stands beside, so that it points
// at a violation in the very body that a described request would have had.
func (s *Service) Beside(routes BodyField) { s.bodyField = routes }

// ListStatuses implements MappingService.
func (s *Service) ListStatuses(context.Context, *mappingv1.ListStatusesRequest) (*mappingv1.ListStatusesResponse, error) {
	response := &mappingv1.ListStatusesResponse{Etag: s.etag(s.effective)}
	for _, row := range s.effective.Table().Rows() {
		response.Statuses = append(response.Statuses, s.status(row))
	}
	return response, nil
}

// GetStatus implements MappingService.
func (s *Service) GetStatus(_ context.Context, request *mappingv1.GetStatusRequest) (*mappingv1.Status, error) {
	row := s.effective.Table().Row(int(request.GetCode()))
	if row == nil {
		code := strconv.Itoa(int(request.GetCode()))
		return nil, refuse(codes.NotFound, "STATUS_NOT_FOUND", "the catalogue has no status "+code, map[string]string{"code": code})
	}
	return s.status(row), nil
}

// MapStatus implements MappingService.
func (s *Service) MapStatus(_ context.Context, request *mappingv1.MapStatusRequest) (*mappingv1.MapStatusResponse, error) {
	answer, err := s.Answer(request)
	if err != nil {
		return nil, err
	}
	return response(answer)
}

// Answer is what MapStatus tells of, as it would be sent: its body has its members in
// their order.
func (s *Service) Answer(request *mappingv1.MapStatusRequest) (respond.Answer, error) {
	responder, err := s.responder(request.GetPolicy())
	if err != nil {
		return respond.Answer{}, err
	}
	described, err := requestOf(request.GetContext())
	if err != nil {
		return respond.Answer{}, err
	}
	described.BodyField = s.bodyField(described.Method, described.Path)
	if request.GetStatus().GetCode() == int32(codes.OK) {
		return respond.Answer{Decision: responder.Table().Decide(mapping.Input{})}, nil
	}
	answer := responder.Render(&respond.Failure{Status: request.GetStatus()}, described)
	if described.Method == "HEAD" {
		answer.Body = nil
	}
	return answer, nil
}

// GetPolicy implements MappingService.
func (s *Service) GetPolicy(_ context.Context, request *mappingv1.GetPolicyRequest) (*mappingv1.GetPolicyResponse, error) {
	responder, err := s.responder(request.GetName())
	if err != nil {
		return nil, err
	}
	return &mappingv1.GetPolicyResponse{Policy: responder.Table().Policy(), Etag: s.etag(responder)}, nil
}

func (s *Service) responder(name string) (*respond.Responder, error) {
	if name == "" || name == s.effective.Table().Name() {
		return s.effective, nil
	}
	if builtin := s.builtin[name]; builtin != nil {
		return builtin, nil
	}
	return nil, refuse(codes.NotFound, "POLICY_NOT_FOUND", "there is no policy of this name", map[string]string{"name": name})
}

func (s *Service) status(row *statuswayv1.Row) *mappingv1.Status {
	number := int(row.GetStatus())
	message := &mappingv1.Status{Row: row, Rules: s.effective.Table().RulesTo(number), Etag: s.etag(s.effective)}
	if number >= firstError {
		message.Type = s.effective.TypeURI(number)
	}
	return message
}

func (s *Service) etag(of *respond.Responder) string { return of.Table().Version() + "-" + s.build }

// requestOf reads the described request as the gateway reads a real one.
func requestOf(described *mappingv1.RequestContext) (respond.Request, error) {
	fields := map[string][]string{}
	// In order, because two spellings of a name are two lines of one field.
	for _, name := range slices.Sorted(maps.Keys(described.GetHeaders())) {
		lower := strings.ToLower(name)
		fields[lower] = append(fields[lower], described.GetHeaders()[name])
	}
	get := func(name string) []string { return fields[strings.ToLower(name)] }
	accept, err := rfc9110.ParseAccept(get("accept"))
	if err != nil {
		return respond.Request{}, refuse(codes.InvalidArgument, "MALFORMED_ACCEPT", "the accept header cannot be read", nil)
	}
	conditions, err := rfc9110.ParsePreconditions(get)
	if err != nil {
		return respond.Request{}, refuse(codes.InvalidArgument, "MALFORMED_PRECONDITION", "a conditional header cannot be read", nil)
	}
	request := respond.Request{
		Method:      described.GetMethod(),
		Path:        described.GetPath(),
		Accept:      accept,
		Languages:   get("accept-language"),
		Conditional: conditions.Present(),
		Credentials: first(get("authorization")) != "",
	}
	if id := first(get("x-request-id")); exchange.IsRequestID(id) {
		request.RequestID = id
	}
	return request, nil
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

func response(answer respond.Answer) (*mappingv1.MapStatusResponse, error) {
	message := &mappingv1.MapStatusResponse{
		HttpStatus: answer.Decision.Row.GetStatus(),
		Headers:    map[string]string{},
		Rule:       answer.Decision.Rule.GetName(),
		Why:        answer.Decision.Rule.GetWhy(),
		Spec:       answer.Decision.Rule.GetSpec(),
	}
	for name, values := range answer.Header {
		message.Headers[name] = strings.Join(values, ", ")
	}
	if len(answer.Body) == 0 {
		return message, nil
	}
	message.Body = &structpb.Value{}
	if err := protojson.Unmarshal(answer.Body, message.GetBody()); err != nil {
		return nil, fmt.Errorf("reading back the body of an answer: %w", err)
	}
	return message, nil
}

func refuse(code codes.Code, reason, message string, metadata map[string]string) error {
	plain := status.New(code, message)
	full, err := plain.WithDetails(&errdetails.ErrorInfo{Domain: mapping.Domain, Reason: reason, Metadata: metadata})
	if err != nil {
		return plain.Err()
	}
	return full.Err()
}
