package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// imported is how many entities each import of these tests has.
const imported = 6000

// importBody is the body of an import of so many entities. Every other one has no id
// of its own, so that one which is stored twice would be two.
func importBody(t *testing.T) []byte {
	t.Helper()
	var entities []map[string]string
	for i := range imported {
		one := map[string]string{"displayName": "No. " + strconv.Itoa(i)}
		if i%2 == 0 {
			one["id"] = fmt.Sprintf("e%05d", i)
		}
		entities = append(entities, one)
	}
	body, err := json.Marshal(map[string]any{"entities": entities})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// progress returns how many entities the operation has dealt with, and whether it is
// done.
func (p *process) progress(ctx context.Context, location, token string) (int, bool, error) {
	a, err := p.ask(ctx, http.MethodGet, location, token, nil)
	if err != nil {
		return 0, false, err
	}
	metadata, _ := a.body["metadata"].(map[string]any)
	dealt, _ := metadata["done"].(float64)
	done, _ := a.body["done"].(bool)
	if a.status != http.StatusOK || metadata == nil {
		return 0, false, fmt.Errorf("the operation is %+v", a)
	}
	return int(dealt), done, nil
}

// An import that was accepted comes to its end, whenever the program is killed: every
// entity is there, and no entity twice.
func TestImportSurvivesCrashes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// kills are after how many entities the program is killed, each time it runs.
		// 0 is right after the 202, or right after the start.
		kills []int
	}{
		{"right after the 202", []int{0}},
		{"at the first batch", []int{1}},
		{"in the middle, and again at once", []int{imported / 2, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := "--data-dir=" + t.TempDir()
			p := serve(t, folder, "--rate-limit=off", "--log-level=warn")
			token := p.login(t, "admin", p.await(t, `(?m)password (\S+)\n.*once`)[1])
			body := importBody(t)
			accepted := p.must(t, http.MethodPost, "/v1/entities:import", token, body)
			location := accepted.header.Get("Location")
			if accepted.status != http.StatusAccepted || !strings.HasPrefix(location, "/v1/operations/") {
				t.Fatalf("the import is answered by %+v", accepted)
			}
			for _, after := range test.kills {
				if after > 0 {
					eventually(t, func(ctx context.Context) (bool, error) {
						dealt, _, err := p.progress(ctx, location, token)
						return dealt >= after, err
					})
				}
				p.kill()
				p = serve(t, folder, "--rate-limit=off", "--log-level=warn")
			}
			eventually(t, func(ctx context.Context) (bool, error) {
				_, done, err := p.progress(ctx, location, token)
				return done, err
			})
			p.checkImported(t, location, token)
			p.stop(t)
		})
	}
}

func (p *process) checkImported(t *testing.T, location, token string) {
	t.Helper()
	a := p.must(t, http.MethodGet, location, token, nil)
	response, _ := a.body["response"].(map[string]any)
	if failures, _ := response["failures"].([]any); response["created"] != float64(imported) || len(failures) > 0 || a.body["error"] != nil {
		t.Errorf("the operation has come to %v", a.body)
	}
	stored := p.export(t, token)
	for i := range imported {
		if n := stored["No. "+strconv.Itoa(i)]; n != 1 {
			t.Errorf("No. %d is stored %d times", i, n)
		}
	}
	if len(stored) != imported {
		t.Errorf("%d entities are stored, want %d", len(stored), imported)
	}
}

// export counts all entities by their names.
func (p *process) export(t *testing.T, token string) map[string]int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.rest+"/v1/entities:export", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	names := map[string]int{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		var line struct {
			Result struct {
				DisplayName string `json:"displayName"`
			} `json:"result"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Result.DisplayName == "" {
			t.Fatalf("the export has the line %q: %v", lines.Text(), err)
		}
		names[line.Result.DisplayName]++
	}
	if err := lines.Err(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the export ends with %d, %v", response.StatusCode, err)
	}
	return names
}
