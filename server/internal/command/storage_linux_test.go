package command_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// limitFiles makes every write of the process to a file fail, or no longer. Unlike the mode of a file,
// this holds for root too.
func (p *process) limitFiles(t *testing.T, bytes uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Prlimit(p.command.Process.Pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = bytes
	if err := unix.Prlimit(p.command.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
}

// While the storage takes no writes, each of them gets a 503 that says so, reads go on, /readyz and a
// metric tell it, and all of that ends by itself.
func TestStorageTakesNoWrites(t *testing.T) {
	t.Parallel()
	p := serve(t, "--data-dir="+t.TempDir())
	password := p.await(t, `(?m)password (\S+)\n.*once`)[1]
	session := p.must(t, http.MethodPost, "/v1/sessions", "", []byte(`{"username": "admin", "password": "`+password+`"}`))
	token, _ := session.body["accessToken"].(string)
	const body = `{"id": "cup", "displayName": "A cup"}`
	p.limitFiles(t, 1)
	for _, one := range []struct{ method, path, token, body string }{
		{http.MethodPost, "/v1/entities", token, body},
		{http.MethodPut, "/v1/entities/cup", token, body},
		{http.MethodPost, "/v1/entities:import", token, `{"entities": [` + body + `]}`},
		{http.MethodPost, "/v1/sessions", "", `{"username": "admin", "password": "` + password + `"}`},
		{http.MethodPut, "/v1/maintenance", token, `{"enabled": true}`},
	} {
		a := p.must(t, one.method, one.path, one.token, []byte(one.body))
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "30" || a.body["reason"] != "SERVICE_READ_ONLY" ||
			a.body["code"] != "UNAVAILABLE" || a.body["detail"] != "The storage takes no writes at the moment." {
			t.Errorf("%s %s: %+v", one.method, one.path, a)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.rest+"/v1/entities", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Idempotency-Key": {`"storage"`}}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "30" {
		t.Errorf("with a key: %s", response.Status)
	}
	_, err = entityv1.NewEntityServiceClient(p.dial(t)).DeleteEntity(withToken(t, token), &entityv1.DeleteEntityRequest{Id: "cup"})
	if code := status.Code(err); code != codes.Unavailable && code != codes.NotFound { // It reads first.
		t.Errorf("over gRPC: %v", err)
	}
	if a := p.must(t, http.MethodGet, "/v1/entities", token, nil); a.status != http.StatusOK {
		t.Errorf("a read: %+v", a)
	}
	if a := p.must(t, http.MethodGet, "/readyz", "", nil); a.status != http.StatusOK || a.body["status"] != "degraded" || a.body["storage"] != "not writable" {
		t.Errorf("/readyz: %+v", a)
	}
	if !p.counts(t, "statusway_storage_writable 0") {
		t.Error("no metric tells it")
	}

	p.limitFiles(t, unix.RLIM_INFINITY)
	eventually(t, func(ctx context.Context) (bool, error) {
		a, err := p.ask(ctx, http.MethodGet, "/readyz", "", nil)
		return a.status == http.StatusOK && a.body["status"] == "ok" && a.body["storage"] == nil, err
	})
	if !p.counts(t, "statusway_storage_writable 1") {
		t.Error("the metric does not end")
	}
	if a := p.must(t, http.MethodPost, "/v1/entities", token, []byte(body)); a.status != http.StatusCreated {
		t.Errorf("afterwards: %+v", a)
	}
	p.stop(t)
}

// counts reports whether /metrics has a line.
func (p *process) counts(t *testing.T, line string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.rest+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return strings.Contains(text.String(), "\n"+line+"\n")
}

// A database that has lost its content is no first start.
func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "statusway.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := run(t, "", "serve", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0", "--data-dir="+folder)
	if got.code != 1 || !strings.Contains(got.err, "empty") || !strings.Contains(got.err, "backup") || got.out != "" {
		t.Errorf("%+v", got)
	}
}
