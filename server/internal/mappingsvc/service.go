// Package mappingsvc is MappingService: it shows the responses of the gateway, by
// running the gateway's own code.
package mappingsvc

import (
	"context"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// firstError is the lowest status that is an error.
const firstError = 400

// Service serves the policy in force and the built-in ones.
type Service struct {
	mappingv1.UnimplementedMappingServiceServer

	effective *gateway.Mapper
	builtin   map[string]*gateway.Mapper
	build     string
}

var _ mappingv1.MappingServiceServer = (*Service)(nil)

// New returns the service of a gateway. build changes with the program, whose encoding of a policy
// may change with it.
func New(effective *gateway.Mapper, build string) (*Service, error) {
	s := &Service{effective: effective, builtin: map[string]*gateway.Mapper{}, build: build}
	for _, name := range []string{policy.Documented, policy.Canonical} {
		table, err := policy.Builtin(name)
		if err != nil {
			return nil, fmt.Errorf("loading the built-in policies: %w", err)
		}
		s.builtin[name] = effective.With(table)
	}
	return s, nil
}

// ListStatuses implements MappingService.
func (s *Service) ListStatuses(context.Context, *mappingv1.ListStatusesRequest) (*mappingv1.ListStatusesResponse, error) {
	response := &mappingv1.ListStatusesResponse{Etag: s.etag(s.effective)}
	for _, row := range s.effective.Policy().Rows() {
		response.Statuses = append(response.Statuses, s.status(row))
	}
	return response, nil
}

// GetStatus implements MappingService.
func (s *Service) GetStatus(_ context.Context, request *mappingv1.GetStatusRequest) (*mappingv1.Status, error) {
	row := s.effective.Policy().Row(int(request.GetCode()))
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

// Answer returns the response that MapStatus describes. The members of its body are in the order
// in which they are sent.
func (s *Service) Answer(request *mappingv1.MapStatusRequest) (gateway.Response, error) {
	mapper, err := s.mapper(request.GetPolicy())
	if err != nil {
		return gateway.Response{}, err
	}
	header := textproto.MIMEHeader{}
	// In order, because two spellings of a name are two lines of one field.
	for _, name := range slices.Sorted(maps.Keys(request.GetContext().GetHeaders())) {
		header.Add(name, request.GetContext().GetHeaders()[name])
	}
	return mapper.Map(request.GetStatus(), gateway.MapRequest{
		Method: request.GetContext().GetMethod(), Path: request.GetContext().GetPath(), Header: map[string][]string(header),
	})
}

// GetPolicy implements MappingService.
func (s *Service) GetPolicy(_ context.Context, request *mappingv1.GetPolicyRequest) (*mappingv1.GetPolicyResponse, error) {
	mapper, err := s.mapper(request.GetName())
	if err != nil {
		return nil, err
	}
	return &mappingv1.GetPolicyResponse{Policy: mapper.Policy().Policy(), Etag: s.etag(mapper)}, nil
}

func (s *Service) mapper(name string) (*gateway.Mapper, error) {
	if name == "" || name == s.effective.Policy().Name() {
		return s.effective, nil
	}
	if builtin := s.builtin[name]; builtin != nil {
		return builtin, nil
	}
	return nil, refuse(codes.NotFound, "POLICY_NOT_FOUND", "there is no policy of this name", map[string]string{"name": name})
}

func (s *Service) status(row *statuswayv1.Row) *mappingv1.Status {
	number := int(row.GetStatus())
	message := &mappingv1.Status{Row: row, Rules: s.effective.Policy().RulesTo(number), Etag: s.etag(s.effective)}
	if number >= firstError {
		message.Type = s.effective.TypeURI(number)
	}
	return message
}

func (s *Service) etag(of *gateway.Mapper) string { return of.Policy().Version() + "-" + s.build }

func response(answer gateway.Response) (*mappingv1.MapStatusResponse, error) {
	message := &mappingv1.MapStatusResponse{
		HttpStatus: answer.Row.GetStatus(),
		Headers:    map[string]string{},
		Rule:       answer.Rule.GetName(),
		Why:        answer.Rule.GetWhy(),
		Spec:       answer.Rule.GetSpec(),
	}
	for name, values := range answer.Header {
		message.Headers[name] = strings.Join(values, ", ")
	}
	if len(answer.Body) == 0 {
		return message, nil
	}
	message.Body = &structpb.Value{}
	if err := protojson.Unmarshal(answer.Body, message.GetBody()); err != nil {
		return nil, fmt.Errorf("reading back the body of a response: %w", err)
	}
	return message, nil
}

func refuse(code codes.Code, reason, message string, metadata map[string]string) error {
	plain := status.New(code, message)
	full, err := plain.WithDetails(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: reason, Metadata: metadata})
	if err != nil {
		return plain.Err()
	}
	return full.Err()
}
