package gateway_test

import (
	"context"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/internal/contract"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// forgetful is a store that gives every claim its key.
type forgetful struct{}

func (forgetful) Claim(context.Context, idempotency.Claim) (idempotency.Kept, error) {
	return idempotency.Kept{Claimed: true}, nil
}
func (forgetful) Complete(context.Context, idempotency.Claim, []byte) error { return nil }
func (forgetful) Release(context.Context, idempotency.Claim) error          { return nil }

// A method that needs a key is refused at the start if nothing stores keys, because no
// request could succeed.
//
// checklist: IDE-02
func TestNewNeedsAStoreForKeys(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		key   contract.IdempotencyKey
		store idempotency.Store
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
			_, err = gateway.New(backendWith(declared), gateway.Config{Idempotency: test.store})
			if (err != nil) != test.fails || err != nil && !strings.Contains(err.Error(), declared.Methods[0].FullName) {
				t.Errorf("New: %v, want an error: %t", err, test.fails)
			}
		})
	}
}
