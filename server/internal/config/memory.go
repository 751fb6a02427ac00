package config

import (
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The shares of the process's memory that request bodies and waiting responses may hold,
// where nothing else is configured.
const (
	bodyShare     = 4
	responseShare = 8
)

// readMemory parses a size. Without one it returns a share of the memory limit, or unknown if there
// is no limit.
func readMemory(text string, share, unknown int64) (int64, error) {
	if text == "" {
		if limit := memoryLimit(); limit > 0 {
			return max(limit/share, 1), nil
		}
		return unknown, nil
	}
	return parseSize(text, math.MaxInt64)
}

// memoryLimit returns how many bytes the process may use: GOMEMLIMIT, else the limit of its
// cgroup, else the machine's memory. It returns 0 if none of them is known.
func memoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit
	}
	limit, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil || limit > math.MaxInt64 {
		return 0
	}
	return int64(limit)
}
