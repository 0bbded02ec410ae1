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
)

// Sizing is by what units are cut.
type Sizing struct {
	CallsPerDay int // expected of a working day of which the ledger knows nothing; 0: unknown, and such a day is a unit of its own
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
	Requests *float64  // expected number of pages, a mean; nil where nothing is known of the days
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

// unitOf is one window over days, of which today is read up to a minute ago.
func unitOf(days []arrow.Date32, now time.Time) Unit {
	if len(days) == 0 {
		return Unit{}
	}
	u := Unit{Days: days, From: dayStart(days[0]), To: dayStart(days[len(days)-1] + 1)}
	if end := now.Add(-settleDelay).Truncate(time.Second); u.To.After(end) {
		u.To = end
	}
	return u
}

func nextUnit(days []arrow.Date32, g sinks.Ledger, size Sizing, now time.Time) Unit {
	first := expected(days[0], g, size)
	total, variance, guesses := first.records, first.variance, first.guesses()
	n := 1
	for ; first.known && n < len(days) && days[n] == days[n-1]+1; n++ {
		next := expected(days[n], g, size)
		guesses += next.guesses()
		if !next.known || total+next.records > float64(unitPages*size.perPage()) || next.guessed && guesses > next.mostGuesses {
			break
		}
		total, variance = total+next.records, variance+next.variance
	}
	u := unitOf(days[:n:n], now)
	if first.known {
		requests := meanPages(total, variance, size.perPage())
		u.Requests = &requests
	}
	return u
}

// meanPages is how many pages a number of records takes on average, if the number is normally distributed: one, and
// another for each full page that it exceeds.
func meanPages(mean, variance float64, perPage int) float64 {
	pages, deviation := 1.0, math.Sqrt(max(variance, 1))
	for full := float64(perPage); full < mean+8*deviation; full += float64(perPage) {
		pages += 0.5 * math.Erfc((full+0.5-mean)/(deviation*math.Sqrt2))
	}
	return pages
}

// expectation is how many records a day is expected to bring.
type expectation struct {
	records  float64
	variance float64
	known    bool // something is known; else records is 0
	guessed  bool // only what other days of the week brought is known

	mostGuesses int // guessed days that one unit may have: what few days brought says little of many
}

func (e expectation) guesses() int {
	if e.guessed {
		return 1
	}
	return 0
}

// weekendShare is what a Saturday or Sunday of which nothing is known is expected to bring of a working day's calls.
const weekendShare = 0.1

// expected: as many as the day brought when it was read whole, else the mean of the held days of the same weekday, else
// what the caller says of a working day, else the mean of all held days.
func expected(d arrow.Date32, g sinks.Ledger, size Sizing) expectation {
	if held, ok := g[d]; ok && whole(d, held) {
		return expectation{records: float64(held.Records), known: true}
	}
	if mean, ok := usualOn(weekday(d), d, g); ok {
		return expectation{records: mean, variance: varianceOn(weekday(d), mean, g), known: true}
	}
	if size.CallsPerDay > 0 {
		calls := float64(size.CallsPerDay)
		if day := weekday(d); day == time.Saturday || day == time.Sunday {
			calls *= weekendShare
		}
		return expectation{records: calls, variance: calls, known: true}
	}
	sum, all := 0, 0
	for other, held := range g {
		if whole(other, held) {
			sum, all = sum+held.Records, all+1
		}
	}
	if all == 0 {
		return expectation{}
	}
	mean := float64(sum) / float64(all)
	return expectation{records: mean, variance: mean, known: true, guessed: true, mostGuesses: 2 * all}
}

// usualOn is the mean of what the held days of a weekday brought, the given one aside.
func usualOn(day time.Weekday, but arrow.Date32, g sinks.Ledger) (mean float64, known bool) {
	sum, n := 0, 0
	for other, held := range g {
		if other != but && weekday(other) == day && whole(other, held) {
			sum, n = sum+held.Records, n+1
		}
	}
	if n == 0 {
		return 0, false
	}
	return float64(sum) / float64(n), true
}

// varianceOn is how much the held days of a weekday differ, with that of the mean itself; of one day nothing is known,
// and the calls are taken as independent.
func varianceOn(day time.Weekday, mean float64, g sinks.Ledger) float64 {
	squares, n := 0.0, 0.0
	for other, held := range g {
		if weekday(other) == day && whole(other, held) {
			off := float64(held.Records) - mean
			squares, n = squares+off*off, n+1
		}
	}
	if n < 2 {
		return mean
	}
	return squares / (n - 1) * (1 + 1/n)
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
