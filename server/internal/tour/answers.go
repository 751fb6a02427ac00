package tour

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed answers.json
var answers []byte

// Answer is the recorded response to a step, as an example. Times, entity-tags and other
// values that differ from run to run have fixed values here.
type Answer struct {
	// Header are the fields that belong to this response, by their names in Go's
	// spelling. Those that an error has by its policy are left out.
	Header map[string]string `json:"header,omitempty"`
	// Instance is the problem's; empty if it has none.
	Instance string `json:"instance,omitempty"`
	// Body is that of a success; nil if it has none.
	Body json.RawMessage `json:"body,omitempty"`
	// Status is the google.rpc.Status that became an error, as JSON. What it becomes
	// depends on the policy, so only its own part is kept.
	Status json.RawMessage `json:"status,omitempty"`
}

// Answers returns the recorded responses, by the steps' names.
func Answers() (map[string]Answer, error) {
	all := map[string]Answer{}
	if err := json.Unmarshal(answers, &all); err != nil {
		return nil, fmt.Errorf("answers.json: %w", err)
	}
	return all, nil
}
