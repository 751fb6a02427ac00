package command_test

import (
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/statusway/statusway/server/internal/config"
)

// settings are what a command of the program would be told, and what it says to it.
type settings struct {
	front *config.Front
	// grpcAddr and dataDir are of serve alone.
	grpcAddr, dataDir string
	flags             *pflag.FlagSet
}

// told completes the settings of serve or proxy as the program does.
func (d deployed) told(t *testing.T) settings {
	t.Helper()
	flags := pflag.NewFlagSet(d.name, pflag.ContinueOnError)
	serve, proxy := config.Defaults(), config.ProxyDefaults()
	complete := serve.Complete
	switch d.arguments[0] {
	case "serve":
		serve.Flags(flags)
	case "proxy":
		proxy.Flags(flags)
		complete = proxy.Complete
	default:
		t.Fatalf("%s runs %q", d.name, d.arguments)
	}
	if err := flags.Parse(d.arguments[1:]); err != nil {
		t.Errorf("%s: %v", d.name, err)
	}
	lookup := func(name string) (string, bool) {
		value, ok := d.environment[name]
		return value, ok
	}
	if err := config.FromEnvironment(flags, lookup); err != nil {
		t.Errorf("%s: %v", d.name, err)
	}
	if err := complete(); err != nil {
		t.Errorf("%s: %v", d.name, err)
	}
	if d.arguments[0] == "proxy" {
		return settings{front: &proxy.Front, flags: flags}
	}
	return settings{front: &serve.Front, grpcAddr: serve.GRPCAddr, dataDir: serve.DataDir, flags: flags}
}

// Every way to run the program is one that it takes: the command, its flags, its
// variables and their values.
func TestDeployedSettings(t *testing.T) {
	t.Parallel()
	for _, d := range allDeployed(t) {
		if d.arguments[0] == "healthcheck" {
			// With the variables of the server that it asks, and of nothing else.
			if len(d.arguments) != 1 {
				t.Errorf("%s: %q", d.name, d.arguments)
			}
			continue
		}
		known := map[string]bool{}
		d.told(t).flags.VisitAll(func(flag *pflag.Flag) { known[config.EnvName(flag.Name)] = true })
		for name := range d.environment {
			if strings.HasPrefix(name, config.EnvPrefix) && !known[name] {
				t.Errorf("%s: %s has no %s", d.name, d.arguments[0], name)
			}
		}
	}
}

// ports are those of the addresses, by the names that the manifests give them.
func (s settings) ports(t *testing.T) map[string]int {
	t.Helper()
	ports := map[string]int{}
	for name, address := range map[string]string{"http": s.front.HTTPAddr, "grpc": s.grpcAddr} {
		if address == "" {
			continue
		}
		host, text, err := net.SplitHostPort(address)
		port, atoi := strconv.Atoi(text)
		if err != nil || atoi != nil || host != "" {
			t.Errorf("%s is not served on all addresses of a port: %s", name, address)
		}
		ports[name] = port
	}
	return ports
}

// What is open is what the program serves, and what is kept is where it writes.
func TestDeployedPortsAndFolders(t *testing.T) {
	t.Parallel()
	image, dockerfile := inDocker(t)[0].told(t), instructions(t)
	exposed := map[string]bool{}
	for port := range strings.FieldsSeq(dockerfile["EXPOSE"]) {
		exposed[port] = true
	}
	for name, port := range image.ports(t) {
		if !exposed[strconv.Itoa(port)] {
			t.Errorf("the image does not expose %s on %d", name, port)
		}
	}
	if len(exposed) != 2 || dockerfile["VOLUME"] != image.dataDir || dockerfile["WORKDIR"] != image.dataDir {
		t.Errorf("the image has ports %v and the volume %s, and its data in %s", exposed, dockerfile["VOLUME"], image.dataDir)
	}
	for _, d := range inKubernetes(t) {
		told, container := d.told(t), d.pod.Containers[0]
		open := map[string]int{}
		for _, port := range container.Ports {
			open[port.Name] = port.Port
		}
		if diff := cmp.Diff(told.ports(t), open); diff != "" {
			t.Errorf("%s: the program's ports (-) and the pod's (+):\n%s", d.name, diff)
		}
		var kept []string
		for _, mount := range container.Mounts {
			kept = append(kept, mount.Path)
		}
		if strings.Join(kept, " ") != told.dataDir {
			t.Errorf("%s keeps %q, and writes into %q", d.name, kept, told.dataDir)
		}
	}
	for _, one := range manifests(t) {
		for _, port := range one.Spec.Ports {
			if one.Kind == "Service" && port.Target != "http" && port.Target != "grpc" {
				t.Errorf("%s leads to %q", one.Metadata.Name, port.Target)
			}
		}
	}
	if folder := underSystemd(t).told(t).dataDir; folder != "/var/lib/"+unitOptions(t)["StateDirectory"] {
		t.Errorf("the unit writes into %s", folder)
	}
}

// Probes ask for pages that are there, on the port of REST, and life is not readiness: a
// backend that is away is no reason to start again.
func TestDeployedProbes(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	for _, d := range inKubernetes(t) {
		container := d.pod.Containers[0]
		for want, probe := range map[string]*probe{"/healthz": container.Liveness, "/readyz": container.Readiness} {
			if probe == nil || probe.Get.Path != want || probe.Get.Port != "http" {
				t.Errorf("%s has the probe %+v for %s", d.name, probe, want)
			}
			if a := p.must(t, http.MethodGet, want, "", nil); a.status != http.StatusOK {
				t.Errorf("%s is answered by %d", want, a.status)
			}
		}
		if startup := container.Startup; startup != nil && *startup != *container.Liveness {
			t.Errorf("%s has the probe %+v at its start", d.name, startup)
		}
		if !d.pod.Security.NonRoot {
			t.Errorf("%s may run as root", d.name)
		}
	}
	p.stop(t)
}

// Nobody kills the program while it still may finish its requests.
func TestDeployedGrace(t *testing.T) {
	t.Parallel()
	const (
		room        = 3 * time.Second
		docker      = 10 * time.Second // after which `docker stop` kills
		healthcheck = 3 * time.Second
	)
	if front := inDocker(t)[0].told(t).front; front.DrainDelay+front.Grace >= docker {
		t.Errorf("the image takes %s and %s", front.DrainDelay, front.Grace)
	}
	found := regexp.MustCompile(`--timeout=(\S+)`).FindStringSubmatch(instructions(t)["HEALTHCHECK"])
	if timeout, err := time.ParseDuration(found[1]); err != nil || timeout <= healthcheck {
		t.Errorf("the health check has %s: %v", timeout, err)
	}
	stop, err := time.ParseDuration(unitOptions(t)["TimeoutStopSec"])
	if front := underSystemd(t).told(t).front; err != nil || stop < front.DrainDelay+front.Grace+room {
		t.Errorf("the unit waits %s for %s and %s: %v", stop, front.DrainDelay, front.Grace, err)
	}
	for _, d := range inKubernetes(t) {
		whole := time.Duration(d.pod.Grace) * time.Second
		if front := d.told(t).front; front.DrainDelay == 0 || whole < front.DrainDelay+front.Grace+room {
			t.Errorf("%s waits %s for %s and %s", d.name, whole, front.DrainDelay, front.Grace)
		}
	}
}

// bytesOf reads a size as Go, Kubernetes and the program write it.
func bytesOf(t *testing.T, text string) float64 {
	t.Helper()
	bytes, err := humanize.ParseBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	return float64(bytes)
}

// The garbage collector works harder before the limit kills, and even the worst requests
// stay below it: all bodies together are bounded, and no single one takes more than its
// share, however many small members it has.
func TestDeployedMemory(t *testing.T) {
	t.Parallel()
	const (
		idle  = 64 << 20
		worst = 100 // TestMemoryOfABody measures it.
	)
	for _, d := range inKubernetes(t) {
		limits := d.pod.Containers[0].Resources.Limits
		if missing := slices.DeleteFunc([]string{"cpu", "memory"}, func(name string) bool { return limits[name] != "" }); len(missing) > 0 {
			t.Fatalf("%s has no limit of %q, but %v", d.name, missing, slices.Collect(maps.Keys(limits)))
		}
		limit, soft := bytesOf(t, limits["memory"]), bytesOf(t, d.environment["GOMEMLIMIT"])
		if share := soft / limit; share < 0.85 || share > 0.95 {
			t.Errorf("%s: GOMEMLIMIT is %.0f %% of the limit", d.name, 100*share)
		}
		front := d.told(t).front
		bodies, responses := soft/4, soft/8 // the defaults
		if front.BodyMemory != "" || front.ResponseMemory != "" {
			bodies, responses = bytesOf(t, front.BodyMemory), bytesOf(t, front.ResponseMemory)
		}
		// The garbage of what has been decoded may be as much again before it is collected.
		if needed := idle + 2*(bodies+responses); needed > soft {
			t.Errorf("%s may need %s", d.name, humanize.IBytes(uint64(needed)))
		}
		if one := worst * bytesOf(t, front.MaxBody); one > bodies*3/4 {
			t.Errorf("%s: one body may need %s", d.name, humanize.IBytes(uint64(one)))
		}
	}
}
