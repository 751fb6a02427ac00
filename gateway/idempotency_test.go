package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// forgetful is a store that gives every claim its key.
type forgetful struct{}

func (forgetful) Claim(context.Context, middleware.Claim) (middleware.Kept, error) {
	return middleware.Kept{Claimed: true}, nil
}
func (forgetful) Complete(context.Context, middleware.Claim, []byte) error { return nil }
func (forgetful) Release(context.Context, middleware.Claim) error          { return nil }

// A method that needs a key is refused at the start where nothing keeps one: no
// request could satisfy it.
//
// checklist: IDE-02
func TestNewNeedsAStoreForKeys(t *testing.T) {
	t.Parallel()
	table, err := mapping.Builtin(mapping.Documented)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		key   contract.IdempotencyKey
		store middleware.IdempotencyStore
		fails bool
	}{
		"unsupported, no store": {contract.KeyUnsupported, nil, false},
		"optional, no store":    {contract.KeyOptional, nil, false},
		"required, no store":    {contract.KeyRequired, nil, true},
		"required":              {contract.KeyRequired, forgetful{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto)
			if err != nil {
				t.Fatal(err)
			}
			declared.Methods[0].IdempotencyKey = test.key
			_, err = gateway.New(gateway.Params{
				Contract: declared, Responder: responder, Logger: logger, Now: time.Now, Idempotency: test.store,
				Backend: func(http.ResponseWriter, *http.Request) error { return nil },
			})
			if (err != nil) != test.fails || err != nil && !strings.Contains(err.Error(), declared.Methods[0].FullName) {
				t.Errorf("New: %v, want an error: %t", err, test.fails)
			}
		})
	}
}
