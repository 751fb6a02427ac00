package conformancesvc_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	"github.com/statusway/statusway/server/internal/conformancesvc"
)

func streams() conformancev1.StreamServiceClient {
	conn := inprocess.New(inprocess.Params{})
	conformancev1.RegisterStreamServiceServer(conn, conformancesvc.NewStreams())
	return conformancev1.NewStreamServiceClient(conn)
}

// wantCalls waits until the counts of a key are right.
func wantCalls(t *testing.T, c conformancev1.StreamServiceClient, key string, started, running, cancelled int32) {
	t.Helper()
	var got *conformancev1.Calls
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var err error
		if got, err = c.GetCalls(t.Context(), &conformancev1.GetCallsRequest{Key: key}); err != nil {
			t.Fatal(err)
		}
		if got.GetStarted() == started && got.GetRunning() == running && got.GetCancelled() == cancelled {
			return
		}
	}
	t.Errorf("the counts of %q are %v, want %d, %d, %d", key, got, started, running, cancelled)
}

// Calls are counted by their key, and those that were cancelled apart.
func TestCalls(t *testing.T) {
	t.Parallel()
	c := streams()
	if _, err := c.Wait(t.Context(), &conformancev1.WaitRequest{Key: "wait", Milliseconds: 1}); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, c, "wait", 1, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	hold, err := c.Hold(ctx, &conformancev1.HoldRequest{Key: "hold", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := hold.Recv(); err != nil || first.GetNumber() != 1 {
		t.Fatal(first, err)
	}
	chat, err := c.Chat(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := chat.Send(&conformancev1.Note{Key: "chat"}); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, c, "hold", 1, 1, 0)
	wantCalls(t, c, "chat", 1, 1, 0)
	cancel()
	wantCalls(t, c, "hold", 1, 0, 1)
	wantCalls(t, c, "chat", 1, 0, 1)
	wantCalls(t, c, "", 0, 0, 0)
}

// A chat returns each note at once, says that the client has half-closed, and ends as a
// note asks for.
func TestChat(t *testing.T) {
	t.Parallel()
	chat, err := streams().Chat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for count := int32(1); count <= 2; count++ {
		if err := chat.Send(&conformancev1.Note{Number: count}); err != nil {
			t.Fatal(err)
		}
		if got, err := chat.Recv(); err != nil || got.GetCount() != count || got.GetNote().GetNumber() != count || got.GetHalfClosed() {
			t.Fatal(got, err)
		}
	}
	if err := chat.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if got, err := chat.Recv(); err != nil || got.GetCount() != 2 || !got.GetHalfClosed() || got.GetNote() != nil {
		t.Fatal(got, err)
	}
	if _, err := chat.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	ended, err := streams().Chat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := ended.Send(&conformancev1.Note{Outcome: &conformancev1.Outcome{Status: &spb.Status{Code: 5}}}); err != nil {
		t.Fatal(err)
	}
	if got, err := ended.Recv(); err != nil || got.GetCount() != 1 {
		t.Fatal(got, err)
	}
	if _, err := ended.Recv(); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
}

// An upload is counted whole; its types are told once each.
func TestUpload(t *testing.T) {
	t.Parallel()
	upload, err := streams().Upload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []*httpbody.HttpBody{{ContentType: "a/b", Data: []byte("hel")}, {}, {ContentType: "a/b", Data: []byte("lo")}, {ContentType: "c/d"}} {
		if err := upload.Send(message); err != nil {
			t.Fatal(err)
		}
	}
	got, err := upload.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if got.GetMessages() != 2 || got.GetSize() != 5 || got.GetSha256() != sum || len(got.GetContentTypes()) != 2 {
		t.Error(got)
	}
}
