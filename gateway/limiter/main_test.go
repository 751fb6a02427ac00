package limiter_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The library's cleaner ends when the garbage collector finds its store, and in no
// other way.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/ulule/limiter/v3/drivers/store/memory.(*cleaner).Run"))
}
