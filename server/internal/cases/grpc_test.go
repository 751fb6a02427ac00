package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// call does a case's gRPC side.
func call(ctx context.Context, s *apptest.Server, v conformance.Variables, as string, c *conformance.Call) error {
	ctx, cancel := context.WithTimeout(ctx, conformance.ExchangeTimeout)
	defer cancel()
	method, err := apptest.FindMethod(c.Method)
	if err != nil {
		return err
	}
	request, err := apptest.NewMessage(method.Input())
	if err != nil {
		return err
	}
	if c.Request != nil {
		text, err := conformance.JSONOf(c.Request.Value, v)
		if err != nil {
			return err
		}
		if err := protojson.Unmarshal(text, request); err != nil {
			return fmt.Errorf("the request: %w", err)
		}
	}
	md := metadata.MD{}
	if token := v[as+"Token"]; as != "" && token != "" {
		md.Append("authorization", "Bearer "+token)
	}
	for _, pair := range c.Metadata {
		value, err := v.Expand(pair[1])
		if err != nil {
			return err
		}
		md.Append(pair[0], value)
	}
	got, err := s.Invoke(metadata.NewOutgoingContext(ctx, md), method, request)
	if err != nil {
		return err
	}
	return errors.Join(checkReply(s, got), checkCall(got, c, v))
}

// checkReply is the invariants of gRPC: what the metadata of a response may be, and
// that every failure says its reason.
func checkReply(s *apptest.Server, got *apptest.Reply) error {
	var errs []error
	known := map[string]bool{
		"content-type": true, "grpc-status-details-bin": true, "statusway-status": true,
		"ratelimit": true, "ratelimit-policy": true, "x-rate-limit-limit": true, "x-rate-limit-remaining": true, "x-rate-limit-reset": true,
	}
	for key, values := range metadata.Join(got.Header, got.Trailer) {
		if !known[key] {
			errs = append(errs, fmt.Errorf("invariant: no answer has the metadata %s: %q", key, values))
		}
	}
	// A server in maintenance refuses a call before the limits count it.
	limited := len(metadata.Join(got.Header, got.Trailer).Get("x-rate-limit-limit")) > 0
	if limited != (s.Params.Config.RateLimit != "off") && got.Status.Code() != codes.Unavailable {
		errs = append(errs, fmt.Errorf("invariant: x-rate-limit-limit is there: %t", limited))
	}
	if got.Status.Code() == codes.OK {
		return errors.Join(errs...)
	}
	info := apptest.ErrorInfo(got.Status)
	if info.GetReason() == "" || info.GetDomain() == "" {
		errs = append(errs, fmt.Errorf("invariant: an error without ErrorInfo: %v", got.Status))
	}
	return errors.Join(errs...)
}

func checkCall(got *apptest.Reply, want *conformance.Call, v conformance.Variables) error {
	var errs []error
	name := want.Code
	if name == "" {
		name = "OK"
	}
	number, known := code.Code_value[name]
	if !known || number != int32(got.Status.Code()) {
		return fmt.Errorf("the code is %s (%s), want %s", code.Code(got.Status.Code()), got.Status.Message(), name)
	}
	info := apptest.ErrorInfo(got.Status)
	if want.Code != "" && (info.GetReason() != want.Reason || info.GetDomain() != want.Domain) {
		errs = append(errs, fmt.Errorf("ErrorInfo is %s %s, want %s %s", info.GetDomain(), info.GetReason(), want.Domain, want.Reason))
	}
	if want.Details != nil {
		types := []string{}
		for _, detail := range got.Status.Proto().GetDetails() {
			types = append(types, string(detail.MessageName()))
		}
		if diff := cmp.Diff(want.Details, types); diff != "" {
			errs = append(errs, fmt.Errorf("the details (-want +got):\n%s", diff))
		}
	}
	for key, value := range want.Headers {
		value, err := v.Expand(value)
		if found := strings.Join(got.Header.Get(key), ", "); err != nil || found != value {
			errs = append(errs, fmt.Errorf("the metadata %s is %q, want %q: %w", key, found, value, err))
		}
	}
	return errors.Join(append(errs, checkMessages(got, want, v))...)
}

func checkMessages(got *apptest.Reply, want *conformance.Call, v conformance.Variables) error {
	if want.Response == nil && want.Capture == nil {
		return nil
	}
	var all []any
	for _, message := range got.Messages {
		text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
		if err != nil {
			return fmt.Errorf("the response: %w", err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return fmt.Errorf("the response: %w", err)
		}
		all = append(all, value)
	}
	var value any = all
	if method, err := apptest.FindMethod(want.Method); err == nil && !method.IsStreamingServer() && len(all) == 1 {
		value = all[0]
	}
	if want.Response != nil {
		if err := conformance.CheckJSON(value, want.Response, v); err != nil {
			return err
		}
	}
	for name, pointer := range want.Capture {
		found, ok := conformance.Lookup(value, pointer)
		if !ok {
			return fmt.Errorf("capturing %s: nothing is at %s", name, pointer)
		}
		v[name] = fmt.Sprint(found)
	}
	return nil
}
