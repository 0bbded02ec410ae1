package sql

import (
	"maps"
	"slices"
	"strings"
)

// needed are the models that a build of the wanted marts computes, each behind what it reads, and the audits that it runs. An audit is run
// with the marts that it is about: what else it reads is computed for it, if that reaches no further than what is wanted, since of other
// days only part may be loaded.
func (e *Engine) needed(want map[string][]Date) (models, audits []Model) {
	known := e.withTables(nil)
	b := building{models: map[string]Model{}, wanted: map[string]bool{}, given: map[string]bool{}}
	for _, m := range known {
		b.models[m.Relation()] = m
		if m.Floor == "marts" && (m.Unit == UnitAll || len(want[m.Name]) > 0) {
			b.want(m, e.settings)
		}
	}
	need := maps.Clone(b.wanted)
	of := func(m Model) {
		for _, read := range m.Reads {
			need[read] = !b.given[read]
		}
	}
	for _, a := range onFloor(known, "audits") {
		if b.covers(a, e.settings) {
			audits = append(audits, a)
			of(a)
		}
	}
	for _, m := range slices.Backward(known) {
		if need[m.Relation()] {
			models = append(models, m)
			of(m)
		}
	}
	slices.Reverse(models)
	return models, audits
}

// building is what is known of a build while it is made out what it needs. Relations are named with their floors.
type building struct {
	models        map[string]Model
	wanted        map[string]bool
	given         map[string]bool // marts that wanted ones read and that are not wanted themselves
	before, after int             // how far the wanted ones reach
	all           bool
}

func (b *building) want(m Model, s Settings) {
	b.wanted[m.Relation()] = true
	before, after := m.Reach(s)
	b.before, b.after, b.all = max(b.before, before), max(b.after, after), b.all || m.reach.all
	for _, name := range m.Marts {
		relation := "marts." + name
		b.given[relation] = !b.wanted[relation] // models come behind what they read
	}
}

// covers reports whether an audit can be run: that it is about tables alone, or about a mart that is wanted, and what else it reads can
// be computed.
func (b *building) covers(a Model, s Settings) bool {
	about := !slices.ContainsFunc(a.Reads, func(read string) bool { return strings.HasPrefix(read, "marts.") })
	for _, read := range a.Reads {
		m, isModel := b.models[read]
		if !isModel || b.given[read] {
			continue
		}
		about = about || b.wanted[read]
		before, after := m.Reach(s)
		reachable := b.all || !m.reach.all && before <= b.before && after <= b.after && len(m.Marts) == 0
		if !b.wanted[read] && !reachable {
			return false
		}
	}
	return about
}
