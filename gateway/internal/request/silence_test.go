package request_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// counter is a sink that counts messages.
type counter struct{ sent atomic.Int64 }

func (c *counter) Send([]byte) error {
	c.sent.Add(1)
	return nil
}

func (*counter) CloseSend() error { return nil }

// A client stream that is silent for too long ends with a failure that says so, and not as
// if its client had disconnected. The backend has got the messages before it.
func TestSilence(t *testing.T) {
	t.Parallel()
	builder := newBuilder(t, "google.protobuf.Struct")
	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			sink, failed, left := &counter{}, make(chan error, 2), make(chan error, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				upload := builder.StartUpload(request.UploadParams{
					Writer: w, Request: r, Silence: 200 * time.Millisecond, Sink: sink, Fail: func(err error) { failed <- err },
				})
				select {
				case err := <-failed:
					failed <- err
				case <-time.After(30 * time.Second):
				}
				left <- r.Context().Err()
				upload.Stop()
			}))
			server.Config.Protocols = new(http.Protocols)
			server.Config.Protocols.SetHTTP1(version == "HTTP/1.1")
			server.Config.Protocols.SetUnencryptedHTTP2(version == "HTTP/2")
			server.Start()
			t.Cleanup(server.Close)
			transport := &http.Transport{Protocols: server.Config.Protocols}
			t.Cleanup(transport.CloseIdleConnections)
			body, more := io.Pipe()
			t.Cleanup(func() { _ = more.Close() })
			go func() { _, _ = io.WriteString(more, strings.Repeat(`{"a":1}`, 3)) }()
			outgoing, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(outgoing)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			var failure *respond.Failure
			if err := <-failed; !errors.As(err, &failure) || !strings.Contains(failure.Error(), "in time") {
				t.Errorf("the upload ended by %v", err)
			}
			if err := <-left; err != nil {
				t.Errorf("the client seems to have left: %v", err)
			}
			if sink.sent.Load() != 3 {
				t.Errorf("%d messages were passed on", sink.sent.Load())
			}
		})
	}
}
