package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/server/internal/app"
)

func newVersion(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the commit that the program was built from",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(streams.Out, cmd.Root().Name(), "version", version())
			return nil
		},
	}
}

// version returns the text of --version after the program's name. No linker flag sets
// it: Go writes the tag and the commit into every program that it builds in a clone.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var about []string
	if commit := setting(info, "vcs.revision"); commit != "" {
		about = append(about, "commit "+commit, setting(info, "vcs.time"))
	}
	about = append(about, info.GoVersion, runtime.GOOS+"/"+runtime.GOARCH)
	return fmt.Sprintf("%s (%s)", info.Main.Version, strings.Join(about, ", "))
}

// builtFrom is as far as the program knows it.
func builtFrom() app.Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return app.Build{Version: "unknown", Commit: ""}
	}
	return app.Build{Version: info.Main.Version, Commit: setting(info, "vcs.revision")}
}

// setting is "" where Go has not written it.
func setting(info *debug.BuildInfo, key string) string {
	for _, setting := range info.Settings {
		if setting.Key == key {
			return setting.Value
		}
	}
	return ""
}
