package sinks

import (
	"errors"
	"testing"
)

// TestReplaceIf: a write that depends on a version wins once, and loses without doing anything.
func TestReplaceIf(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		write := func(v objectVersion, text string) (objectVersion, error) {
			return l.replaceBytesIf(t.Context(), "a/k", v, []byte(text), "text/plain")
		}
		if _, v, found, err := l.readVersioned(t.Context(), "a/k"); v != "" || found || err != nil {
			t.Fatalf("of no object: %q, %v, %v", v, found, err)
		}
		first, err := write("", "A")
		if err != nil || first == "" {
			t.Fatalf("creating: %q, %v", first, err)
		}
		if _, err := write("", "B"); !errors.Is(err, ErrConflict) {
			t.Errorf("creating what exists: %v", err)
		}
		second, err := write(first, "B")
		if err != nil || second == first {
			t.Fatalf("replacing: %q, %v", second, err)
		}
		third, err := write(second, "A")
		if err != nil || third == first {
			t.Errorf("after A, B, A: version %q again, %v", third, err)
		}
		if _, err := write(first, "C"); !errors.Is(err, ErrConflict) {
			t.Errorf("replacing by a version from before A, B, A: %v", err)
		}
		b, v, found, err := l.readVersioned(t.Context(), "a/k")
		if string(b) != "A" || v != third || !found || err != nil {
			t.Errorf("read %q of %q, %v, %v, want A of %q", b, v, found, err, third)
		}
		if err := l.putBytes(t.Context(), "a/k", []byte("D"), "text/plain"); err != nil {
			t.Fatal(err)
		}
		if _, err := write(third, "E"); !errors.Is(err, ErrConflict) {
			t.Errorf("replacing what an unconditional write replaced: %v", err)
		}
	})
}
