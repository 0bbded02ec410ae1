package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/trunkline/trunkline/sql"
)

// business reads what the file says of the company: its hours and holidays, and what it charges whom.
func (f *configFile) business(into *sql.Settings) (err error) {
	if hours, ok := f.sections["business-hours"]; ok {
		if into.BusinessHours, err = businessHours(hours); err != nil {
			return err
		}
	}
	if days, ok := f.sections["holidays"]; ok {
		if len(into.BusinessHours) == 0 {
			return days.errorf("holidays are days without business hours; expected the key business-hours beside it")
		}
		if into.Holidays, err = holidays(days); err != nil {
			return err
		}
	}
	if charging, ok := f.sections["billing"]; ok {
		return f.billing(charging, into)
	}
	return nil
}

// weekdays by their names in the file.
var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// businessHours reads stretches such as 09:00-17:30 by weekday, one or a list of them; a day that is not named is closed.
func businessHours(c section) (out []sql.BusinessHours, err error) {
	days, err := c.members(weekdays...)
	if err != nil {
		return nil, err
	}
	for _, day := range days {
		entries := []section{day}
		if day.resolved().Kind == yaml.SequenceNode {
			if entries, err = day.entries(""); err != nil {
				return nil, err
			}
		}
		weekday := time.Weekday((slices.Index(weekdays, day.name()) + 1) % 7)
		hours, err := hoursOf(weekday, entries)
		if err != nil {
			return nil, err
		}
		out = append(out, hours...)
	}
	if len(out) == 0 {
		return nil, c.errorf("expected at least one weekday with hours, such as monday: 09:00-17:30")
	}
	return out, nil
}

var (
	hoursForm   = regexp.MustCompile(`^(\d\d):(\d\d) ?- ?(\d\d):(\d\d)$`)
	hoursWanted = "hours such as 09:00-17:30, a list of them, or closed"
)

// hoursOf reads the stretches of a day, which must not overlap.
func hoursOf(day time.Weekday, entries []section) (out []sql.BusinessHours, err error) {
	for _, entry := range entries {
		text, err := entry.text(hoursWanted)
		if err != nil {
			return nil, err
		}
		if text == "closed" && len(entries) == 1 {
			return nil, nil
		}
		h, err := stretch(day, text)
		if err != nil {
			return nil, entry.errorf("%w", err)
		}
		for _, other := range out {
			if h.FromMinute < other.ToMinute && other.FromMinute < h.ToMinute {
				return nil, entry.errorf("%q overlaps other hours of the day; expected each moment once", text)
			}
		}
		out = append(out, h)
	}
	return out, nil
}

func stretch(day time.Weekday, text string) (h sql.BusinessHours, err error) {
	m := hoursForm.FindStringSubmatch(text)
	if m == nil {
		return h, fmt.Errorf("%q: expected %s", text, hoursWanted)
	}
	var n [4]int
	for i, digits := range m[1:] {
		n[i], _ = strconv.Atoi(digits) // two digits
	}
	h = sql.BusinessHours{Weekday: day, FromMinute: 60*n[0] + n[1], ToMinute: 60*n[2] + n[3]}
	switch {
	case n[1] > 59 || n[3] > 59 || h.FromMinute >= 24*60 || h.ToMinute > 24*60:
		return h, fmt.Errorf("%q: expected times from 00:00 to 24:00", text)
	case h.ToMinute <= h.FromMinute:
		return h, fmt.Errorf("%q ends before it starts; expected hours of one day: what goes on over midnight is 22:00-24:00, and 00:00-06:00 on the next day", text)
	}
	return h, nil
}

// holidays reads a list of dates, each with or without a name.
func holidays(c section) (out []sql.Holiday, err error) {
	entries, err := c.entries("dates such as 2026-12-25, or {date: 2026-12-25, name: Christmas Day}")
	if err != nil {
		return nil, err
	}
	lines := map[string]int{}
	for _, entry := range entries {
		h, err := holiday(entry)
		if err != nil {
			return nil, err
		}
		if first, twice := lines[h.Date]; twice {
			return nil, entry.errorf("%s is there twice, first in line %d; expected each day once", h.Date, first)
		}
		lines[h.Date] = entry.line
		out = append(out, h)
	}
	return out, nil
}

func holiday(entry section) (h sql.Holiday, err error) {
	if entry.resolved().Kind != yaml.MappingNode {
		h.Date, err = entry.date()
		return h, err
	}
	members, err := entry.members("date", "name")
	if err != nil {
		return h, err
	}
	for _, m := range members {
		switch m.name() {
		case "date":
			h.Date, err = m.date()
		case "name":
			h.Name, err = m.text("a name")
		}
		if err != nil {
			return h, err
		}
	}
	if h.Date == "" {
		return h, entry.errorf("expected a date beside the name, such as {date: 2026-12-25, name: %s}", strings.TrimSpace(h.Name))
	}
	return h, nil
}
