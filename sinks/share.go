package sinks

import (
	"context"
	"maps"
	"time"
)

// RateShare is who shares the rate of one user and application at the source, kept in the lake so that processes on several
// machines know of each other.
type RateShare struct {
	Holders   map[string]time.Time `json:"holders"`             // by the holder's name, when its hold ends
	Penalties map[string]time.Time `json:"penalties,omitempty"` // by rate group, when a penalty ends; "" is all groups
	Writes    int                  `json:"writes"`              // counts the writings, so that no two states are equal
}

func shareKey(name string) string { return "_trunkline/rate/" + name + ".json" }

// Hold enters a holder for a time, or removes it if until is not after now, adds penalties that it met, forgets what has
// ended, and returns what holds then. The name is that of the rate, which holders agree on.
func (l *Lake) Hold(ctx context.Context, name, holder string, now, until time.Time, penalties map[string]time.Time) (RateShare, error) {
	return update(ctx, l, shareKey(name), func(s *RateShare) error {
		if s.Holders == nil {
			s.Holders = map[string]time.Time{}
		}
		if s.Penalties == nil {
			s.Penalties = map[string]time.Time{}
		}
		s.Holders[holder] = until.UTC()
		for group, end := range penalties {
			if end.After(s.Penalties[group]) {
				s.Penalties[group] = end.UTC()
			}
		}
		ended := func(_ string, end time.Time) bool { return !end.After(now) }
		maps.DeleteFunc(s.Holders, ended)
		maps.DeleteFunc(s.Penalties, ended)
		s.Writes++
		return nil
	})
}
