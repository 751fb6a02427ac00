//go:build race

package cases_test

// underRace reports that the race detector is on, which makes a case ten times as slow. Then
// each case runs in one way only, as `make system` does; `make test` runs all of them in
// every way, without the race detector.
const underRace = true
