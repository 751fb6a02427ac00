// Command imports prints the .proto files that ours import but do not own
// (google/api, google/rpc, google/longrunning, buf/validate) into gen/imports
// below the current folder, where buf.yaml looks for them.
//
// They are printed from the descriptors linked into the Go modules that go.sum
// pins, so that no copy is committed and no registry but the Go module proxy
// is needed to build the project.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/jhump/protoreflect/v2/protoprint"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	_ "google.golang.org/genproto/googleapis/api/serviceconfig"
	_ "google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	_ "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// roots are the files that ours may import; what they import comes along.
var roots = []string{ //nolint:gochecknoglobals // a constant list: Go has no constant slices.
	"buf/validate/validate.proto",
	"google/api/annotations.proto",
	"google/api/httpbody.proto",
	"google/longrunning/operations.proto",
	"google/rpc/code.proto",
	"google/rpc/error_details.proto",
	"google/rpc/status.proto",
}

// folder is where buf.yaml has the module of imported files.
const folder = "gen/imports"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "imports:", err)
		os.Exit(1)
	}
}

func run() error {
	printer := protoprint.Printer{}
	printed := map[string]bool{}
	for _, root := range roots {
		file, err := protoregistry.GlobalFiles.FindFileByPath(root)
		if err != nil {
			return fmt.Errorf("no linked Go package holds %s: %w", root, err)
		}
		if err := printTree(&printer, file, printed); err != nil {
			return err
		}
	}
	return nil
}

// printTree prints file and all that it imports, once each.
func printTree(printer *protoprint.Printer, file protoreflect.FileDescriptor, printed map[string]bool) error {
	// buf and protoc carry google/protobuf themselves.
	if printed[file.Path()] || strings.HasPrefix(file.Path(), "google/protobuf/") {
		return nil
	}
	printed[file.Path()] = true
	imports := file.Imports()
	for i := range imports.Len() {
		if err := printTree(printer, imports.Get(i).FileDescriptor, printed); err != nil {
			return err
		}
	}
	path := filepath.Join(folder, filepath.FromSlash(file.Path()))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("making room for %s: %w", file.Path(), err)
	}
	text, err := printer.PrintProtoToString(file)
	if err != nil {
		return fmt.Errorf("printing %s: %w", file.Path(), err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", file.Path(), err)
	}
	return nil
}
