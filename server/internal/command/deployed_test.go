package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// deployFolder is where the files lie by which others run the program.
const deployFolder = "../../deploy"

// A deployed is one way in which a file there runs the program.
type deployed struct {
	name        string
	arguments   []string
	environment map[string]string
	// pod is nil unless Kubernetes runs it.
	pod *pod
}

// A pod is what of a pod's template has to do with the program.
type pod struct {
	Grace    int `yaml:"terminationGracePeriodSeconds"`
	Security struct {
		NonRoot bool `yaml:"runAsNonRoot"`
	} `yaml:"securityContext"`
	Containers []struct {
		Args  []string
		Env   []struct{ Name, Value string }
		Ports []struct {
			Name string
			Port int `yaml:"containerPort"`
		}
		Resources struct{ Requests, Limits map[string]string }
		Startup   *probe `yaml:"startupProbe"`
		Liveness  *probe `yaml:"livenessProbe"`
		Readiness *probe `yaml:"readinessProbe"`
		Mounts    []struct {
			Path string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	}
}

type probe struct {
	Get struct{ Path, Port string } `yaml:"httpGet"`
}

// A manifest is an object of Kubernetes.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct{ Spec pod }
		Ports    []struct {
			Target string `yaml:"targetPort"`
		}
	}
}

func deployFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// manifests are the objects of all files for Kubernetes.
func manifests(t *testing.T) []manifest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(deployFolder, "kubernetes", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	var all []manifest
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var one manifest
			if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, one)
		}
	}
	return all
}

// instructions are those of the Dockerfile by their names, each on one line. That it is a
// Dockerfile at all is what server/deploy/check is for.
func instructions(t *testing.T) map[string]string {
	t.Helper()
	text := strings.ReplaceAll(deployFile(t, "Dockerfile"), "\\\n", "")
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			all[name] = rest
		}
	}
	return all
}

// inDocker is how an image runs: first the program, then its health check.
func inDocker(t *testing.T) []deployed {
	t.Helper()
	all := instructions(t)
	words := func(text string) []string {
		var list []string
		_, rest, _ := strings.Cut(text, "[") // Options of HEALTHCHECK come before.
		if err := json.Unmarshal([]byte("["+rest), &list); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return list
	}
	environment := variables(strings.Fields(all["ENV"]))
	return []deployed{
		{name: "Dockerfile", arguments: append(words(all["ENTRYPOINT"]), words(all["CMD"])...)[1:], environment: environment},
		{name: "Dockerfile's health check", arguments: words(all["HEALTHCHECK"])[1:], environment: environment},
	}
}

func variables(assignments []string) map[string]string {
	all := map[string]string{}
	for _, assignment := range assignments {
		if name, value, ok := strings.Cut(assignment, "="); ok && !strings.HasPrefix(name, "#") {
			all[name] = value
		}
	}
	return all
}

// unitOptions are the options of the unit, each the last of its name.
func unitOptions(t *testing.T) map[string]string {
	t.Helper()
	return variables(strings.Split(deployFile(t, "statusway.service"), "\n"))
}

// underSystemd is how the unit runs with the settings that lie beside it.
func underSystemd(t *testing.T) deployed {
	t.Helper()
	options := unitOptions(t)
	environment := variables(strings.Split(deployFile(t, "statusway.env"), "\n"))
	name, value, _ := strings.Cut(options["Environment"], "=")
	environment[name] = strings.ReplaceAll(value, "%S", "/var/lib")
	return deployed{name: "statusway.service", arguments: strings.Fields(options["ExecStart"])[1:], environment: environment}
}

// inKubernetes is how each manifest with a pod runs.
func inKubernetes(t *testing.T) []deployed {
	t.Helper()
	var all []deployed
	for _, one := range manifests(t) {
		if one.Kind != "StatefulSet" && one.Kind != "Deployment" {
			continue
		}
		pod := one.Spec.Template.Spec
		if len(pod.Containers) != 1 {
			t.Fatalf("%s has %d containers", one.Metadata.Name, len(pod.Containers))
		}
		environment := map[string]string{}
		for _, variable := range pod.Containers[0].Env {
			environment[variable.Name] = variable.Value
		}
		all = append(all, deployed{name: one.Kind + " " + one.Metadata.Name, arguments: pod.Containers[0].Args, environment: environment, pod: &pod})
	}
	if len(all) != 2 {
		t.Fatalf("%d manifests run the program", len(all))
	}
	return all
}

func allDeployed(t *testing.T) []deployed {
	t.Helper()
	return append(append(inDocker(t), underSystemd(t)), inKubernetes(t)...)
}
