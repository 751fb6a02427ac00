package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A release is what is to be made of a checkout.
type release struct {
	// root is the folder of the checkout, out that of the files.
	root, out string
	// version, unless it is "", is what the commit has to be.
	version   string
	platforms []platform
	// log is told of each file.
	log io.Writer
}

// make writes the files.
func (r *release) make(ctx context.Context) error {
	if r.out == "" {
		return errors.New("-out is needed")
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil { //nolint:gosec // what is published may be read.
		return fmt.Errorf("making the folder of the files: %w", err)
	}
	var names []string
	for _, p := range r.platforms {
		more, err := r.makeFor(ctx, p)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", p.os, p.arch, err)
		}
		names = append(names, more...)
	}
	if err := r.writeSums(names); err != nil {
		return err
	}
	for _, name := range append(names, sumsName) {
		fmt.Fprintln(r.log, filepath.Join(r.out, name))
	}
	return nil
}

// makeFor writes the archive and the bill of materials of a platform, and returns their
// names.
func (r *release) makeFor(ctx context.Context, p platform) ([]string, error) {
	work, err := os.MkdirTemp("", "statusway-release-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	built, err := r.build(ctx, p, work)
	if err != nil {
		return nil, err
	}
	members, err := r.members(ctx, built)
	if err != nil {
		return nil, err
	}
	bill, err := bill(built)
	if err != nil {
		return nil, err
	}
	archive := p.name(built.version) + p.archive()
	if err := writeArchive(filepath.Join(r.out, archive), built.time, members); err != nil {
		return nil, err
	}
	materials := p.name(built.version) + ".cdx.json"
	if err := writeFile(filepath.Join(r.out, materials), bill); err != nil {
		return nil, err
	}
	return []string{archive, materials}, nil
}

// members are the files of an archive. They lie side by side in it: the Dockerfile
// unpacks them into the root of the image.
func (r *release) members(ctx context.Context, built *program) ([]member, error) {
	licence, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("reading the licence: %w", err)
	}
	others, err := r.licences(ctx, built)
	if err != nil {
		return nil, err
	}
	return []member{
		{name: "LICENSE", mode: 0o644, content: licence},
		{name: "LICENSES-THIRD-PARTY", mode: 0o644, content: others},
		{name: built.platform.program(), mode: 0o755, content: built.content},
	}, nil
}

func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // what is published may be read.
		return fmt.Errorf("writing a file of the release: %w", err)
	}
	return nil
}
