package entitysvc_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/entity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reasonOf is the reason of a domain's error, or "" where there is none.
func reasonOf(err error) string {
	if failure, ok := errors.AsType[*entity.Error](err); ok {
		return failure.Reason
	}
	return ""
}
