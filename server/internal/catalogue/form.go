package catalogue

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
)

const (
	typePrefix = "type.googleapis.com/"
	// fromFields means that the form's fields are mapped, not its JSON.
	fromFields   = "fields"
	longestRetry = 366 * 24 * time.Hour
)

// form contains the values of the playground's form.
type form struct {
	// From is fromFields where the status is to be made of the fields below.
	From string
	// Code is the number of a gRPC code.
	Code, Message, Domain, Reason, Field, Violation, Quota, Retry string
	// Status is a google.rpc.Status as JSON.
	Status string

	Method, Path, Accept string
	Condition            bool
}

// readForm reads a query. An empty one is filled in with an example.
func readForm(query url.Values) form {
	f := form{
		From: query.Get("from"), Code: query.Get("code"), Message: query.Get("message"), Domain: query.Get("domain"), Reason: query.Get("reason"),
		Field: query.Get("field"), Violation: query.Get("violation"), Quota: query.Get("quota"), Retry: query.Get("retry"),
		Status: query.Get("status"), Method: query.Get("method"), Path: query.Get("path"), Accept: query.Get("accept"), Condition: query.Get("condition") != "",
	}
	// What cannot be chosen is as good as nothing chosen.
	if !slices.Contains(methods(), f.Method) {
		f.Method = methods()[0]
	}
	if !slices.ContainsFunc(accepts(), func(one choice) bool { return one.Value == f.Accept }) {
		f.Accept = ""
	}
	if f.From != fromFields && f.Status == "" {
		f.From, f.Code, f.Message = fromFields, "5", "There is no entity “unicorn”."
		f.Domain, f.Reason, f.Method, f.Path = "entity.v1", "ENTITY_NOT_FOUND", methods()[0], "/v1/entities/unicorn"
	}
	return f
}

// linkTo is the playground with a form filled in; its status is made of the fields unless
// it is given as JSON.
func linkTo(f form) string {
	query := url.Values{}
	if f.Status == "" {
		query.Set("from", fromFields)
	}
	for name, value := range map[string]string{
		"code": f.Code, "message": f.Message, "domain": f.Domain, "reason": f.Reason, "field": f.Field, "violation": f.Violation,
		"quota": f.Quota, "retry": f.Retry, "status": f.Status, "method": f.Method, "path": f.Path, "accept": f.Accept,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Condition {
		query.Set("condition", "on")
	}
	return playgroundPath + "?" + query.Encode() + "#answers"
}

// request returns the request to MapStatus. If it comes from the fields, request also sets
// the form's JSON.
func (f *form) request() (*mappingv1.MapStatusRequest, error) {
	request := &mappingv1.MapStatusRequest{Status: &spb.Status{}, Context: f.contextOf()}
	if f.From == fromFields {
		status, err := f.build()
		if err != nil {
			return nil, err
		}
		text, err := gateway.MarshalJSON(status)
		if err != nil {
			return nil, fmt.Errorf("the status cannot be written as JSON: %w", err)
		}
		request.Status, f.Status = status, indented(text)
		return request, nil
	}
	if err := gateway.UnmarshalJSON([]byte(f.Status), request.GetStatus()); err != nil {
		return nil, fmt.Errorf("this is not a google.rpc.Status as JSON: %w", err)
	}
	f.Status = indented([]byte(f.Status))
	f.show(request.GetStatus())
	return request, nil
}

// show puts into the fields what they have a place for.
func (f *form) show(status *spb.Status) {
	f.Code, f.Message = strconv.Itoa(int(status.GetCode())), status.GetMessage()
	f.Domain, f.Reason, f.Field, f.Violation, f.Quota, f.Retry = "", "", "", "", "", ""
	for _, detail := range status.GetDetails() {
		one, err := detail.UnmarshalNew()
		if err != nil {
			continue // A type that is not known here.
		}
		switch one := one.(type) {
		case *errdetails.ErrorInfo:
			f.Domain, f.Reason = one.GetDomain(), one.GetReason()
		case *errdetails.BadRequest:
			for _, violation := range one.GetFieldViolations() {
				f.Field, f.Violation = violation.GetField(), violation.GetDescription()
			}
		case *errdetails.QuotaFailure:
			for _, violation := range one.GetViolations() {
				f.Quota = violation.GetQuotaId()
			}
		case *errdetails.RetryInfo:
			f.Retry = strconv.FormatFloat(one.GetRetryDelay().AsDuration().Seconds(), 'f', -1, 64)
		}
	}
}

// build makes a status of the fields.
func (f *form) build() (*spb.Status, error) {
	number, err := strconv.ParseInt(f.Code, 10, 32)
	if err != nil {
		return nil, errors.New("the code is not a number of 32 bits")
	}
	status := &spb.Status{Code: int32(number), Message: f.Message}
	var details []proto.Message
	if f.Reason != "" || f.Domain != "" {
		details = append(details, &errdetails.ErrorInfo{Domain: f.Domain, Reason: f.Reason})
	}
	if f.Field != "" || f.Violation != "" {
		details = append(details, &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: f.Field, Description: f.Violation}},
		})
	}
	if f.Quota != "" {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: f.Quota, QuotaId: f.Quota}}})
	}
	if f.Retry != "" {
		wait, err := time.ParseDuration(f.Retry + "s")
		if err != nil || wait < 0 || wait > longestRetry {
			return nil, errors.New("the time to wait is not a number of seconds within a year")
		}
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	for _, detail := range details {
		packed, err := anypb.New(detail)
		if err != nil {
			return nil, fmt.Errorf("the status cannot be made: %w", err)
		}
		status.Details = append(status.Details, packed)
	}
	return status, nil
}
