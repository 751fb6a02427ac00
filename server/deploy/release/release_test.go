package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/system"
)

// fresh is for CI: it takes as long as compiling everything.
var fresh = flag.Bool("fresh", false, "let the second build begin with an empty build cache")

const (
	root    = "../../.."
	version = "v1.9.8"
	// committed is when the test's commit was made, in no hurry and in no common zone.
	committed = "2021-03-04T05:06:07+05:30"
)

// checkout copies what a release is built from into a folder of its own, and commits it
// under the tag version.
func checkout(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"gateway", "gen", "server"} {
		if err := os.CopyFS(filepath.Join(folder, name), os.DirFS(filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "LICENSE"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, name), string(text))
	}
	// What others have written may lie in the checkout too.
	write(t, filepath.Join(folder, "server", "their.js.LICENSE.txt"), "Their licence.")
	git(t, folder, "init", "--quiet", "--initial-branch=main")
	git(t, folder, "add", "--all")
	git(t, folder, "commit", "--quiet", "--message=Everything")
	git(t, folder, "tag", version)
	return folder
}

// git runs as nobody in particular, at a time that is always the same.
func git(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", arguments...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE="+committed,
		"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE="+committed,
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", arguments[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// here is the platform of the test.
func here() platform { return platform{runtime.GOOS, runtime.GOARCH} }

// made makes a release of a checkout for this machine, and returns its files. It does so
// as people do, and without the race detector, under which compressing takes a minute.
func made(t *testing.T, folder string, environment ...string) map[string][]byte {
	t.Helper()
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./server/deploy/release",
		"-out="+out, "-version="+version, "-platforms="+here().os+"/"+here().arch)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), environment...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("making a release: %v\n%s", err, text)
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(out, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = content
	}
	return files
}

// first is a checkout and the release that was made of it, once for all tests.
type first struct {
	folder string
	files  map[string][]byte
}

func TestRelease(t *testing.T) {
	t.Parallel()
	system.Test(t)
	one := first{folder: checkout(t)}
	one.files = made(t, one.folder)
	for name, test := range map[string]func(*testing.T){
		"the same from another folder": one.testReproducible,
		"files":                        one.testFiles,
		"archive":                      one.testArchive,
		"bill of materials":            one.testBill,
		"commands of the page":         one.testCommands,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// The commands of deploy/README check a release and open it, and a file that has been changed is
// found out.
func (f first) testCommands(t *testing.T) {
	t.Helper()
	system.Test(t, "sha256sum", "tar", "sh")
	readme, err := os.ReadFile(filepath.Join(root, "server", "deploy", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^(sha256sum .*)\n(tar .*\n.*)$`).FindStringSubmatch(string(readme))
	if found == nil {
		t.Fatal("the README has no such commands")
	}
	folder := t.TempDir()
	for name, content := range f.files {
		write(t, filepath.Join(folder, name), string(content))
	}
	shell := func(command string) (string, error) {
		command = strings.ReplaceAll(command, "v1.2.3_linux_amd64", version+"_"+here().os+"_"+here().arch)
		run := exec.CommandContext(t.Context(), "sh", "-c", command)
		run.Dir = folder
		out, err := run.CombinedOutput()
		return string(out), err
	}
	if out, err := shell(found[1]); err != nil || strings.Count(out, ": OK\n") != len(f.files)-1 {
		t.Errorf("%s: %v\n%s", found[1], err, out)
	}
	if out, err := shell(found[2]); err != nil || !strings.HasPrefix(out, "statusway version "+version+" (commit ") {
		t.Errorf("%s: %v\n%s", found[2], err, out)
	}
	for name, content := range f.files {
		if name != sumsName {
			write(t, filepath.Join(folder, name), string(content)+"!")
			break
		}
	}
	if out, err := shell(found[1]); err == nil || strings.Count(out, ": FAILED\n") != 1 {
		t.Errorf("a file that has been changed: %v\n%s", err, out)
	}
}

// Another folder, another home, another zone, and what a person may have set: the bytes
// are the same.
func (f first) testReproducible(t *testing.T) {
	t.Helper()
	environment := []string{"TZ=Pacific/Chatham", "LC_ALL=C", "GOMAXPROCS=1", "TMPDIR=" + t.TempDir()}
	if *fresh {
		environment = append(environment, "GOCACHE="+t.TempDir())
	}
	again := made(t, checkout(t), environment...)
	for name, content := range f.files {
		if !bytes.Equal(content, again[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// What is there has a checksum, and nothing else is there.
func (f first) testFiles(t *testing.T) {
	t.Helper()
	name := here().name(version)
	archive := name + here().archive()
	want := []string{sumsName, archive, name + ".cdx.json"}
	slices.Sort(want)
	var got []string
	for file := range f.files {
		got = append(got, file)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the files, wanted (-) and there (+):\n%s", diff)
	}
	folder := t.TempDir()
	for file, content := range f.files {
		write(t, filepath.Join(folder, file), string(content))
	}
	r := release{out: folder}
	if err := r.writeSums([]string{name + ".cdx.json", archive}); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(folder, sumsName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sums, f.files[sumsName]) || strings.Count(string(sums), "\n") != 2 {
		t.Errorf("the checksums are\n%s", f.files[sumsName])
	}
}

// unpacked are the members of the archive.
func (f first) unpacked(t *testing.T) []member {
	t.Helper()
	for name, content := range f.files {
		switch {
		case strings.HasSuffix(name, ".tar.gz"):
			return untar(t, content)
		case strings.HasSuffix(name, ".zip"):
			return unzip(t, content)
		}
	}
	t.Fatal("there is no archive")
	return nil
}

func commitTime(t *testing.T) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, committed)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The archive is complete, and the program in it says what it is.
func (f first) testArchive(t *testing.T) {
	t.Helper()
	members := f.unpacked(t)
	program := here().program()
	var got []string
	for _, one := range members {
		got = append(got, one.name+" "+one.mode.String())
	}
	want := []string{"LICENSE -rw-r--r--", "LICENSES-THIRD-PARTY -rw-r--r--", program + " -rwxr-xr-x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the members, wanted (-) and there (+):\n%s", diff)
	}
	if bytes.Contains(members[1].content, []byte("licences.go\n")) {
		t.Error("code is taken for a licence")
	}
	for _, text := range []string{
		"\n======== std go", "The Go Authors", "\n======== modernc.org/sqlite v", ": LICENSE-SQLITE\n",
		"\n======== server/their.js.LICENSE.txt\n\nTheir licence.\n",
	} {
		if !bytes.Contains(members[1].content, []byte(text)) {
			t.Errorf("the licences of others say nothing of %q", text)
		}
	}
	path := filepath.Join(t.TempDir(), program)
	if err := os.WriteFile(path, members[2].content, 0o700); err != nil {
		t.Fatal(err)
	}
	commit := git(t, f.folder, "rev-parse", "HEAD")
	said := fmt.Sprintf("statusway version %s (commit %s, 2021-03-03T23:36:07Z, %s, %s/%s)\n",
		version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, argument := range []string{"version", "--version"} {
		out, err := exec.CommandContext(t.Context(), path, argument).Output()
		if err != nil || string(out) != said {
			t.Errorf("%s prints %q, %v, and not %q", argument, out, err, said)
		}
	}
}

// The bill names the program, Go and each module once, and says nothing of the machine.
func (f first) testBill(t *testing.T) {
	t.Helper()
	text := f.files[here().name(version)+".cdx.json"]
	bom := cyclonedx.NewBOM()
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	main := bom.Metadata.Component
	if main.PackageURL != "pkg:golang/github.com/statusway/statusway@"+version || bom.Metadata.Timestamp != "2021-03-03T23:36:07Z" || bom.SerialNumber != "" {
		t.Errorf("the bill is of %s at %s with the number %q", main.PackageURL, bom.Metadata.Timestamp, bom.SerialNumber)
	}
	seen := map[string]bool{}
	for _, one := range *bom.Components {
		if seen[one.Name] || one.Version == "" || one.BOMRef != one.PackageURL || (one.Hashes == nil) != (one.Name == "std") {
			t.Errorf("a material: %+v", one)
		}
		seen[one.Name] = true
	}
	for _, name := range []string{"std", "google.golang.org/grpc", "modernc.org/sqlite"} {
		if !seen[name] {
			t.Errorf("no %s is in it", name)
		}
	}
	// What builds and tests the program is not in it.
	for _, name := range []string{"github.com/CycloneDX/cyclonedx-go", "github.com/google/go-cmp", "github.com/statusway/statusway"} {
		if seen[name] {
			t.Errorf("%s is in it", name)
		}
	}
	if edges := *bom.Dependencies; len(edges) != 1 || edges[0].Ref != main.BOMRef || len(*edges[0].Dependencies) != len(seen) {
		t.Errorf("the edges are %+v", edges)
	}
}

// What nobody could build again is refused.
func TestStamp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		commit, modified string
		at               string
		wanted           string
		says             string
	}{
		{"a tag", "c0ffee", "false", committed, version, ""},
		{"whatever is there", "c0ffee", "false", committed, "", ""},
		{"another version", "c0ffee", "false", committed, "v1.9.7", "is " + version + ", and not v1.9.7"},
		{"no clone", "", "", "", "", "finds no commit"},
		{"a change", "c0ffee", "true", committed, version, "changes that are in no commit"},
		{"nothing said of changes", "c0ffee", "", committed, version, "changes that are in no commit"},
		{"no time", "c0ffee", "false", "", version, "no time"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: test.commit}, {Key: "vcs.modified", Value: test.modified}, {Key: "vcs.time", Value: test.at},
		}}
		built := program{info: info, version: version}
		err := built.stamp(test.wanted)
		if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q in it", test.name, err, test.says)
		}
		if err == nil && (built.commit != test.commit || !built.time.Equal(commitTime(t))) {
			t.Errorf("%s: %s of %s", test.name, built.commit, built.time)
		}
	}
}

// Nothing is written where nobody has said that it should be, nor built for nothing.
func TestReleaseOfNothing(t *testing.T) {
	t.Parallel()
	if err := (&release{}).make(t.Context()); err == nil {
		t.Error("a release without a folder")
	}
	r := release{root: root, out: t.TempDir(), platforms: []platform{{"plan10", "amd64"}}, log: io.Discard}
	if err := r.make(t.Context()); err == nil || !strings.Contains(err.Error(), "plan10/amd64: go build: ") {
		t.Errorf("a release for no platform: %v", err)
	}
}

// The Dockerfile adds an archive that there is, and runs the program in it.
func TestDockerfileAddsTheArchive(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	linux := platform{"linux", "arm64"}
	filled := strings.NewReplacer("${VERSION}", version, "${TARGETOS}", linux.os, "${TARGETARCH}", linux.arch).Replace(string(text))
	for _, line := range []string{"ADD " + linux.name(version) + linux.archive() + " /", `ENTRYPOINT ["/` + linux.program() + `"]`} {
		if !strings.Contains(filled, "\n"+line+"\n") {
			t.Errorf("the Dockerfile has no %s", line)
		}
	}
}

func TestParsePlatform(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "linux", "/amd64", "linux/"} {
		if p, err := parsePlatform(name); err == nil {
			t.Errorf("%q is %v", name, p)
		}
	}
	if p, err := parsePlatform("linux/arm64"); err != nil || p != (platform{"linux", "arm64"}) {
		t.Errorf("%v, %v", p, err)
	}
}
