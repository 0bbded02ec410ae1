//go:build race

package main

// underRace: the race detector makes everything about ten times as slow.
const underRace = true
