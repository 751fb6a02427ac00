package check_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// strictly decodes all objects of a manifest as a server would that refuses fields which
// it does not know, and returns their kinds and names.
func strictly(text []byte) ([]string, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var kinds []string
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return kinds, nil
		}
		if err != nil {
			return nil, err
		}
		_, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind.Kind)
	}
}

// Every object is one that Kubernetes knows, in every field, and nothing is missing that
// the task of the file asks for.
func TestManifests(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"serve.yaml": "Service Service StatefulSet PodDisruptionBudget NetworkPolicy",
		"proxy.yaml": "Service Deployment PodDisruptionBudget NetworkPolicy",
	} {
		text, err := os.ReadFile(filepath.Join("../kubernetes", name))
		if err != nil {
			t.Fatal(err)
		}
		kinds, err := strictly(text)
		if got := strings.Join(kinds, " "); err != nil || got != want {
			t.Errorf("%s holds %s, %v, and not %s", name, got, err, want)
		}
	}
}

// A reading that finds nothing wrong must be one that could.
func TestStrictly(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: v1\nkind: Service\n"
	for _, test := range []struct{ name, text, says string }{
		{"an object", head + "spec: {ports: [{port: 80}]}\n", ""},
		{"a field that is none", head + "spec: {prots: []}\n", `unknown field "spec.prots"`},
		{"a field twice", head + "kind: Service\n", "already set"},
		{"a text for a number", head + "spec: {ports: [{port: http}]}\n", "cannot unmarshal"},
		{"a kind that is none", "apiVersion: v1\nkind: Servant\n", "no kind"},
		{"a version that is none", "apiVersion: apps/v2\nkind: Deployment\n", "no kind"},
		{"no kind", "spec: {}\n", "Kind"},
		{"a second object that is wrong", head + "---\n" + head + "sepc: {}\n", "sepc"},
	} {
		_, err := strictly([]byte(test.text))
		if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}
