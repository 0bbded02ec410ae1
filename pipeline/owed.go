package pipeline

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

const (
	// settleDelay is how long before now a read of today ends: a finished call appears within half a minute.
	settleDelay = time.Minute
	// rereadEvery is how often days inside the lookback are read again, where no change feed says what changed in them.
	rereadEvery = 24 * time.Hour
	// nearHorizon is how long before RingCentral forgets a day it is called at risk.
	nearHorizon = 14 * 24 * time.Hour
)

// Terms are the durations by which days are owed, settled and forgotten.
type Terms struct {
	Since     time.Duration // how far back an empty lake starts
	Lookback  time.Duration // how long after a day's end late edits are expected
	Retention time.Duration // how long RingCentral keeps a call; 0: for ever
}

// Owed lists the days that the ledger lacks at the time now, oldest first: from the first day that was ever asked for to today, the days
// that were never closed; those whose last closed read began before the day ended; those whose lookback is over and
// that were not read since; those inside the lookback that were last read over a day ago; and those in which the change feed
// missed something. A day that a live feed tells the changes of is not asked for before it has ended, and not again within its
// lookback. A ledger without such a day (imported ones are none) owes the days since the given time before now.
// The zero FeedState is no feed.
func Owed(g sinks.Ledger, feed sinks.FeedState, terms Terms, now time.Time) []arrow.Date32 {
	first, ok := firstAsked(g)
	if !ok {
		first = dayOf(now.Add(-terms.Since))
	}
	var out []arrow.Date32
	for d := first; d <= dayOf(now.Add(-settleDelay)); d++ {
		if isOwed(d, g[d], feed, terms.Lookback, now) {
			out = append(out, d)
		}
	}
	return out
}

// howList marks a day that was read from the call log by start time, or is going to be.
const howList = "list"

// firstAsked is the first day that was ever asked for, whether it came or not.
func firstAsked(g sinks.Ledger) (arrow.Date32, bool) {
	for _, d := range g.Days() {
		if g[d].Closed || g[d].How == howList {
			return d, true
		}
	}
	return 0, false
}

// firstHeld is the first day that was ever closed.
func firstHeld(g sinks.Ledger) (arrow.Date32, bool) {
	for _, d := range g.Days() {
		if g[d].Closed {
			return d, true
		}
	}
	return 0, false
}

func isOwed(d arrow.Date32, held sinks.LedgerDay, feed sinks.FeedState, lookback time.Duration, now time.Time) bool {
	end := dayStart(d + 1)
	settlesAt := end.Add(lookback)
	switch {
	case held.Doubt != "" && !held.ReadAt.Before(settlesAt):
		return false // RingCentral was asked, and has forgotten
	case !feed.GapTo.IsZero() && held.ReadAt.Before(feed.GapTo) && end.After(feed.GapFrom.Add(-lookback)):
		return true
	case now.Before(end) && followed(d, held, feed):
		return false
	case !held.Closed || held.ReadAt.Before(end):
		return true
	case !now.Before(settlesAt):
		return held.ReadAt.Before(settlesAt)
	case followed(d, held, feed):
		return false
	default:
		return now.Sub(held.ReadAt) > rereadEvery
	}
}

// followed reports whether the feed has told every change of the day since it was read, or since it began.
func followed(d arrow.Date32, held sinks.LedgerDay, feed sinks.FeedState) bool {
	if feed.SyncToken == "" {
		return false
	}
	return !feed.Since.After(dayStart(d)) || held.Closed && !held.ReadAt.Before(feed.Since)
}

// Settled reports whether a read that began at readAt saw the day after its lookback.
func Settled(d arrow.Date32, readAt time.Time, lookback time.Duration) bool {
	return !readAt.Before(dayStart(d + 1).Add(lookback))
}

// horizon is the instant before which RingCentral may have forgotten calls; the zero time if it forgets nothing.
func (t Terms) horizon(now time.Time) time.Time {
	if t.Retention <= 0 {
		return time.Time{}
	}
	return now.Add(-t.Retention)
}

// brought is what a closed read brought of a day.
type brought struct {
	records  int
	earliest time.Time // start of the earliest of them
}

// doubt tells why a closed read of a day does not make it held, if the day is old enough for RingCentral to have forgotten. An answer
// without calls says nothing of such a day. An answer is short if it begins no earlier than RingCentral's memory does: at the horizon,
// or with the oldest day that the lake has calls of; and if it has fewer calls than are held, or than half of what is usual.
func (t Terms) doubt(d arrow.Date32, b brought, g sinks.Ledger, now time.Time) string {
	horizon := t.horizon(now)
	if horizon.IsZero() || !dayStart(d).Before(horizon.Add(24*time.Hour)) {
		return ""
	}
	usual, known := usualOn(weekday(d), d, g)
	switch {
	case b.records == 0:
		return sinks.DoubtUnknown
	case dayStart(d).Before(horizon) && (!b.earliest.Before(horizon) || isOldest(d, g)),
		int64(b.records) < g[d].Rows, known && float64(b.records) < usual/2:
		return sinks.DoubtPartial
	}
	return ""
}

// isOldest reports whether the ledger has no calls of an earlier day.
func isOldest(d arrow.Date32, g sinks.Ledger) bool {
	for other, held := range g {
		if other < d && held.Rows > 0 {
			return false
		}
	}
	return true
}

// AtRisk lists the days that RingCentral is about to forget and that are not held, oldest first.
func AtRisk(g sinks.Ledger, terms Terms, now time.Time) []arrow.Date32 {
	horizon := terms.horizon(now)
	if horizon.IsZero() {
		return nil
	}
	var out []arrow.Date32
	for d := dayOf(horizon); d <= dayOf(horizon.Add(nearHorizon)) && d < dayOf(now); d++ {
		if held := g[d]; !held.Closed && held.Doubt == "" {
			out = append(out, d)
		}
	}
	return out
}
