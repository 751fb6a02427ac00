package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/route"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	type vars = []openapi.PathVariable
	for _, test := range []struct {
		template, text, shape string
		variables             vars
	}{
		{"/", "/", "/", nil},
		{"/v1/entities", "/v1/entities", "/v1/entities", nil},
		{"/v1/entities:import", "/v1/entities:import", "/v1/entities:import", nil},
		{"/v1/entities/{id}", "/v1/entities/{id}", "/v1/entities/{}", vars{{Name: "id", Field: "id"}}},
		{"/v1/entities/{entity.id}", "/v1/entities/{entity.id}", "/v1/entities/{}", vars{{Name: "entity.id", Field: "entity.id"}}},
		{"/v1/{id=*}:run", "/v1/{id}:run", "/v1/{}:run", vars{{Name: "id", Field: "id"}}},
		{
			"/v1/{name=operations/*}:cancel", "/v1/operations/{operationsId}:cancel", "/v1/operations/{}:cancel",
			vars{{Name: "operationsId", Field: "name", Pattern: "operations/*"}},
		},
		{
			"/v1/{name=shelves/*/books/*}", "/v1/shelves/{shelvesId}/books/{booksId}", "/v1/shelves/{}/books/{}",
			vars{{Name: "shelvesId", Field: "name", Pattern: "shelves/*/books/*"}, {Name: "booksId", Field: "name", Pattern: "shelves/*/books/*"}},
		},
		{"/v1/{name=**}", "/v1/{name}", "/v1/{}", vars{{Name: "name", Field: "name", Open: true}}},
		{"/v1/{name=files/**}", "/v1/files/{filesId}", "/v1/files/{}", vars{{Name: "filesId", Field: "name", Pattern: "files/**", Open: true}}},
		{
			"/v1/{name=a/*/*/a/*}", "/v1/a/{aId}/{name}/a/{aId2}", "/v1/a/{}/{}/a/{}",
			vars{
				{Name: "aId", Field: "name", Pattern: "a/*/*/a/*"},
				{Name: "name", Field: "name", Pattern: "a/*/*/a/*"},
				{Name: "aId2", Field: "name", Pattern: "a/*/*/a/*"},
			},
		},
		{"/v1/*/x/**", "/v1/{segment}/x/{segment2}", "/v1/{}/x/{}", vars{{Name: "segment"}, {Name: "segment2", Open: true}}},
		{"/v1/{a}/{b}/c", "/v1/{a}/{b}/c", "/v1/{}/{}/c", vars{{Name: "a", Field: "a"}, {Name: "b", Field: "b"}}},
		{"/v1/{name=fixed}/x", "/v1/fixed/x", "/v1/fixed/x", nil},
	} {
		if _, err := route.Parse(test.template); err != nil {
			t.Errorf("%s: %v", test.template, err)
		}
		text, shape, variables := openapi.ReadPath(test.template)
		if text != test.text || shape != test.shape {
			t.Errorf("%s is %s, of the shape %s; want %s, %s", test.template, text, shape, test.text, test.shape)
		}
		if diff := cmp.Diff(test.variables, variables); diff != "" {
			t.Errorf("%s: want (-) and got (+):\n%s", test.template, diff)
		}
	}
}
