package storetest

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// wantOutcomes fails unless one of the crowd got through and the others did not.
func wantOutcomes(t *testing.T, got map[string]int, losers string) {
	t.Helper()
	if diff := cmp.Diff(map[string]int{"": 1, losers: crowd - 1}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func testRaceToCreate(t *testing.T, f *fixture) {
	s := f.store(t)
	wantOutcomes(t, race(func(i int) error {
		_, err := s.CreateEntity(t.Context(), withAttributes("e", "i", float64(i)), entity.Everywhere())

		return err
	}), entity.ReasonEntityExists)
}

func testRaceToPut(t *testing.T, f *fixture) {
	// Two stores on the same data: the writers do not share a process' locks.
	stores := []entity.Store{f.store(t), f.store(t)}
	wantOutcomes(t, race(func(i int) error {
		_, created, err := stores[i%2].PutEntity(t.Context(), entity.PutParams{
			Entity: withAttributes("e", "i", float64(i)), Scope: entity.Everywhere(), Condition: noneExists(),
		})
		if created != (err == nil) {
			return fmt.Errorf("created %t, %w", created, err)
		}

		return err
	}), entity.ReasonPreconditionFailed)
}

func testRaceToReplace(t *testing.T, f *fixture) {
	stores := []entity.Store{f.store(t), f.store(t)}
	condition := ifMatch(entity.Tag{Opaque: mustCreate(t, stores[0], sample("e", "g")).ETag()})
	winner := make(chan int, crowd)
	wantOutcomes(t, race(func(i int) error {
		_, _, err := stores[i%2].PutEntity(t.Context(), entity.PutParams{
			Entity: withAttributes("e", "i", float64(i)), Scope: entity.Everywhere(), Condition: condition,
		})
		if err == nil {
			winner <- i
		}

		return err
	}), entity.ReasonPreconditionFailed)
	if got, want := mustGet(t, stores[0], "e").Attributes["i"], float64(<-winner); got != want {
		t.Errorf("stored is %v, and %v was told so", got, want)
	}
}

func testRaceByETag(t *testing.T, f *fixture) {
	s := f.store(t)
	condition := entity.Condition{ETag: mustCreate(t, s, sample("e", "g")).ETag()}
	wantOutcomes(t, race(func(int) error {
		_, err := s.UpdateEntity(t.Context(), entity.UpdateParams{ID: "e", Scope: entity.Everywhere(), Condition: condition})

		return err
	}), entity.ReasonStaleETag)
}

// Patches of different attributes must all stay, also without a condition.
func testRaceToPatch(t *testing.T, f *fixture) {
	stores := []entity.Store{f.store(t), f.store(t)}
	mustCreate(t, stores[0], sample("e", "g"))
	outcomes := race(func(i int) error {
		_, err := stores[i%2].UpdateEntity(t.Context(), entity.UpdateParams{
			ID: "e", Patch: entity.Patch{Attributes: map[string]any{strconv.Itoa(i): true}}, Scope: entity.Everywhere(),
		})

		return err
	})
	if diff := cmp.Diff(map[string]int{"": crowd}, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if got := len(mustGet(t, stores[1], "e").Attributes); got != crowd {
		t.Errorf("%d attributes are left of %d", got, crowd)
	}
}

func testRaceToDelete(t *testing.T, f *fixture) {
	s := f.store(t)
	mustCreate(t, s, sample("e", "g"))
	wantOutcomes(t, race(func(int) error {
		return s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e", Scope: entity.Everywhere()})
	}), entity.ReasonEntityNotFound)
}

// While an entity moves out of a group, nobody of that group writes it after the
// move: the right is part of the write, not a look before it.
func testRaceToMove(t *testing.T, f *fixture) {
	s := f.store(t)
	mustCreate(t, s, sample("e", "g"))
	foreign := "x"
	race(func(i int) error {
		if i == 0 {
			_, err := s.UpdateEntity(t.Context(), entity.UpdateParams{
				ID:    "e",
				Patch: entity.Patch{Group: &foreign, ResetAttributes: true}, Scope: entity.Everywhere(),
			})

			return err
		}
		e := withAttributes("e", "i", float64(i))
		e.Group = ""
		_, _, err := s.PutEntity(t.Context(), entity.PutParams{Entity: e, DefaultGroup: "g", Scope: entity.Within("g")})

		return err
	})
	if moved := mustGet(t, s, "e"); moved.Group != "x" || len(moved.Attributes) != 0 {
		t.Errorf("after the move: %+v", moved)
	}
}
