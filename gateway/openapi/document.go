package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Document is an OpenAPI document. It is immutable.
type Document struct{ text []byte }

// JSON returns the document as indented JSON with a line break at the end. The same backend and policy give
// the same bytes.
func (d *Document) JSON() []byte { return bytes.Clone(d.text) }

// YAML returns the same document as YAML, in the same order.
func (d *Document) YAML() ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(d.text))
	decoder.UseNumber()
	node, err := yamlNode(decoder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("encoding the document: %w", err)
	}
	return out.Bytes(), nil
}

// yamlNode converts one JSON value. JSON is also YAML, but a YAML parser refuses some characters that proto
// comments may contain.
func yamlNode(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	scalar := func(tag, value string) (*yaml.Node, error) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
	}
	switch token := token.(type) {
	case json.Delim:
		return yamlContainer(decoder, token)
	case string:
		return scalar("!!str", token)
	case json.Number:
		if _, err := token.Int64(); err != nil {
			return scalar("!!float", token.String())
		}
		return scalar("!!int", token.String())
	case bool:
		return scalar("!!bool", strconv.FormatBool(token))
	default:
		return scalar("!!null", "null")
	}
}

func yamlContainer(decoder *json.Decoder, open json.Delim) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if open == '{' {
		node = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} // Content alternates names and values.
	}
	for decoder.More() {
		inner, err := yamlNode(decoder)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, inner)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	return node, nil
}

// The parts of a document that this package writes. Members are in the order of the struct.
type (
	root struct {
		OpenAPI    string              `json:"openapi"`
		Info       info                `json:"info"`
		Servers    []server            `json:"servers"`
		Tags       []tag               `json:"tags,omitempty"`
		Paths      *ordered[*pathItem] `json:"paths"`
		Components components          `json:"components"`
	}

	info struct {
		Title       string   `json:"title"`
		Version     string   `json:"version"`
		Description string   `json:"description,omitempty"`
		License     *license `json:"license,omitempty"`
	}

	license struct {
		Name       string `json:"name"`
		Identifier string `json:"identifier"`
	}

	server struct {
		URL string `json:"url"`
	}

	tag struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}

	// requirement lists the required security schemes.
	requirement map[string][]string

	// pathItem maps HTTP methods in lower case to operations.
	pathItem = ordered[*operation]

	operation struct {
		Tags        []string            `json:"tags"`
		Summary     string              `json:"summary,omitempty"`
		Description string              `json:"description,omitempty"`
		OperationID string              `json:"operationId"`
		Deprecated  bool                `json:"deprecated,omitempty"`
		Security    []requirement       `json:"security"`
		Parameters  []*parameter        `json:"parameters,omitempty"`
		RequestBody *requestBody        `json:"requestBody,omitempty"`
		Responses   *ordered[*response] `json:"responses"`
	}

	parameter struct {
		Ref         string               `json:"$ref,omitempty"`
		Name        string               `json:"name,omitempty"`
		In          string               `json:"in,omitempty"`
		Description string               `json:"description,omitempty"`
		Required    bool                 `json:"required,omitempty"`
		Deprecated  bool                 `json:"deprecated,omitempty"`
		Style       string               `json:"style,omitempty"`
		Explode     bool                 `json:"explode,omitempty"`
		Schema      *schema              `json:"schema,omitempty"`
		Content     *ordered[*mediaType] `json:"content,omitzero"`
	}

	requestBody struct {
		Description string               `json:"description,omitempty"`
		Required    bool                 `json:"required,omitempty"`
		Content     *ordered[*mediaType] `json:"content"`
	}

	response struct {
		Ref         string               `json:"$ref,omitempty"`
		Description string               `json:"description,omitempty"`
		Headers     *ordered[*header]    `json:"headers,omitzero"`
		Content     *ordered[*mediaType] `json:"content,omitzero"`
	}

	header struct {
		Ref         string  `json:"$ref,omitempty"`
		Description string  `json:"description,omitempty"`
		Required    bool    `json:"required,omitempty"`
		Schema      *schema `json:"schema,omitempty"`
	}

	mediaType struct {
		Schema   *schema            `json:"schema,omitempty"`
		Example  any                `json:"example,omitempty"`
		Examples *ordered[*example] `json:"examples,omitzero"`
	}

	example struct {
		Ref     string `json:"$ref,omitempty"`
		Summary string `json:"summary,omitempty"`
		Value   any    `json:"value,omitempty"`
	}

	components struct {
		Schemas         *ordered[*schema]         `json:"schemas,omitzero"`
		Responses       *ordered[*response]       `json:"responses,omitzero"`
		Parameters      *ordered[*parameter]      `json:"parameters,omitzero"`
		Examples        *ordered[*example]        `json:"examples,omitzero"`
		Headers         *ordered[*header]         `json:"headers,omitzero"`
		SecuritySchemes *ordered[*securityScheme] `json:"securitySchemes,omitzero"`
	}

	securityScheme struct {
		Type        string `json:"type"`
		Scheme      string `json:"scheme"`
		Description string `json:"description,omitempty"`
	}

	// schema is a JSON Schema (2020-12). The zero value accepts any value.
	schema struct {
		Ref                  string            `json:"$ref,omitempty"`
		Description          string            `json:"description,omitempty"`
		Type                 string            `json:"type,omitempty"`
		Format               string            `json:"format,omitempty"`
		ContentEncoding      string            `json:"contentEncoding,omitempty"`
		ContentMediaType     string            `json:"contentMediaType,omitempty"`
		ContentSchema        *schema           `json:"contentSchema,omitempty"`
		Const                any               `json:"const,omitempty"`
		Enum                 []any             `json:"enum,omitempty"`
		Pattern              string            `json:"pattern,omitempty"`
		MinLength            uint64            `json:"minLength,omitempty"`
		MaxLength            *uint64           `json:"maxLength,omitempty"`
		Minimum              jsonNumber        `json:"minimum,omitempty"`
		ExclusiveMinimum     jsonNumber        `json:"exclusiveMinimum,omitempty"`
		Maximum              jsonNumber        `json:"maximum,omitempty"`
		ExclusiveMaximum     jsonNumber        `json:"exclusiveMaximum,omitempty"`
		Items                *schema           `json:"items,omitempty"`
		MinItems             uint64            `json:"minItems,omitempty"`
		MaxItems             *uint64           `json:"maxItems,omitempty"`
		UniqueItems          bool              `json:"uniqueItems,omitempty"`
		Properties           *ordered[*schema] `json:"properties,omitzero"`
		Required             []string          `json:"required,omitempty"`
		DependentSchemas     *ordered[*schema] `json:"dependentSchemas,omitzero"`
		PropertyNames        *schema           `json:"propertyNames,omitempty"`
		AdditionalProperties *schema           `json:"additionalProperties,omitempty"`
		MinProperties        uint64            `json:"minProperties,omitempty"`
		MaxProperties        *uint64           `json:"maxProperties,omitempty"`
		AllOf                []*schema         `json:"allOf,omitempty"`
		AnyOf                []*schema         `json:"anyOf,omitempty"`
		Not                  *schema           `json:"not,omitempty"`
		Deprecated           bool              `json:"deprecated,omitempty"`
		ReadOnly             bool              `json:"readOnly,omitempty"`
		WriteOnly            bool              `json:"writeOnly,omitempty"`
		Examples             []any             `json:"examples,omitempty"`
	}
)

// newDocument returns the document for a JSON text.
func newDocument(text []byte) (*Document, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indenting the document: %w", err)
	}
	out.WriteByte('\n')
	return &Document{text: out.Bytes()}, nil
}

// jsonNumber is a number in its JSON form; empty means no number.
type jsonNumber = json.Number
