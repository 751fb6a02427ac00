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
	got := framesOf(string(content))
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

// framesOf splits a stream into the lines of application/x-ndjson, or the data of
// server-sent events. A line of an event that is not data keeps its field name.
func framesOf(content string) []string {
	var frames []string
	for line := range strings.SplitSeq(strings.TrimSuffix(content, "\n"), "\n") {
		data, isEvent := strings.CutPrefix(line, "data: ")
		switch {
		case isEvent:
			frames = append(frames, data)
		case line != "" && !strings.HasPrefix(line, "event: ") && !strings.HasPrefix(line, ":"):
			frames = append(frames, line)
		}
	}
	return frames
}
