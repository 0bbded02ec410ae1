package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestReadme: every command line of the README is one that the program understands, and its first screen has the two
// commands that a newcomer runs.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	first := strings.Join(strings.SplitN(string(b), "\n", 31)[:30], "\n")
	for _, want := range []string{"go run ./cmd/trunkline demo", "go test ./..."} {
		if !strings.Contains(first, want) {
			t.Errorf("the first screen lacks %q", want)
		}
	}
	lines := regexp.MustCompile("(?:^|[ `])(?:trunkline|go run ./cmd/trunkline) ((?:demo|run|extract|transform|plan|status|query|inspect|dump|replay|redact|erase|simulate)\\b[^`\n]*)").FindAllStringSubmatch(string(b), -1)
	if len(lines) < 4 {
		t.Fatalf("only %d commands found", len(lines))
	}
	for _, m := range lines {
		if err := parses(arguments(m[1])); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
}

// arguments splits a command line as a shell would, as far as the README needs it.
func arguments(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`"([^"]*)"[.,]?|(\S+)`).FindAllStringSubmatch(strings.Split(line, " #")[0], -1) {
		out = append(out, m[1]+strings.TrimRight(m[2], ",;"))
	}
	return out
}

func parses(args []string) error {
	var line cli
	app, err := kong.New(&line, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	_, err = app.Parse(args)
	return err
}
