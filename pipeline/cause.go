package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/trunkline/trunkline/sinks"
)

// whyMissing tells why an expected interaction is not in the lake; "" where nothing is known of it.
func (j judge) whyMissing(e int) (cause, detail string) {
	near := j.near(e, 0)
	for _, i := range near {
		if found := j.interactions[i]; found.IsDeleted {
			return CauseDeleted, fmt.Sprintf("RingCentral has deleted call %s", found.ID)
		}
	}
	held, detail := j.holding(e)
	if !held {
		return CauseNotHeld, detail
	}
	for _, i := range near {
		if by := j.takenBy[i]; by >= 0 {
			return CauseTaken, fmt.Sprintf("what there is within %s is already matched with line %d", j.Close.Time, j.matched.expected[by].Line)
		}
	}
	if i, found := j.masked(e); found {
		j.explains[i] = true
		return CauseMasked, fmt.Sprintf("%s %s has the number %s", j.interactions[i].Kind, j.interactions[i].ID, or(j.interactions[i].Number, "withheld"))
	}
	if i, hours, found := j.hoursAway(e); found {
		j.explains[i] = true
		return CauseHours, fmt.Sprintf("%s %s is %+d h away, at %s", j.interactions[i].Kind, j.interactions[i].ID, hours, j.interactions[i].At.Format(time.RFC3339))
	}
	if detail != "" {
		return CauseUnsettled, detail
	}
	return "", "the lake has nothing like it"
}

// masked finds one of the same time, kind and direction whose number is not shown.
func (j judge) masked(e int) (int, bool) {
	want, best := j.matched.expected[e], -1
	from := want.At.Add(-j.Close.Time)
	first, _ := slices.BinarySearchFunc(j.interactions, from, func(i Interaction, at time.Time) int { return i.At.Compare(at) })
	for i := first; i < len(j.interactions) && !j.interactions[i].At.After(want.At.Add(j.Close.Time)); i++ {
		found := j.interactions[i]
		free := j.takenBy[i] < 0 && !j.explains[i] && !found.IsDeleted
		if free && found.Kind == want.Kind && found.Direction == want.Direction && mayBeMasked(found.Number, want.Number) &&
			(best < 0 || found.At.Sub(want.At).Abs() < j.interactions[best].At.Sub(want.At).Abs()) {
			best = i
		}
	}
	return best, best >= 0
}

// mostHoursAway is how far time zones are from UTC at most: 14 hours.
const mostHoursAway = 14

// hoursAway finds one of the same number and kind that is a whole number of hours away, the fewest first.
func (j judge) hoursAway(e int) (i, hours int, found bool) {
	for away := 1; away <= mostHoursAway; away++ {
		for _, hours := range []int{away, -away} {
			for _, i := range j.near(e, time.Duration(hours)*time.Hour) {
				free := j.takenBy[i] < 0 && !j.explains[i] && !j.interactions[i].IsDeleted
				if free && j.interactions[i].Kind == j.matched.expected[e].Kind {
					return i, hours, true
				}
			}
		}
	}
	return 0, 0, false
}

// tablesOf names the tables that may have an interaction of a kind.
var tablesOf = map[string][]string{"call": {CallLogStream}, "sms": {MessagesStream}, "fax": {CallLogStream, MessagesStream}}

// holding says whether the lake holds the day of an expected interaction, in some account and some table that may have it. The detail tells
// why it does not, or, where it does, why something may lack all the same.
func (j judge) holding(e int) (held bool, detail string) {
	want := j.matched.expected[e]
	day := dayOf(want.At)
	for _, table := range tablesOf[want.Kind] {
		for _, account := range j.held.accounts {
			entry := j.held.ledgers[table][account][day]
			if !entry.Closed {
				continue
			}
			lacks := unsettled(day.FormattedString(), entry, want.At)
			if lacks == "" {
				return true, ""
			}
			held, detail = true, lacks
		}
	}
	if !held {
		detail = fmt.Sprintf("the lake does not hold %s of %s; `trunkline run --from %s --to %s` brings it, where RingCentral still has it",
			day.FormattedString(), tablesOf[want.Kind][0], day.FormattedString(), (day + 1).FormattedString())
	}
	return held, detail
}

// unsettled tells why a held day may lack something, "" where it should not.
func unsettled(day string, entry sinks.LedgerDay, at time.Time) string {
	switch {
	case entry.ReadAt.Before(at):
		return fmt.Sprintf("%s was last read before that, at %s", day, entry.ReadAt.UTC().Format(time.RFC3339))
	case !entry.Settled:
		return fmt.Sprintf("%s is not settled: it was last read at %s, when late records were still to be expected", day, entry.ReadAt.UTC().Format(time.RFC3339))
	}
	return ""
}
