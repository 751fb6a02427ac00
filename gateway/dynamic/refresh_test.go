package dynamic_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// reflectingTarget returns a target for a new server with reflection, and what it declares.
func reflectingTarget(t *testing.T, paths ...string) (dynamic.Target, *declared) {
	t.Helper()
	listener := listen(t)
	d := serveDeclared(t, listener)
	d.routes(t, paths...)
	return dynamic.Target{Address: listener.Addr().String(), Refresh: time.Millisecond}, d
}

// routes declares a service for each "package.Service/path". All of them have one method, Do.
func (d *declared) routes(t *testing.T, routes ...string) {
	t.Helper()
	d.declare(t, declarations(routes...)...)
}

func declarations(routes ...string) []*descriptorpb.FileDescriptorProto {
	var files []*descriptorpb.FileDescriptorProto
	for _, route := range routes {
		full, path, _ := strings.Cut(route, "/")
		dot := strings.LastIndexByte(full, '.')
		file := service(full+".proto", full[:dot], full[dot+1:])
		proto.SetExtension(file.GetService()[0].GetMethod()[0].GetOptions(), annotations.E_Http,
			&annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/" + path}})
		files = append(files, file)
	}
	return files
}

func paths(b *gateway.Backend) []string {
	var all []string
	for _, route := range b.Routes() {
		all = append(all, route.Path)
	}
	slices.Sort(all)
	return all
}

func problemsOf(b *gateway.Backend, i int) string { return fmt.Sprint(b.Targets()[i].Problems) }

// TestGhost: a service without descriptors does not take the others of its server with it.
func TestGhost(t *testing.T) {
	t.Parallel()
	target, d := reflectingTarget(t, "a.v1.A/a")
	d.ghosts.Store(&[]string{"ghost.v1.Ghost"})
	f := serve(t, target)
	if got := f.send(http.MethodGet, "/a", ""); got.status != http.StatusOK {
		t.Errorf("the good service: %d %s", got.status, got.body)
	}
	const want = "ghost.v1.Ghost is not served: the server lists it, but has no descriptors of it"
	if got := problemsOf(f.backend, 0); !strings.Contains(got, want) || strings.Count(f.log.String(), want) != 1 {
		t.Errorf("the problems are %s, the log\n%s", got, f.log)
	}
	named := target
	named.Services = []string{"a.v1.A"}
	if targets := connect(t, named).Targets(); targets[0].Pending || len(targets[0].Problems) > 0 {
		t.Errorf("only the good service is named: %+v", targets)
	}
	d.ghosts.Store(nil)
	eventually(t, func() bool { return len(f.backend.Targets()[0].Problems) == 0 })
	eventually(t, func() bool { return strings.Contains(f.log.String(), "no problems any more") })
	if asked := d.asked.Load(); strings.Count(f.log.String(), want) != 1 {
		t.Errorf("it was reported more than once in %d readings:\n%s", asked, f.log)
	}

	// A service that is served is not given up because its descriptors are missing.
	before := d.files.Load()
	d.routes(t, "b.v1.B/b")
	d.ghosts.Store(&[]string{"a.v1.A"})
	eventually(t, func() bool {
		return strings.Contains(f.log.String(), "keeps the routes that it had: a.v1.A is not served")
	})
	if got := paths(f.backend); !slices.Equal(got, []string{"/a"}) {
		t.Errorf("the routes are %q", got)
	}
	d.ghosts.Store(nil)
	d.files.Store(before)
	eventually(t, func() bool { return len(f.backend.Targets()[0].Problems) == 0 })
}

// TestDenied: a server that refuses reflection does not stop the start, and is read once it allows it.
func TestDenied(t *testing.T) {
	t.Parallel()
	good, _ := reflectingTarget(t, "a.v1.A/a")
	bad, d := reflectingTarget(t, "b.v1.B/b")
	d.refusal.Store(uint32(codes.PermissionDenied))
	f := serve(t, good, bad)
	for path, want := range map[string]int{"/a": 200, "/b": 503, "/c": 503} {
		if got := f.send(http.MethodGet, path, ""); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	if got := f.backend.Targets()[1]; !got.Pending || !strings.Contains(fmt.Sprint(got.Problems), "refuses server reflection: allow the gateway to use it") {
		t.Errorf("the target is %+v", got)
	}
	alone := serve(t, bad)
	if got := alone.send(http.MethodGet, "/b", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("alone: %d", got.status)
	}
	d.refusal.Store(uint32(codes.OK))
	eventually(t, func() bool { return f.send(http.MethodGet, "/b", "").status == http.StatusOK })

	confirmed := f.backend.Targets()[1].Confirmed
	eventually(t, func() bool { return f.backend.Targets()[1].Confirmed.After(confirmed) })
	d.refusal.Store(uint32(codes.Unauthenticated))
	eventually(t, func() bool { return len(f.backend.Targets()[1].Problems) > 0 })
	confirmed = f.backend.Targets()[1].Confirmed
	asked := f.backend.Targets()[1]
	eventually(t, func() bool { return strings.Count(f.log.String(), "refuses server reflection") == 2 }) // at the start, and now
	if got := f.send(http.MethodGet, "/b", ""); got.status != http.StatusOK || asked.Pending || !f.backend.Targets()[1].Confirmed.Equal(confirmed) {
		t.Errorf("%d, %+v", got.status, f.backend.Targets())
	}
}

// TestSideBySide: all servers are asked at the same time, so a slow one does not delay the others.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	var targets []dynamic.Target
	for _, name := range []string{"a", "b", "c"} {
		all.Add(1)
		target, d := reflectingTarget(t, name+".v1.S/"+name)
		target.Refresh = time.Hour
		var once sync.Once
		together := func() {
			once.Do(all.Done)
			all.Wait() // It would never end if the servers were asked one by one.
		}
		d.before.Store(&together)
		targets = append(targets, target)
	}
	if got := paths(connect(t, targets...)); !slices.Equal(got, []string{"/a", "/b", "/c"}) {
		t.Errorf("the routes are %q", got)
	}
}

// TestLeavesOut: a service that cannot be served does not take the others with it, at the start and later.
func TestLeavesOut(t *testing.T) {
	t.Parallel()
	first, one := reflectingTarget(t, "a.v1.A/x", "b.v1.B/b")
	second, two := reflectingTarget(t, "c.v1.C/x", "d.v1.D/d", "e.v1.E/{nothing}", "f.v1.F/f")
	missing := second
	missing.Services = []string{"d.v1.D", "gone.v1.G"}
	f := serve(t, first, second)
	if got := paths(f.backend); !slices.Equal(got, []string{"/b", "/d", "/f", "/x"}) {
		t.Errorf("the routes are %q", got)
	}
	for _, want := range []string{
		"c.v1.C is not served: c.v1.C.proto: c.v1.C.Do: GET /x matches exactly the paths of /x, a route of a.v1.A.Do (a.v1.A.proto)",
		`e.v1.E is not served: e.v1.E.proto: e.v1.E.Do: /{nothing}: `,
	} {
		if got := problemsOf(f.backend, 1); !strings.Contains(got, want) || strings.Count(f.log.String(), want[:40]) != 1 {
			t.Errorf("%q is not once in %s\n%s", want, got, f.log)
		}
	}
	revision, asked := f.backend.Revision(), two.asked.Load()
	eventually(t, func() bool { return two.asked.Load() > asked+5 })
	if got := f.backend.Revision(); got != revision || strings.Contains(f.log.String(), "routes have changed") {
		t.Errorf("nothing changed, and the revision is %d after %d:\n%s", got, revision, f.log)
	}
	if got := problemsOf(connect(t, missing), 0); !strings.Contains(got, "gone.v1.G: there is no such service") {
		t.Errorf("a service that is not there: %s", got)
	}

	one.routes(t, "b.v1.B/b") // The clash is over.
	eventually(t, func() bool {
		return strings.Contains(f.send(http.MethodGet, "/x", "").body, "{}") && !strings.Contains(problemsOf(f.backend, 1), "c.v1.C")
	})
	one.routes(t, "a.v1.A/x", "b.v1.B/b", "g.v1.G/g") // It is back, and this service is the new one now.
	eventually(t, func() bool { return slices.Equal(paths(f.backend), []string{"/b", "/d", "/f", "/g", "/x"}) })
	if got := problemsOf(f.backend, 0); !strings.Contains(got, "a.v1.A is not served") {
		t.Errorf("the problems are %s", got)
	}

	// A version with a mistake in a service that is served is not taken.
	two.routes(t, "c.v1.C/x", "d.v1.D/{nothing}", "h.v1.H/h")
	eventually(t, func() bool { return strings.Contains(problemsOf(f.backend, 1), "keeps the routes that it had") })
	if got := f.send(http.MethodGet, "/d", ""); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	two.routes(t, "c.v1.C/x", "d.v1.D/d", "h.v1.H/h")
	eventually(t, func() bool { return slices.Contains(paths(f.backend), "/h") && problemsOf(f.backend, 1) == "[]" })
}

// TestGatewayRefuses: a service that the gateway's configuration excludes is left out, at the start and later.
func TestGatewayRefuses(t *testing.T) {
	t.Parallel()
	target, d := reflectingTarget(t, "a.v1.A/a", "b.v1.B/b")
	demand := func() {
		files := declarations("a.v1.A/a", "b.v1.B/b", "c.v1.C/c")
		options := files[2].GetService()[0].GetMethod()[0].GetOptions()
		proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/c"}})
		proto.SetExtension(options, statuswayv1.E_Method, &statuswayv1.MethodSemantics{IdempotencyKey: statuswayv1.IdempotencyKey_IDEMPOTENCY_KEY_REQUIRED})
		d.declare(t, files...)
	}
	later := serve(t, target)
	demand()
	atStart := serve(t, target)
	for name, f := range map[string]*front{"at the start": atStart, "later": later} {
		eventually(t, func() bool { return strings.Contains(problemsOf(f.backend, 0), "c.v1.C is not served") })
		if got := paths(f.backend); !slices.Equal(got, []string{"/a", "/b"}) {
			t.Errorf("%s: the routes are %q", name, got)
		}
		revision, asked := f.backend.Revision(), d.asked.Load()
		eventually(t, func() bool { return d.asked.Load() > asked+10 })
		if f.backend.Revision() != revision || strings.Count(f.log.String(), "needs an Idempotency-Key") != 1 {
			t.Errorf("%s: revision %d after %d, log\n%s", name, f.backend.Revision(), revision, f.log)
		}
	}
}

// TestNothingToServe: a server without routes or without reflection is an error if no other can be served.
func TestNothingToServe(t *testing.T) {
	t.Parallel()
	good, _ := reflectingTarget(t, "a.v1.A/a")
	none := dynamic.Target{Address: reflecting(t, false, false)}
	if _, err := dynamic.Connect(t.Context(), none); err == nil || !strings.Contains(err.Error(), "no server reflection, so its descriptors are needed") {
		t.Errorf("no reflection: %v", err)
	}
	b := connect(t, none, good)
	if got := problemsOf(b, 0); !strings.Contains(got, "no server reflection") || !slices.Equal(paths(b), []string{"/a"}) {
		t.Errorf("no reflection beside a good server: %s", got)
	}
	config, err := dynamic.ParseServiceConfig("service.yaml", []byte("http: {rules: [{selector: a.v1.A.Gone, get: /gone}]}"))
	if err != nil {
		t.Fatal(err)
	}
	good.ServiceConfig = config
	if got := problemsOf(connect(t, good), 0); !strings.Contains(got, "service.yaml: a.v1.A.Gone: there is no such method") {
		t.Errorf("a rule for nothing: %s", got)
	}
}

// TestRefresh: a lasting change is taken when it has been read three times in a row, and reported once.
func TestRefresh(t *testing.T) {
	t.Parallel()
	target, d := reflectingTarget(t, "a.v1.A/a")
	var mu sync.Mutex
	script := []string{"a", "a", "b", "b", "a", "b", "c", "b", "b", "b", "b"}
	var seen []string // the routes when each reading begins
	var f *front
	next := func() {
		mu.Lock()
		defer mu.Unlock()
		if f == nil {
			return
		}
		seen = append(seen, strings.Join(paths(f.backend), ""))
		if len(script) > 0 {
			d.routes(t, "a.v1.A/"+script[0])
			script = script[1:]
		}
	}
	d.before.Store(&next)
	served := serve(t, target)
	mu.Lock()
	f = served
	mu.Unlock()
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) > 20 })
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"/a", "/a", "/a", "/a", "/a", "/a", "/a", "/a", "/a", "/a", "/b", "/b"}; !slices.Equal(seen[:12], want) {
		t.Errorf("the routes were %q, want %q", seen[:12], want)
	}
	if got := f.backend.Revision(); got != 1 || strings.Count(f.log.String(), "routes have changed") != 1 {
		t.Errorf("the revision is %d, the log\n%s", got, f.log)
	}
	if strings.Count(f.log.String(), "change from one reading to the next") != 1 {
		t.Errorf("the flapping was not reported once:\n%s", f.log)
	}
}

// TestFlapping: two versions behind one name do not make routes come and go.
func TestFlapping(t *testing.T) {
	t.Parallel()
	target, d := reflectingTarget(t, "a.v1.A/a")
	odd := false
	flip := func() {
		path := "a.v1.A/a"
		if odd = !odd; odd {
			path = "a.v1.A/b"
		}
		d.routes(t, path)
	}
	f := serve(t, target)
	d.before.Store(&flip)
	eventually(t, func() bool { return d.asked.Load() > 40 })
	if got := f.backend.Revision(); got != 0 || !slices.Equal(paths(f.backend), []string{"/a"}) {
		t.Errorf("the revision is %d, the routes are %q", got, paths(f.backend))
	}
	if got := strings.Count(f.log.String(), "change from one reading to the next"); got != 1 {
		t.Errorf("the flapping was reported %d times:\n%s", got, f.log)
	}
	last := func() { d.routes(t, "a.v1.A/a") }
	d.before.Store(&last)
	eventually(t, func() bool { return len(f.backend.Targets()[0].Problems) == 0 })
}
