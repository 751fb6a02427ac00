package command

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/app"
)

// next returns advice about an error of a command, or "".
func next(cmd *cobra.Command, err error) string {
	_, isInFile := errors.AsType[*policy.FileError](err)
	switch {
	case isUsage(err):
		return fmt.Sprintf("%s --help says how it is called.", cmd.CommandPath())
	case errors.Is(err, syscall.EADDRINUSE) && cmd.Flags().Lookup("grpc-addr") != nil:
		return "Another program uses the address. Choose another with --http-addr and --grpc-addr; port 0 means any free port."
	case errors.Is(err, syscall.EADDRINUSE):
		return "Another program uses the address. Choose another with --http-addr; port 0 means any free port."
	case errors.Is(err, app.ErrDescriptors):
		return "To write one: buf build --as-file-descriptor-set -o api.binpb, or protoc --include_imports --descriptor_set_out=api.binpb"
	case errors.Is(err, errPolicy):
		return "To write one, begin with a copy of a policy: statusway policy show --json > mine.json"
	case isInFile:
		return "The schema is proto/statusway/v1/policy.proto. statusway policy show --json prints a policy to compare with."
	case errors.Is(err, errStatus):
		return `It is of the form {"code": 5, "message": "no such teapot", "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", …}]}`
	case errors.Is(err, errLimited):
		return "Wait that long, or start the demo with a larger --rate-limit."
	case errors.Is(err, errNoDemo):
		return "The target must be an open demo. To start one: statusway serve --demo"
	default:
		return ""
	}
}
