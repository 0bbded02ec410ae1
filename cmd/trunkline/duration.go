package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// span is a duration on the command line: Go's units and d for days of 24 hours, as in 30d, 1d12h or 72h.
type span time.Duration

var daysFirst = regexp.MustCompile(`^(\d+(?:\.\d+)?)d(.*)$`)

// UnmarshalText reads a duration; one without a unit is refused.
func (s *span) UnmarshalText(text []byte) error {
	rest, total := string(text), time.Duration(0)
	if m := daysFirst.FindStringSubmatch(rest); m != nil {
		days, err := strconv.ParseFloat(m[1], 64)
		if err != nil || days > 36500 {
			return fmt.Errorf("%q: too long a time", text)
		}
		total, rest = time.Duration(days*float64(24*time.Hour)), m[2]
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return fmt.Errorf("%q: expected a duration with a unit, such as 30d, 72h or 1d12h", text)
		}
		total += d
	}
	if total < 0 || len(text) == 0 {
		return fmt.Errorf("%q: expected a duration with a unit, such as 30d, 72h or 1d12h", text)
	}
	*s = span(total)
	return nil
}
