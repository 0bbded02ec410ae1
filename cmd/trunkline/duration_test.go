package main

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * 24 * time.Hour, "1d12h": 36 * time.Hour, "72h": 72 * time.Hour, "0.5d": 12 * time.Hour, "90s": 90 * time.Second,
		"0s": 0,
	} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%q: %v, %v; want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "-1h", "-1d", "1w", "40000d", "12h1d", "1d 12h"} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: read as %v, want an error", text, time.Duration(s))
		}
	}
}
