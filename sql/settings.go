package sql

import "fmt"

// Settings are the thresholds of the marts, which staging.settings gives to the models as a row of columns, and what the company says
// of itself, which staging has as tables.
type Settings struct {
	// ServiceLevelS is within how many seconds a call to a queue is answered in time.
	ServiceLevelS int
	// ShortAbandonS is how many seconds a caller waits at most whose hanging up says nothing of the queue.
	ShortAbandonS int
	// MissedRecoveryDays is within how many days a missed caller has to be reached again; 1 to 60. As many days are read
	// behind every day that is built.
	MissedRecoveryDays int
	// RetentionDays is how many days RingCentral keeps a call; 0 for ever.
	RetentionDays int

	// BusinessHours must not overlap; without any it is not known when the company is closed.
	BusinessHours []BusinessHours
	// Holidays are days without business hours; each once.
	Holidays []Holiday
	// RateCards of one contact, and default ones, must not overlap in time.
	RateCards []RateCard
	// Contacts are whose numbers outside numbers are. A number that has several at one time has none.
	Contacts []Contact
}

// DefaultSettings are an answer within 20 s, a short abandonment of 5 s, a call back within 7 days, and a retention of 270 days, the
// shortest that RingCentral's accounts are known to have.
func DefaultSettings() Settings {
	return Settings{ServiceLevelS: 20, ShortAbandonS: 5, MissedRecoveryDays: 7, RetentionDays: 270}
}

// values are the thresholds by the names of their columns.
func (s Settings) values() map[string]int {
	return map[string]int{
		"service_level_s":      s.ServiceLevelS,
		"short_abandon_s":      s.ShortAbandonS,
		"missed_recovery_days": s.MissedRecoveryDays,
		"retention_days":       s.RetentionDays,
	}
}

// Value is a threshold as text, by the name of its column; it is empty for a name that is not known.
func (s Settings) Value(name string) string {
	value, known := s.values()[name]
	if !known {
		return ""
	}
	return fmt.Sprint(value)
}

func (s Settings) check() error {
	switch {
	case s.ServiceLevelS < 0 || s.ShortAbandonS < 0:
		return fmt.Errorf("service level of %d s and short abandonment of %d s: expected seconds, 0 or more", s.ServiceLevelS, s.ShortAbandonS)
	case s.MissedRecoveryDays < 1 || s.MissedRecoveryDays > 60:
		return fmt.Errorf("%d days for calling missed callers back: expected 1 to 60", s.MissedRecoveryDays)
	case s.RetentionDays < 0:
		return fmt.Errorf("%d days for which RingCentral keeps a call: expected 0 (for ever) or more", s.RetentionDays)
	}
	for i, c := range s.RateCards {
		if err := c.check(); err != nil {
			return fmt.Errorf("rate card %d: %w", i+1, err)
		}
	}
	return nil
}

// isSetting reports whether models can declare that they use the name.
func isSetting(name string) bool {
	_, threshold := DefaultSettings().values()[name]
	_, table := settingTables[name]
	return threshold || table
}

// statements set DuckDB's variables, which staging.settings reads.
func (s Settings) statements() string {
	var text string
	values := s.values()
	for _, name := range sortedKeys(values) {
		text += fmt.Sprintf("; set variable %s = %d", name, values[name])
	}
	return text
}
