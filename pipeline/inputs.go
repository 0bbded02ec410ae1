package pipeline

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// A partition of a mart is built from rows of the tables that its model reads, be it by way of others, and each kind of table says
// which of its rows a local date depends on:
//
//   - Calls and messages have days: those that the local date overlaps, and as many before and after them as the model's unit says.
//   - Snapshots tell how things were on a day: a local date depends on those in force on it, see inForce, and on nothing else. Their own
//     days are not part of what it depends on, so that a snapshot with the rows of the one before makes nothing stale, and one that
//     differs makes stale what reads it, from its day on. Models must not show the day of a snapshot.
//   - The ledger itself is a table, with one row a UTC day, see coveredDay: the partition of that name depends on that row,
//     but for when the day was read: a reading that changed nothing makes nothing stale. Models must not show that, either.
//
//   - A mart that a mart reads has local dates: the one, and as many before and after it as the unit says. What counts is the content of
//     its partitions: one that was built again and came out the same makes nothing stale.
//
// A table that the lake does not hold has no rows.

// snapshotsTable is the table that says which snapshots are in force on which local date. It is made when tables are loaded.
const snapshotsTable = "snapshots_in_force"

// holdings are what the ledgers say of the tables that marts read.
type holdings struct {
	zone     *time.Location
	accounts []string
	ledgers  map[string]map[string]sinks.Ledger // by stream and account
	covered  map[string][]coveredDay            // of the call log, by account

	snapshots map[string]map[string][]arrow.Date32 // the days of snapshots in order, by stream and account
}

// readHoldings reads the ledgers of the call log and of the streams that are among the tables, of all accounts.
func readHoldings(ctx context.Context, lake *sinks.Lake, zone *time.Location, s sql.Settings, tables []string) (holdings, error) {
	h := holdings{zone: zone, ledgers: map[string]map[string]sinks.Ledger{}, covered: map[string][]coveredDay{},
		snapshots: map[string]map[string][]arrow.Date32{}}
	var err error
	if h.accounts, err = lake.Accounts(ctx); err != nil {
		return h, err
	}
	for _, s := range streams {
		if s.Name != CallLogStream && !slices.Contains(tables, s.Name) {
			continue
		}
		if h.ledgers[s.Name], err = ledgersOf(ctx, lake, s.Name); err != nil {
			return h, err
		}
		if s.IsSnapshot() {
			h.snapshots[s.Name] = map[string][]arrow.Date32{}
			for account, ledger := range h.ledgers[s.Name] {
				h.snapshots[s.Name][account] = snapshotDays(ledger)
			}
		}
	}
	for account, ledger := range h.ledgers[CallLogStream] {
		h.covered[account] = coverage(ledger, s.RetentionDays)
	}
	return h, nil
}

// withoutShadowed forgets the days of extensions' own logs of which the company's log has rows: the models do not read them.
func (h holdings) withoutShadowed() {
	for account, own := range h.ledgers[ExtensionCallLogStream] {
		company := h.ledgers[CallLogStream][account]
		maps.DeleteFunc(own, func(day arrow.Date32, _ sinks.LedgerDay) bool { return company[day].Rows > 0 })
	}
}

// datesOf lists the local dates for which the model has a partition of the account, in order: those that some of its tables has rows for.
// Snapshots alone make none.
func (h holdings) datesOf(m sql.Model, account string) []string {
	var out []string
	for _, table := range m.Tables {
		if s, known := streamNamed(table); known && !s.IsSnapshot() {
			out = append(out, localDates(h.ledgers[table][account], h.zone)...)
		}
		if table == ledgerTable {
			for _, c := range h.covered[account] {
				out = append(out, c.date())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// days lists the UTC days of a table that a partition depends on; of snapshots those in force.
func (h holdings) days(table, account string, on stretch) []arrow.Date32 {
	s, known := streamNamed(table)
	switch {
	case !known:
		return nil
	case table == CallLogStream:
		return h.withDaysBeside(account, on.utc.Days())
	case !s.IsSnapshot():
		return on.utc.Days()
	}
	var out []arrow.Date32
	for _, date := range on.dates {
		out = append(out, h.inForceOn(table, account, date)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// withDaysBeside adds the days beside those of extensions' own logs: what the company's log has there does not count in these again.
func (h holdings) withDaysBeside(account string, days []arrow.Date32) []arrow.Date32 {
	var beside []arrow.Date32
	for _, day := range days {
		if h.ledgers[ExtensionCallLogStream][account][day].ContentHash != "" {
			beside = append(beside, day-1, day+1)
		}
	}
	out := slices.Concat(days, beside)
	slices.Sort(out)
	return slices.Compact(out)
}

// write names what a partition depends on of a table.
func (h holdings) write(w io.Writer, table, account string, on stretch) {
	s, known := streamNamed(table)
	ledger := h.ledgers[table][account]
	switch {
	case table == ledgerTable:
		for _, c := range h.covered[account] {
			if slices.Contains(on.dates, c.date()) {
				fmt.Fprintf(w, "%s %d %s %q %q %t %t %s %t %t\n", table, c.held.Rows, c.date(), c.held.How, c.held.Doubt,
					c.held.Closed, c.held.Settled, c.retainedUntil.FormattedString(), c.near, c.past)
			}
		}
	case !known:
	case s.IsSnapshot():
		for _, date := range on.dates {
			var contents []string
			for _, day := range h.inForceOn(table, account, date) {
				contents = append(contents, "="+ledger[day].ContentHash)
			}
			fmt.Fprintf(w, "%s on %s %s\n", table, date, strings.Join(slices.Compact(contents), " "))
		}
	default:
		for _, day := range h.days(table, account, on) {
			fmt.Fprintf(w, "%s %s %s\n", table, day.FormattedString(), ledger[day].ContentHash)
		}
	}
}

// inForceOn lists the snapshots of a table that say how things were on a local date.
func (h holdings) inForceOn(table, account, date string) []arrow.Date32 {
	first, last := bounds(date, h.zone)
	return inForce(h.snapshots[table][account], dayOf(first), dayOf(last))
}

// snapshotDays lists the days of which the lake holds a snapshot, be it one without rows, in order.
func snapshotDays(ledger sinks.Ledger) []arrow.Date32 {
	return slices.DeleteFunc(ledger.Days(), func(day arrow.Date32) bool { return ledger[day].ContentHash == "" && !ledger[day].Closed })
}

// inForce lists those snapshots that say how things were from one UTC day to another: the last one before them, for what went on the
// first day before its snapshot was read, and all that were read on these days. Where there is none, it is the first one after them: what
// it shows is nearer to the truth than nothing. Per id the last of them that has it counts.
func inForce(snapshots []arrow.Date32, first, last arrow.Date32) []arrow.Date32 {
	from, _ := slices.BinarySearch(snapshots, first)
	to, _ := slices.BinarySearch(snapshots, last+1)
	switch {
	case from > 0:
		from--
	case from == to && to < len(snapshots):
		to++
	}
	return snapshots[from:to]
}

// stretch is what of time a partition depends on.
type stretch struct {
	utc   Window   // days of calls and messages
	dates []string // local dates on which those may lie that count
}

// stretchOf is the UTC days that a local date overlaps, two, or three where a zone moved, with as many before and after as are asked for.
// Without any more, only what lies on the date itself counts.
func stretchOf(date string, zone *time.Location, before, after int) stretch {
	first, last := bounds(date, zone)
	s := stretch{utc: Window{From: dayOf(first) - arrow.Date32(before), To: dayOf(last) + 1 + arrow.Date32(after)}, dates: []string{date}}
	if before > 0 || after > 0 {
		s.dates = datesIn(s.utc, zone)
	}
	return s
}

// bounds are the first and the last instant of a local date.
func bounds(date string, zone *time.Location) (first, last time.Time) {
	first, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return first, first.AddDate(0, 0, 1).Add(-time.Nanosecond)
}

// localDates lists the local dates that the held days with rows overlap, in order.
func localDates(ledger sinks.Ledger, zone *time.Location) []string {
	var out []string
	for day, held := range ledger {
		if held.ContentHash != "" {
			out = append(out, datesIn(Window{From: day, To: day + 1}, zone)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// datesIn lists the local dates that a window overlaps, in order.
func datesIn(w Window, zone *time.Location) []string {
	var out []string
	for _, day := range w.Days() {
		from, to := dayStart(day), dayStart(day+1).Add(-time.Nanosecond)
		out = append(out, from.In(zone).Format(time.DateOnly), to.In(zone).Format(time.DateOnly))
	}
	return slices.Compact(out)
}

// datesAround lists a date with as many before and after it as are asked for.
func datesAround(date string, before, after int) []string {
	day := dateNamed(date)
	var out []string
	for _, d := range (Window{From: day - arrow.Date32(before), To: day + arrow.Date32(after) + 1}).Days() {
		out = append(out, d.FormattedString())
	}
	return out
}

// inForceRows is the table of snapshots in force: of each of the local dates, by account, those that say how things were on it.
func (h holdings) inForceRows(dates map[string]map[string]bool) arrow.RecordBatch {
	b := array.NewRecordBuilder(arrowmemory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "account_id", Type: arrow.BinaryTypes.String}, {Name: "table_name", Type: arrow.BinaryTypes.String},
		{Name: "local_date", Type: arrow.FixedWidthTypes.Date32}, {Name: "snapshot_date", Type: arrow.FixedWidthTypes.Date32},
	}, nil))
	defer b.Release()
	for _, account := range slices.Sorted(maps.Keys(dates)) {
		for _, date := range slices.Sorted(maps.Keys(dates[account])) {
			for _, s := range streams {
				if !s.IsSnapshot() {
					continue
				}
				for _, day := range h.inForceOn(s.Name, account, date) {
					b.Field(0).(*array.StringBuilder).Append(account)
					b.Field(1).(*array.StringBuilder).Append(s.Name)
					b.Field(2).(*array.Date32Builder).Append(dateNamed(date))
					b.Field(3).(*array.Date32Builder).Append(day)
				}
			}
		}
	}
	return b.NewRecordBatch()
}

// made are the tables that are made of what the ledgers say, of the local dates by account that are wanted.
func (h holdings) made(dates map[string]map[string]bool) map[string]arrow.RecordBatch {
	return map[string]arrow.RecordBatch{snapshotsTable: h.inForceRows(dates), ledgerTable: h.ledgerRows(dates)}
}

// dateNamed is a local date as a day; 1970-01-01 for what is none.
func dateNamed(date string) arrow.Date32 {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 0
	}
	return dayOf(at)
}

// needs are rows of tables that are to be loaded together.
type needs struct {
	holdings
	utc   map[string]map[string]map[arrow.Date32]bool // days by table and account
	dates map[string]map[string]bool                  // local dates by account, of which the snapshots in force must be known
}

func (h holdings) needNothing() needs {
	return needs{holdings: h, utc: map[string]map[string]map[arrow.Date32]bool{}, dates: map[string]map[string]bool{}}
}

// add needs what a partition of a mart depends on.
func (n needs) add(m sql.Model, account string, on stretch) {
	for _, date := range on.dates {
		if n.dates[account] == nil {
			n.dates[account] = map[string]bool{}
		}
		n.dates[account][date] = true
	}
	for _, table := range m.Tables {
		if n.utc[table] == nil {
			n.utc[table] = map[string]map[arrow.Date32]bool{}
		}
		if n.utc[table][account] == nil {
			n.utc[table][account] = map[arrow.Date32]bool{}
		}
		for _, day := range n.days(table, account, on) {
			n.utc[table][account][day] = true
		}
	}
}

// load loads what is needed, and no more.
func (n needs) load(ctx context.Context, lake *sinks.Lake, engine *sql.Engine) error {
	objects := map[string][]sinks.Object{}
	for _, s := range streams {
		objects[s.Name] = s.objects(n.ledgers[s.Name], func(account string, day arrow.Date32) bool { return n.utc[s.Name][account][day] })
	}
	return loadTables(ctx, lake, engine, objects, n.made(n.dates))
}
