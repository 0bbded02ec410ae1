package sinks

import "testing"

// TestProbes: every kind of store can be listed, written and read, honours the conditions, and has nothing left of it afterwards.
func TestProbes(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		lake := s.lake(t, s.prefix())
		for _, p := range append(lake.ProbeAccess(t.Context()), lake.ProbeConditions(t.Context())...) {
			if p.Err != nil || p.Skipped != "" && p.What != "conditional write in parts" {
				t.Errorf("%s: %v %s", p.What, p.Err, p.Skipped)
			}
		}
		if left := keysBelow(t, lake); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}
