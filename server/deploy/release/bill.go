package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// bill is the bill of materials of a program, as CycloneDX in JSON. It is read from what
// Go has written into the program, which is exactly what is in it. It has no serial
// number, which would be another one each time.
func bill(built *program) ([]byte, error) {
	main := application(built)
	materials := []cyclonedx.Component{library(goItself(built))}
	for _, one := range built.modules() {
		materials = append(materials, library(one))
	}
	refs := make([]string, len(materials))
	for i, one := range materials {
		refs[i] = one.BOMRef
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: built.time.UTC().Format(time.RFC3339), Component: &main}
	bom.Components = &materials
	// Which module asks for which is not in the program.
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	var text bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	// Not the library's newest: more tools read this one, and another library must not change the bytes.
	if err := encoder.EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	return text.Bytes(), nil
}

// application is the program itself, with the checksum of its file.
func application(built *program) cyclonedx.Component {
	sum := sha256.Sum256(built.content)
	url := packageURL(built.info.Main.Path, built.version)
	return cyclonedx.Component{
		BOMRef:     url,
		Type:       cyclonedx.ComponentTypeApplication,
		Name:       built.info.Main.Path,
		Version:    built.version,
		PackageURL: url,
		Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Licenses:   &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
		Properties: &[]cyclonedx.Property{
			{Name: "GOOS", Value: built.platform.os},
			{Name: "GOARCH", Value: built.platform.arch},
			{Name: "vcs.revision", Value: built.commit},
		},
	}
}

func library(module *debug.Module) cyclonedx.Component {
	url := packageURL(module.Path, module.Version)
	component := cyclonedx.Component{
		BOMRef:     url,
		Type:       cyclonedx.ComponentTypeLibrary,
		Name:       module.Path,
		Version:    module.Version,
		Scope:      cyclonedx.ScopeRequired,
		PackageURL: url,
	}
	// go.sum's sum of a module is a SHA-256 too, if in base64, and over its list of files.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		component.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return component
}

// packageURL names a module as https://github.com/package-url does. Go itself is there
// without the "go" before its version.
func packageURL(path, version string) string {
	if path == "std" {
		version = strings.TrimPrefix(version, "go")
	}
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
