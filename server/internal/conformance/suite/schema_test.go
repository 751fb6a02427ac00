package suite_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite what is generated")

const (
	schemaFile = "data/case.schema.json"
	formatFile = "../format.go"
)

// notOutside are the members of a case that a black box has not.
func notOutside() map[string]bool {
	return map[string]bool{"as": true, "server": true, "grpc": true}
}

type object = map[string]any

// schemaOf makes the schema of a case from its Go types and their comments.
func schemaOf(t *testing.T) []byte {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), formatFile, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]*ast.StructType{}
	comments := map[string]string{}
	for _, declared := range parsed.Decls {
		general, ok := declared.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, one := range general.Specs {
			spec, ok := one.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				types[spec.Name.Name], comments[spec.Name.Name] = structure, sentence(general.Doc)
			}
		}
	}
	s := schemas{t: t, types: types, comments: comments, made: object{}}
	root := s.structure("Case")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "A case of statusway conformance"
	root["$defs"] = s.made
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sentence(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

type schemas struct {
	t        *testing.T
	types    map[string]*ast.StructType
	comments map[string]string
	made     object
}

// structure is the schema of a struct.
func (s *schemas) structure(name string) object {
	properties, required := object{}, []any{}
	s.fields(s.types[name], properties, &required)
	made := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		made["required"] = required
	}
	if text := s.comments[name]; text != "" {
		made["description"] = text
	}
	return made
}

func (s *schemas) fields(of *ast.StructType, properties object, required *[]any) {
	for _, field := range of.Fields.List {
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("yaml")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case options == "inline":
			s.fields(s.types[field.Type.(*ast.Ident).Name], properties, required)
			continue
		case name == "-" || notOutside()[name]:
			continue
		}
		property := s.value(field.Type)
		if text := sentence(field.Doc); text != "" {
			property["description"] = text
		}
		properties[name] = property
		if options != "omitempty" && name != "status" && name != "response" {
			*required = append(*required, name)
		}
	}
}

func (s *schemas) value(of ast.Expr) object {
	switch of := of.(type) {
	case *ast.StarExpr:
		return s.value(of.X)
	case *ast.ArrayType:
		items := object{"type": "array", "items": s.value(of.Elt)}
		if size, ok := of.Len.(*ast.BasicLit); ok {
			items["minItems"], items["maxItems"] = json.Number(size.Value), json.Number(size.Value)
		}
		return items
	case *ast.MapType:
		return object{"type": "object", "additionalProperties": s.value(of.Value)}
	case *ast.Ident:
		return s.named(of.Name)
	default:
		s.t.Fatalf("no schema is known for %T", of)
		return nil
	}
}

func (s *schemas) named(name string) object {
	plain := map[string]string{"string": "string", "int": "integer", "bool": "boolean"}
	if kind, ok := plain[name]; ok {
		return object{"type": kind}
	}
	if name == "JSON" {
		return object{} // anything
	}
	if s.types[name] == nil {
		s.t.Fatalf("no schema is known for %s", name)
	}
	if _, ok := s.made[name]; !ok {
		s.made[name] = nil // being made
		s.made[name] = s.structure(name)
	}
	return object{"$ref": "#/$defs/" + name}
}

// The schema is that of the types, so that the two cannot drift apart.
func TestSchema(t *testing.T) {
	t.Parallel()
	want := schemaOf(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what %s says; run with -update (-want +got):\n%s", schemaFile, formatFile, diff)
	}
}

// Every case is what the schema says, and what is not is refused.
func TestSchemaHolds(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("data/cases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := yaml.Unmarshal(text, &value); err != nil {
			t.Fatal(file, err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	const good = "title: So.\nrow: 200\nrequest: {method: GET, target: /conformance/x, headers: [[A, b]]}\nresponse: {status: 200}\n"
	for name, test := range map[string]struct {
		text  string
		valid bool
	}{
		"good":               {good, true},
		"an unknown member":  {good + "sever: x\n", false},
		"a variant":          {good + "server: own\n", false},
		"a user":             {good + "as: viewer\n", false},
		"gRPC":               {good + "grpc: {method: x}\n", false},
		"no title":           {strings.Replace(good, "title", "titel", 1), false},
		"a row of text":      {strings.Replace(good, "row: 200", "row: ok", 1), false},
		"a field of one":     {strings.Replace(good, "[A, b]", "[A]", 1), false},
		"a status of text":   {strings.Replace(good, "status: 200", "status: ok", 1), false},
		"an unknown of body": {strings.Replace(good, "status: 200", "status: 200, body: {jsn: 1}", 1), false},
		"any JSON":           {strings.Replace(good, "status: 200", "status: 200, body: {json: [1, {a: null}]}", 1), true},
	} {
		var value any
		if err := yaml.Unmarshal([]byte(test.text), &value); err != nil {
			t.Fatal(name, err)
		}
		if err := schema.Validate(value); (err == nil) != test.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
