package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// checkFrames compares the messages of a stream with what they have to be.
func checkFrames(content []byte, want []JSON, v Variables) error {
	if want == nil {
		return nil
	}
	got, err := framesOf(string(content))
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("there are %d messages, want %d: %s", len(got), len(want), content)
	}
	var errs []error
	for i, frame := range got {
		var value any
		if err := json.Unmarshal([]byte(frame), &value); err != nil {
			errs = append(errs, fmt.Errorf("message %d: %w: %s", i+1, err, frame))
		} else if err := CheckJSON(value, &want[i], v); err != nil {
			errs = append(errs, fmt.Errorf("message %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// framesOf splits a stream into the lines of application/x-ndjson, the elements of a JSON
// array, or the data of server-sent events. A line of an event that is not data keeps its
// field name.
func framesOf(content string) ([]string, error) {
	var frames []string
	if strings.HasPrefix(content, "[") {
		var elements []json.RawMessage
		if err := json.Unmarshal([]byte(content), &elements); err != nil {
			return nil, fmt.Errorf("the array: %w: %s", err, content)
		}
		for _, element := range elements {
			frames = append(frames, string(element))
		}
		return frames, nil
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(content, "\n"), "\n") {
		data, isEvent := strings.CutPrefix(line, "data: ")
		switch {
		case isEvent:
			frames = append(frames, data)
		case line != "" && !strings.HasPrefix(line, "event: ") && !strings.HasPrefix(line, ":"):
			frames = append(frames, line)
		}
	}
	return frames, nil
}
