package pipeline

import (
	"math"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

const (
	// fullPage is the largest page that the API gives, in records.
	fullPage = 1000
	// unitPages is how many full pages one unit of reading should hold: few enough to hold in memory and to read
	// again after a failure, enough that its last, partly filled page costs little.
	unitPages = 5
	// settleDelay is how long before now a read of today ends: a finished call appears within half a minute.
	settleDelay = time.Minute
	// rereadEvery is how often days inside the lookback are read again.
	rereadEvery = 24 * time.Hour
)

// Owed lists the days that the ledger lacks at the time now, oldest first: from the first day that was ever closed to today, the days
// that were never closed; those whose last closed read began before the day ended; those whose lookback is over and
// that were not read since; and those inside the lookback that were last read over a day ago. A ledger without a
// closed day (imported ones are none) owes the days since the given time before now.
func Owed(g sinks.Ledger, since, lookback time.Duration, now time.Time) []arrow.Date32 {
	first := dayOf(now.Add(-since))
	for _, d := range g.Days() {
		if g[d].Closed {
			first = d
			break
		}
	}
	var out []arrow.Date32
	for d := first; d <= dayOf(now.Add(-settleDelay)); d++ {
		if isOwed(g[d], dayStart(d+1), lookback, now) {
			out = append(out, d)
		}
	}
	return out
}

func isOwed(held sinks.LedgerDay, end time.Time, lookback time.Duration, now time.Time) bool {
	settlesAt := end.Add(lookback)
	switch {
	case !held.Closed || held.ReadAt.Before(end):
		return true
	case !now.Before(settlesAt):
		return held.ReadAt.Before(settlesAt)
	default:
		return now.Sub(held.ReadAt) > rereadEvery
	}
}

// Settled reports whether a read that began at readAt saw the day after its lookback.
func Settled(d arrow.Date32, readAt time.Time, lookback time.Duration) bool {
	return !readAt.Before(dayStart(d + 1).Add(lookback))
}

// Sizing is by what units are cut.
type Sizing struct {
	CallsPerDay int // expected of a day of which the ledger knows nothing; 0: unknown, and such a day is a unit of its own
	PerPage     int // records a page; 0: 1000, the largest that the API gives
}

func (s Sizing) perPage() int {
	if s.PerPage <= 0 {
		return fullPage
	}
	return s.PerPage
}

// Unit is what is read as one: consecutive days, one window of the call log.
type Unit struct {
	Days     []arrow.Date32
	From, To time.Time // of the window asked for
	Requests *int      // expected number of pages; nil where nothing is known of the days
}

// Units cuts days, which are in order, into units of about five full pages by what is expected of each day.
func Units(days []arrow.Date32, g sinks.Ledger, size Sizing, now time.Time) []Unit {
	var out []Unit
	for len(days) > 0 {
		u := nextUnit(days, g, size, now)
		out = append(out, u)
		days = days[len(u.Days):]
	}
	return out
}

func nextUnit(days []arrow.Date32, g sinks.Ledger, size Sizing, now time.Time) Unit {
	first := expected(days[0], g, size)
	total, guesses := first.records, first.guesses()
	n := 1
	for ; first.known && n < len(days) && days[n] == days[n-1]+1; n++ {
		next := expected(days[n], g, size)
		guesses += next.guesses()
		if !next.known || total+next.records > float64(unitPages*size.perPage()) || next.guessed && guesses > next.mostGuesses {
			break
		}
		total += next.records
	}
	u := Unit{Days: days[:n:n], From: dayStart(days[0]), To: dayStart(days[n-1] + 1)}
	if end := now.Add(-settleDelay).Truncate(time.Second); u.To.After(end) {
		u.To = end
	}
	if first.known {
		requests := max(1, int(math.Ceil(total/float64(size.perPage()))))
		u.Requests = &requests
	}
	return u
}

// expectation is how many records a day is expected to bring.
type expectation struct {
	records float64
	known   bool // something is known; else records is 0
	guessed bool // only what other days of the week brought is known

	mostGuesses int // guessed days that one unit may have: what few days brought says little of many
}

func (e expectation) guesses() int {
	if e.guessed {
		return 1
	}
	return 0
}

// expected: as many as the day brought when it was read whole, else the mean of the held days of the same weekday, else
// what the caller says of a day, else the mean of all held days.
func expected(d arrow.Date32, g sinks.Ledger, size Sizing) expectation {
	if held, ok := g[d]; ok && whole(d, held) {
		return expectation{records: float64(held.Records), known: true}
	}
	var sum, n, sumAll, all int
	for other, held := range g {
		if !whole(other, held) {
			continue
		}
		sumAll, all = sumAll+held.Records, all+1
		if weekday(other) == weekday(d) {
			sum, n = sum+held.Records, n+1
		}
	}
	switch {
	case n > 0:
		return expectation{records: float64(sum) / float64(n), known: true}
	case size.CallsPerDay > 0:
		return expectation{records: float64(size.CallsPerDay), known: true}
	case all > 0:
		return expectation{records: float64(sumAll) / float64(all), known: true, guessed: true, mostGuesses: 2 * all}
	}
	return expectation{}
}

func whole(d arrow.Date32, held sinks.LedgerDay) bool {
	return held.Closed && !held.ReadAt.Before(dayStart(d+1))
}

func weekday(d arrow.Date32) time.Weekday { return dayStart(d).Weekday() }

// runs writes days as ranges of consecutive days.
func runs(days []arrow.Date32) []Window {
	days = slices.Clone(days)
	slices.Sort(days)
	var out []Window
	for _, d := range days {
		if n := len(out); n > 0 && out[n-1].To == d {
			out[n-1].To++
			continue
		}
		out = append(out, Window{From: d, To: d + 1})
	}
	return out
}
