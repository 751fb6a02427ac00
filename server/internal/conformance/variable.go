package conformance

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Variables are the values that replace ${name} in the texts of a case:
//
//	${id}            unique to the run, with lower-case letters and digits
//	${token}         the access token of the exchange's user
//	${viewerToken}   the token of a certain user; also editorToken and adminToken
//	${hex:0d0a}      the bytes 0D 0A
//	${repeat:3:ab}   ababab; write a closing brace as \}
//
// and the captured values of earlier exchanges.
type Variables map[string]string

// NewVariables are those of one run; tokens are access tokens by user.
func NewVariables(tokens map[string]string) Variables {
	v := Variables{"id": "c" + strings.ToLower(rand.Text()[:12])}
	for user, token := range tokens {
		v[user+"Token"] = token
	}
	return v
}

// As returns the variables for an exchange of a certain user.
func (v Variables) As(user string) Variables {
	own := maps.Clone(v)
	own["token"] = v[user+"Token"]
	return own
}

// VariablePattern matches a variable in a text.
var VariablePattern = regexp.MustCompile(`\$\{([A-Za-z]+)(?::((?:[^}\\]|\\.)*))?\}`)

// Expand puts the variables into a text.
func (v Variables) Expand(text string) (string, error) {
	var failures []error
	out := VariablePattern.ReplaceAllStringFunc(text, func(found string) string {
		parts := VariablePattern.FindStringSubmatch(found)
		value, err := v.value(parts[1], parts[2])
		failures = append(failures, err)
		return value
	})
	return out, errors.Join(failures...)
}

func (v Variables) value(name, argument string) (string, error) {
	switch name {
	case "hex":
		raw, err := hex.DecodeString(argument)
		return string(raw), err
	case "repeat":
		times, text, _ := strings.Cut(argument, ":")
		n, err := strconv.Atoi(times)
		return strings.Repeat(strings.ReplaceAll(text, `\}`, "}"), max(n, 0)), err
	}
	if value, ok := v[name]; ok && argument == "" {
		return value, nil
	}
	return "", fmt.Errorf("there is no variable ${%s}", name)
}

// ExpandJSON puts the variables into every string and every member's name of a value.
func (v Variables) ExpandJSON(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return v.Expand(value)
	case []any:
		out := make([]any, len(value))
		for i, one := range value {
			var err error
			if out[i], err = v.ExpandJSON(one); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, one := range value {
			plain, err := v.Expand(name)
			if err != nil {
				return nil, err
			}
			if out[plain], err = v.ExpandJSON(one); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return value, nil
	}
}

// What differs between two runs of a case that are alike.
var (
	timePattern   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	etagPattern   = regexp.MustCompile(`("(?:etag|currentEtag|nextPageToken)":)"[^"]+"`)
	randomPattern = regexp.MustCompile(`\b[a-z2-7]{26}\b|\b[A-Z2-7]{26}\b`)
	tokenPattern  = regexp.MustCompile(`("accessToken":)"[^"]+"`)
)

// Generalize replaces values of a single run in a text, so that two runs can be compared.
func (v Variables) Generalize(text string) string {
	names := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Compare(len(v[b]), len(v[a])) })
	for _, name := range names {
		if len(v[name]) >= 8 {
			text = strings.ReplaceAll(text, v[name], "${"+name+"}")
		}
	}
	text = timePattern.ReplaceAllString(text, "<time>")
	text = etagPattern.ReplaceAllString(text, `$1"<tag>"`)
	text = tokenPattern.ReplaceAllString(text, `$1"<token>"`)
	return randomPattern.ReplaceAllString(text, "<random>")
}
