package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
)

// licenceNames are the files whose text goes along with a program, as most licences ask.
var licenceNames = regexp.MustCompile(`(?i)(^|\.)(licen[cs]e|copying|notice|patents)`)

func isLicence(entry fs.DirEntry) bool {
	return !entry.IsDir() && licenceNames.MatchString(entry.Name()) && filepath.Ext(entry.Name()) != ".go"
}

// licences are the texts of Go and of every module in the program, and of what others
// have written in the checkout itself. A module without any is an error: nobody may hand
// it on.
func (r *release) licences(ctx context.Context, built *program) ([]byte, error) {
	folders, err := r.folders(ctx, built)
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	fmt.Fprintf(&all, "The program holds parts of these, under the licences that follow each name.\n")
	for _, one := range append([]*debug.Module{goItself(built)}, built.modules()...) {
		if err := appendLicences(&all, one, folders[one.Path]); err != nil {
			return nil, err
		}
	}
	// Below the checkout's own folders lie licences only where files of others do.
	for _, folder := range []string{"gateway", "server"} {
		if err := r.appendOwn(&all, folder); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

func (r *release) appendOwn(all *bytes.Buffer, folder string) error {
	checkout := os.DirFS(r.root)
	err := fs.WalkDir(checkout, folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !isLicence(entry) {
			return err
		}
		text, err := fs.ReadFile(checkout, path)
		if err != nil {
			return err //nolint:wrapcheck // below.
		}
		appendText(all, path, text)
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for licences in the checkout: %w", err)
	}
	return nil
}

func appendText(all *bytes.Buffer, title string, text []byte) {
	fmt.Fprintf(all, "\n======== %s\n\n%s\n", title, bytes.TrimSpace(text))
}

// modules are those of the program but its own.
func (b *program) modules() []*debug.Module {
	var modules []*debug.Module
	for _, one := range b.info.Deps {
		if one.Replace != nil {
			one = one.Replace
		}
		modules = append(modules, one)
	}
	return modules
}

// goItself is the standard library and the runtime, as if they were a module.
func goItself(built *program) *debug.Module {
	return &debug.Module{Path: "std", Version: built.info.GoVersion}
}

// folders are where the sources lie, by module.
func (r *release) folders(ctx context.Context, built *program) (map[string]string, error) {
	arguments := []string{"list", "-m", "-f", "{{.Path}}\t{{.Dir}}"}
	for _, one := range built.modules() {
		arguments = append(arguments, one.Path)
	}
	list, err := r.command(ctx, built.platform, arguments...)
	if err != nil {
		return nil, err
	}
	root, err := r.command(ctx, built.platform, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders := map[string]string{"std": strings.TrimSpace(string(root))}
	for line := range strings.Lines(string(list)) {
		path, folder, _ := strings.Cut(strings.TrimSpace(line), "\t")
		folders[path] = folder
	}
	return folders, nil
}

func appendLicences(all *bytes.Buffer, of *debug.Module, folder string) error {
	if folder == "" {
		return fmt.Errorf("the source of %s is not on this machine", of.Path)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("looking for the licence of %s: %w", of.Path, err)
	}
	found := false
	for _, entry := range entries {
		if !isLicence(entry) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, entry.Name())) //nolint:gosec // a file of a module that go.sum names.
		if err != nil {
			return fmt.Errorf("reading the licence of %s: %w", of.Path, err)
		}
		found = true
		appendText(all, of.Path+" "+of.Version+": "+entry.Name(), text)
	}
	if !found {
		return errors.New(of.Path + " has no licence, so no program with it can be handed on")
	}
	return nil
}
