package rfc9110_test

import (
	"math"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func TestDelaySeconds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		delay time.Duration
		want  int64
	}{
		{math.MinInt64, 0},
		{-time.Second, 0},
		{-1, 0},
		{0, 0},
		{1, 1},
		{time.Second - 1, 1},
		{time.Second, 1},
		{time.Second + 1, 2},
		{1500 * time.Millisecond, 2},
		{30 * time.Second, 30},
		{time.Hour, 3600},
		{math.MaxInt64 - 1, 9_223_372_037},
		{math.MaxInt64, 9_223_372_037},
	}
	for _, tt := range tests {
		t.Run(tt.delay.String(), func(t *testing.T) {
			t.Parallel()
			if got := rfc9110.DelaySeconds(tt.delay); got != tt.want {
				t.Errorf("DelaySeconds(%v) = %d, want %d", tt.delay, got, tt.want)
			}
		})
	}
}

func FuzzDelaySeconds(f *testing.F) {
	f.Add(int64(1))
	f.Add(int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, nanoseconds int64) {
		got := rfc9110.DelaySeconds(time.Duration(nanoseconds))
		// got is the least whole number that is not below the delay; floats are
		// exact enough to bound it.
		exact := max(float64(nanoseconds)/1e9, 0)
		if float64(got) < exact-1e-3 || float64(got) >= exact+1+1e-3 {
			t.Errorf("DelaySeconds(%d ns) = %d", nanoseconds, got)
		}
	})
}
