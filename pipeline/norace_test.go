//go:build !race

package pipeline

// raced says that the race detector watches, under which generating a month of calls takes minutes.
const raced = false
