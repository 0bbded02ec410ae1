//go:build race

package pipeline

// underRace: the race detector makes everything about ten times as slow, and several times as large.
const underRace = true
