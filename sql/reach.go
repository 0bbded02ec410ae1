package sql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reach is what a unit says: the UTC days beside those of a local day that the day depends on.
type reach struct {
	all           bool
	before, after int
	more          []string // settings that are added to after
}

// parseUnit reads "all", or "day" with numbers of days and names of settings behind it, such as "day -1 +1 +missed_recovery_days".
func parseUnit(unit string) (reach, error) {
	if unit == UnitAll {
		return reach{all: true}, nil
	}
	words := strings.Fields(unit)
	if len(words) == 0 || words[0] != UnitDay {
		return reach{}, fmt.Errorf("unit %q is neither %s nor %s with days before (-1) and after (+1) it", unit, UnitDay, UnitAll)
	}
	var r reach
	for _, word := range words[1:] {
		days, err := strconv.Atoi(word)
		name, isSetting := strings.CutPrefix(word, "+")
		_, known := DefaultSettings().values()[name]
		switch {
		case err == nil && days < 0:
			r.before -= days
		case err == nil && strings.HasPrefix(word, "+"):
			r.after += days
		case isSetting && known:
			r.more = append(r.more, name)
		default:
			return reach{}, fmt.Errorf("unit %q: %q is neither days before (-1) nor after (+1), nor a known setting of days after", unit, word)
		}
	}
	return r, nil
}

// Reach is how many UTC days before and after those that a local day overlaps the day's rows depend on. It means nothing for a
// model of unit all, which depends on every day.
func (m Model) Reach(s Settings) (before, after int) {
	before, after = m.reach.before, m.reach.after
	for _, name := range m.reach.more {
		after += s.values()[name]
	}
	return before, after
}

// inherit takes over the settings and tables of a model that m reads, and refuses a unit of m that reaches less far than that model's.
func (m *Model) inherit(read Model) error {
	covers := read.reach.before <= m.reach.before && read.reach.after <= m.reach.after && !read.reach.all
	for _, name := range read.reach.more {
		covers = covers && slices.Contains(m.reach.more, name)
	}
	if m.Floor != "audits" && !m.reach.all && !covers {
		return fmt.Errorf("model %s of unit %q reads %s of unit %q, which reaches further", m.Relation(), m.Unit, read.Relation(), read.Unit)
	}
	m.Settings, m.Tables = union(m.Settings, read.Settings), union(m.Tables, read.Tables)
	return nil
}
