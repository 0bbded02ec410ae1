package pipeline

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// buildDays is how many local days are built together: what DuckDB holds at a time does not grow with history.
const buildDays = 31

// build computes stale partitions of the marts of a stage, some days at a time. A partition depends on its own days only, whatever is
// loaded with it.
func (t *transformation) build(ctx context.Context, stale map[sql.Date][]sql.Model) error {
	days := slices.SortedFunc(maps.Keys(stale), func(a, b sql.Date) int {
		return cmp.Or(strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.LocalDate, b.LocalDate))
	})
	for together := range slices.Chunk(days, buildDays) {
		for _, group := range t.groups(together, stale) {
			if err := t.buildTogether(ctx, group); err != nil {
				return err
			}
		}
	}
	return nil
}

// builds are partitions of marts to build together: by mart, and the days of each in order.
type builds struct {
	models map[string]sql.Model
	days   map[string][]sql.Date
}

func (b *builds) add(m sql.Model, day sql.Date) {
	if b.days == nil {
		b.models, b.days = map[string]sql.Model{}, map[string][]sql.Date{}
	}
	b.models[m.Name], b.days[m.Name] = m, append(b.days[m.Name], day)
}

// fewMore is up to how many times as many days as the marts that reach least far need are loaded for all marts, so that what they share is
// computed once. Where it would be more, as for one day that changed, each reach is built on its own.
const fewMore = 1.5

// groups divides the stale partitions of some days into those that are built together.
func (t *transformation) groups(days []sql.Date, stale map[sql.Date][]sql.Model) []builds {
	type reach struct{ before, after int }
	var all builds
	byReach := map[reach]*builds{}
	for _, day := range days {
		for _, m := range stale[day] {
			before, after := m.Reach(t.engine.Settings())
			r := reach{before, after}
			if byReach[r] == nil {
				byReach[r] = &builds{}
			}
			byReach[r].add(m, day)
			all.add(m, day)
		}
	}
	reaches := slices.SortedFunc(maps.Keys(byReach), func(a, b reach) int {
		return cmp.Or(cmp.Compare(a.before+a.after, b.before+b.after), cmp.Compare(a.before, b.before))
	})
	if float64(t.spread(all)) <= fewMore*float64(t.spread(*byReach[reaches[0]])) {
		return []builds{all}
	}
	var out []builds
	for _, r := range reaches {
		out = append(out, *byReach[r])
	}
	return out
}

// spread is how many UTC days of accounts the partitions depend on.
func (t *transformation) spread(b builds) int {
	days := map[string]map[arrow.Date32]bool{}
	n := 0
	for name, dates := range b.days {
		for _, d := range dates {
			if days[d.AccountID] == nil {
				days[d.AccountID] = map[arrow.Date32]bool{}
			}
			for _, day := range t.dependsOn(b.models[name], d.LocalDate).utc.Days() {
				if !days[d.AccountID][day] {
					days[d.AccountID][day] = true
					n++
				}
			}
		}
	}
	return n
}

// buildTogether loads what partitions depend on, and nothing else, and builds them.
func (t *transformation) buildTogether(ctx context.Context, b builds) error {
	need, read := t.held.needNothing(), map[string]map[string]bool{}
	for name, days := range b.days {
		for _, d := range days {
			need.add(b.models[name], d.AccountID, t.dependsOn(b.models[name], d.LocalDate))
		}
		t.addRead(read, b.models[name], days)
	}
	if err := need.load(ctx, t.lake, t.engine); err != nil {
		return err
	}
	if err := t.loadMarts(ctx, read); err != nil {
		return err
	}
	parts, err := t.engine.Build(ctx, b.days, filepath.Join(t.lake.Scratch(), "marts"))
	if err != nil {
		return err
	}
	return t.keep(parts)
}

// addRead adds the partitions of other marts that days of a mart are built from, by mart.
func (t *transformation) addRead(read map[string]map[string]bool, m sql.Model, days []sql.Date) {
	for _, mart := range m.Marts {
		if read[mart] == nil {
			read[mart] = map[string]bool{}
		}
		for _, d := range days {
			for _, date := range t.datesRead(m, d.LocalDate) {
				read[mart][sinks.MartPath(d.AccountID, date)] = true
			}
		}
	}
}

// datesRead lists the local dates of other marts that a partition is built from.
func (t *transformation) datesRead(m sql.Model, date string) []string {
	before, after := m.Reach(t.engine.Settings())
	return datesAround(date, before, after)
}

// loadMarts loads partitions of marts that others read, as they will be published: those that were built just now, else those of the lake.
func (t *transformation) loadMarts(ctx context.Context, read map[string]map[string]bool) error {
	if len(read) == 0 {
		return nil
	}
	files := map[string][]string{}
	for mart, partitions := range read {
		var held []sinks.Object
		for _, name := range slices.Sorted(maps.Keys(partitions)) {
			content := t.contentOf(mart, name)
			switch p, built := t.built[mart][name]; {
			case content == "":
			case built:
				files[mart] = append(files[mart], p.Path)
			default:
				held = append(held, sinks.Object{Key: sinks.MartObject(mart, name), SHA256: content, Bytes: t.states[mart][name].Bytes})
			}
		}
		found, err := t.lake.Files(ctx, held)
		if err != nil {
			return err
		}
		files[mart] = append(files[mart], found...)
	}
	return t.engine.LoadMarts(ctx, files)
}

// keep holds what was built until it is published, and tells the content of what other marts read.
func (t *transformation) keep(parts []sql.Partition) error {
	for _, p := range parts {
		name := sinks.MartPath(p.AccountID, p.LocalDate)
		t.built[p.Mart][name] = p
		if !t.read[p.Mart] {
			continue
		}
		content := ""
		if p.Rows > 0 {
			var err error
			if content, err = sinks.FileSHA256(p.Path); err != nil {
				return err
			}
		}
		t.contents[p.Mart][name] = content
	}
	return nil
}
