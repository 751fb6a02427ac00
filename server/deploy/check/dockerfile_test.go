package check_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// buildKit reads a Dockerfile as `docker build` does. It returns the image's
// configuration and the warnings of `docker build --check`.
func buildKit(t *testing.T, text string) (dockerspec.DockerOCIImageConfig, []string) {
	t.Helper()
	var warnings []string
	result, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(text), dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildArgs: map[string]string{"VERSION": "v1.2.3"}},
		TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "arm64"},
		SourceMap:      llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte(text)),
		Warn: func(rule, _, _, message string, _ []parser.Range) {
			warnings = append(warnings, rule+": "+message)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return result.Image.Config, warnings
}

// image is the configuration of the image that the Dockerfile makes.
func image(t *testing.T) dockerspec.DockerOCIImageConfig {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	config, warnings := buildKit(t, string(text))
	for _, warning := range warnings {
		t.Error(warning)
	}
	return config
}

// What an image without anything else needs: a number for a user, programs by their path
// and without a shell, and a volume that is the user's because the user came first.
func TestImage(t *testing.T) {
	t.Parallel()
	config := image(t)
	if diff := cmp.Diff([]string{"/statusway"}, config.Entrypoint); diff != "" {
		t.Errorf("the entry point, wanted (-) and there (+):\n%s", diff)
	}
	if config.User != "65532:65532" {
		t.Errorf("the user is %q", config.User)
	}
	if config.Healthcheck == nil || !slices.Equal(config.Healthcheck.Test, []string{"CMD", "/statusway", "healthcheck"}) {
		t.Errorf("the health check is %+v", config.Healthcheck)
	}
	if _, ok := config.Volumes[config.WorkingDir]; !ok || len(config.Volumes) != 1 {
		t.Errorf("the volumes are %v, and the folder %s", config.Volumes, config.WorkingDir)
	}
	if config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("the labels are %v", config.Labels)
	}
}

// A linter that finds nothing must be one that could.
func TestBuildKitWarns(t *testing.T) {
	t.Parallel()
	_, warnings := buildKit(t, "FROM scratch as program\nENV KEY value\nCOPY $MISSING /\nENTRYPOINT /program\n")
	all := strings.Join(warnings, "\n")
	for _, rule := range []string{"FromAsCasing", "LegacyKeyValueFormat", "UndefinedVar", "JSONArgsRecommended"} {
		if !strings.Contains(all, rule) {
			t.Errorf("no %s in\n%s", rule, all)
		}
	}
}
