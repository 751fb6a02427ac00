//go:build linux

package check_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// A container is what the image says, as far as a folder of its own and a user can be
// one: the program finds no file but those of the image.
type container struct {
	config dockerspec.DockerOCIImageConfig
	root   string
	user   *syscall.Credential
}

// unpack makes the root of a container, with the program as the release builds it.
func unpack(t *testing.T) container {
	t.Helper()
	c := container{config: image(t), root: t.TempDir(), user: &syscall.Credential{}}
	user, group, _ := strings.Cut(c.config.User, ":")
	for name, id := range map[string]*uint32{user: &c.user.Uid, group: &c.user.Gid} {
		number, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		*id = uint32(number)
	}
	program := filepath.Join(c.root, c.config.Entrypoint[0])
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s", "-o", program, "./server")
	build.Dir = "../../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	data := filepath.Join(c.root, c.config.WorkingDir)
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, int(c.user.Uid), int(c.user.Gid)); err != nil {
		t.Fatal(err)
	}
	return c
}

// command is a program of the image with its arguments, and the image's environment.
func (c container) command(ctx context.Context, environment []string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	cmd.Dir = c.config.WorkingDir
	cmd.Env = append(slices.Clone(c.config.Env), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: c.user}
	return cmd
}

// output can be read while a process writes it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// The program needs no file that the image lacks, and writes nowhere but to its volume;
// the image's own health check tells a server that is ready from one that is not.
func TestContainer(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may change the root folder")
	}
	c := unpack(t)
	// Free ports, for the machine is shared.
	free := []string{"STATUSWAY_HTTP_ADDR=:0", "STATUSWAY_GRPC_ADDR=:0"}
	var printed output
	server := c.command(t.Context(), free, append(slices.Clone(c.config.Entrypoint), c.config.Cmd...)...)
	server.Stdout, server.Stderr = &printed, &printed
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		if t.Failed() {
			t.Logf("the program printed:\n%s", &printed)
		}
	})
	where := regexp.MustCompile(`(?m)^REST +http://\[::\](:\d+)$`)
	ready := func() []string { return where.FindStringSubmatch(printed.String()) }
	for deadline := time.Now().Add(patience); ready() == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) || len(ended) > 0 {
			t.Fatal("the program does not serve")
		}
	}
	check := func() error {
		address := "STATUSWAY_HTTP_ADDR=" + ready()[1]
		out, err := c.command(t.Context(), []string{address}, c.config.Healthcheck.Test[1:]...).CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	if err := check(); err != nil {
		t.Errorf("the health check of a server that is ready: %v", err)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("stopping: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the program does not stop")
	}
	if err := check(); err == nil {
		t.Error("the health check of no server says that it is ready")
	}
	c.checkFiles(t)
}

// checkFiles looks at what is left: a volume with the database, and the image as it was.
func (c container) checkFiles(t *testing.T) {
	t.Helper()
	var outside []string
	inside := 0
	err := filepath.WalkDir(c.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, c.root)
		if strings.HasPrefix(name, c.config.WorkingDir+"/") {
			inside++
		} else {
			outside = append(outside, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if inside == 0 || !slices.Equal(outside, c.config.Entrypoint) {
		t.Errorf("%d files are in the volume, and outside are %q", inside, outside)
	}
}
