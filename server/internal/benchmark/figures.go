package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// usage is the resources that a process has used since its start.
type usage struct {
	CPU    time.Duration `json:"cpu"`
	Bytes  uint64        `json:"bytes"`
	Allocs uint64        `json:"allocs"`
}

// used is the usage of this process.
func used() (usage, error) {
	var times syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &times); err != nil {
		return usage{}, fmt.Errorf("asking for the CPU time: %w", err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return usage{
		CPU:    time.Duration(times.Utime.Nano() + times.Stime.Nano()),
		Bytes:  memory.TotalAlloc,
		Allocs: memory.Mallocs,
	}, nil
}

// figures are what one request costs.
type figures struct {
	// Wall is how long it takes where one follows the other, and the inverse of the
	// throughput where many are under way. CPU is that of the front end.
	Wall, CPU float64 // nanoseconds
	Bytes     float64
	Allocs    float64
}

// per is the difference between two usages, for each of n requests.
func per(n int, elapsed time.Duration, before, after usage) figures {
	count := float64(n)
	return figures{
		Wall:   float64(elapsed) / count,
		CPU:    float64(after.CPU-before.CPU) / count,
		Bytes:  float64(after.Bytes-before.Bytes) / count,
		Allocs: float64(after.Allocs-before.Allocs) / count,
	}
}

func (u usage) encode() ([]byte, error) {
	text, err := json.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("encoding the usage: %w", err)
	}
	return append(text, '\n'), nil
}
