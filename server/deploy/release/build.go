package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// A platform is what Go builds for.
type platform struct{ os, arch string }

func parsePlatform(name string) (platform, error) {
	system, arch, ok := strings.Cut(name, "/")
	if !ok || system == "" || arch == "" {
		return platform{}, fmt.Errorf("%q is not of the form GOOS/GOARCH", name)
	}
	return platform{system, arch}, nil
}

// program is the name of the program's file.
func (p platform) program() string {
	if p.os == "windows" {
		return "statusway.exe"
	}
	return "statusway"
}

// name begins the names of all files for the platform.
func (p platform) name(version string) string {
	return "statusway_" + version + "_" + p.os + "_" + p.arch
}

// archive is the ending of the archive's name: what every such system can unpack.
func (p platform) archive() string {
	if p.os == "windows" {
		return ".zip"
	}
	return ".tar.gz"
}

// A program is one that was built, and what Go has written into it.
type program struct {
	platform platform
	content  []byte
	info     *debug.BuildInfo
	// version is the tag of the commit, or what Go calls a commit without one.
	version string
	// commit is the commit's name, and time when it was made.
	commit string
	time   time.Time
}

// build builds the program in the folder work. What could make two builds of one commit
// differ is said here, and not left to the environment.
func (r *release) build(ctx context.Context, p platform, work string) (*program, error) {
	path := filepath.Join(work, p.program())
	// -s: a third of the program would be tables for a debugger. Its own stack traces need none.
	_, err := r.command(ctx, p, "build", "-trimpath", "-buildvcs=true", "-ldflags=-s", "-o", path, "./server")
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path) //nolint:gosec // the file that was just built.
	if err != nil {
		return nil, fmt.Errorf("reading the program: %w", err)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("reading what Go has written into the program: %w", err)
	}
	built := &program{platform: p, content: content, info: info, version: info.Main.Version}
	return built, built.stamp(r.version)
}

// command runs a command of Go for a platform, and returns what it prints.
func (r *release) command(ctx context.Context, p platform, arguments ...string) ([]byte, error) {
	path, err := filepath.Abs(r.root)
	if err != nil {
		return nil, fmt.Errorf("finding the checkout: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // the arguments are ours.
	cmd.Dir = path
	cmd.Env = append(os.Environ(),
		"GOOS="+p.os, "GOARCH="+p.arch,
		// The oldest processors, which is the default, and what a person may have set otherwise.
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOWORK=off",
		// An empty value would not count before that of `go env -w`; this one has no effect but to be there.
		"GOFLAGS=-mod=readonly",
		// No part needs C, and a program without it runs on any Linux, or in an empty image.
		"CGO_ENABLED=0",
	)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", arguments[0], err, errs.String())
	}
	return out, nil
}

// stamp reads the commit, and refuses a program that nobody could build again.
func (b *program) stamp(wanted string) error {
	settings := map[string]string{}
	for _, one := range b.info.Settings {
		settings[one.Key] = one.Value
	}
	b.commit = settings["vcs.revision"]
	switch {
	case b.commit == "":
		return errors.New("go finds no commit here: a release is built in a clone (and not in a linked worktree)")
	case settings["vcs.modified"] != "false":
		return errors.New("the checkout has changes that are in no commit")
	case wanted != "" && b.version != wanted:
		return fmt.Errorf("the checkout is %s, and not %s: a release is built from the commit with its tag", b.version, wanted)
	}
	var err error
	if b.time, err = time.Parse(time.RFC3339, settings["vcs.time"]); err != nil {
		return fmt.Errorf("the commit has no time: %w", err)
	}
	return nil
}
