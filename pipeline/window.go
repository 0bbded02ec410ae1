package pipeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Window is a half-open range of UTC days: From is in it, To is not.
type Window struct{ From, To arrow.Date32 }

// String writes the window as its two ends.
func (w Window) String() string {
	return w.From.FormattedString() + " to " + w.To.FormattedString()
}

// Days lists the days of the window.
func (w Window) Days() []arrow.Date32 {
	var out []arrow.Date32
	for d := w.From; d < w.To; d++ {
		out = append(out, d)
	}
	return out
}

// has says whether a day is in the window; nil has all of them.
func (w *Window) has(day arrow.Date32) bool {
	return w == nil || w.From <= day && day < w.To
}

// ErrEmptyWindow is returned by ParseWindow for a window without a day in it.
var ErrEmptyWindow = errors.New("the window is empty")

// ParseWindow reads the two ends of a window: dates (YYYY-MM-DD, UTC) or RFC 3339 instants, which are widened to whole
// UTC days. An absent end is now. An end in the future is clamped to the end of today. Notes tell what was changed.
func ParseWindow(from, to string, now time.Time) (w Window, notes []string, err error) {
	if from == "" {
		return w, nil, errors.New("--to needs --from: a window has two ends, such as --from 2026-11-01 --to 2026-11-08")
	}
	start, err := parseInstant("--from", from)
	if err != nil {
		return w, nil, err
	}
	end := now
	if to != "" {
		if end, err = parseInstant("--to", to); err != nil {
			return w, nil, err
		}
	}
	switch {
	case start.Equal(end):
		return w, nil, fmt.Errorf("%w: --from and --to are both %s, and --to is not part of the window; for that day give the day after it as --to", ErrEmptyWindow, to)
	case start.After(end):
		return w, nil, fmt.Errorf("%w: --from %s lies after --to %s", ErrEmptyWindow, from, end.Format(time.RFC3339))
	case start.After(now):
		return w, nil, fmt.Errorf("%w: --from %s lies in the future", ErrEmptyWindow, from)
	}
	w = Window{From: dayOf(start), To: dayOf(end.Add(24*time.Hour - time.Nanosecond))}
	if !start.Equal(dayStart(w.From)) || to != "" && !end.Equal(dayStart(w.To)) {
		notes = append(notes, fmt.Sprintf("the window was widened to whole UTC days: %s", w))
	}
	if last := dayOf(now) + 1; w.To > last {
		w.To = last
		notes = append(notes, fmt.Sprintf("the window ends in the future and was clamped: %s", w))
	}
	return w, notes, nil
}

func parseInstant(flag, s string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339Nano} {
		if at, err := time.Parse(form, s); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q: expected a day such as 2026-11-01 or an instant such as 2026-11-01T06:00:00Z", flag, s)
}

func dayOf(at time.Time) arrow.Date32 { return arrow.Date32FromTime(at.UTC()) }

func dayStart(d arrow.Date32) time.Time { return d.ToTime().UTC() }
