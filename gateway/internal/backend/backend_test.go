package backend_test

import (
	"errors"
	"testing"

	"github.com/statusway/statusway/gateway/internal/backend"
)

// A version that one gateway refuses is used by none.
func TestReplace(t *testing.T) {
	t.Parallel()
	first, second := &backend.Version{}, &backend.Version{}
	b := backend.New(backend.Params{Version: first, Targets: nil, Revise: nil, Stop: nil})
	used := map[string]*backend.Version{}
	var refuses error
	for _, name := range []string{"a", "b"} {
		if err := backend.Use(b, backend.User{Change: func(next *backend.Version) error {
			if name == "b" && refuses != nil {
				return refuses
			}
			used[name] = next
			return nil
		}, Report: nil}); err != nil {
			t.Fatal(err)
		}
	}
	// A gateway that cannot use the current version is not asked again.
	never := errors.New("it can use nothing")
	if err := backend.Use(b, backend.User{Change: func(*backend.Version) error { return never }, Report: nil}); !errors.Is(err, never) {
		t.Errorf("Use() = %v", err)
	}
	refuses = errors.New("a route clashes")
	if err := backend.Replace(b, second); !errors.Is(err, refuses) {
		t.Errorf("Replace() = %v", err)
	}
	if backend.Current(b) != first || used["a"] != first || used["b"] != first || b.Revision() != 0 {
		t.Error("the refused version is in use")
	}
	refuses = nil
	if err := backend.Replace(b, second); err != nil {
		t.Fatal(err)
	}
	if backend.Current(b) != second || used["a"] != second || used["b"] != second || b.Revision() != 1 {
		t.Error("the new version is not in use")
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	stopped, fails := 0, errors.New("a connection cannot be closed")
	b := backend.New(backend.Params{Version: &backend.Version{}, Targets: nil, Revise: nil, Stop: func() error {
		stopped++
		return fails
	}})
	for range 2 {
		if err := b.Close(); !errors.Is(err, fails) {
			t.Errorf("Close() = %v", err)
		}
	}
	if stopped != 1 {
		t.Errorf("it is stopped %d times", stopped)
	}
	if err := backend.New(backend.Params{Version: &backend.Version{}, Targets: nil, Revise: nil, Stop: nil}).Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}
