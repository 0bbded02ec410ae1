package pipeline

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trunkline/trunkline/sinks"
)

// ledgerTable is the table that says what the ledger knows of each UTC day of the call log. It is made when tables are loaded.
const ledgerTable = "ledger"

// coveredDay is one day of that table. What it says of the horizon is as of the day of the account's last reading: so it is the same whenever
// it is made, and of all days only those that come near the horizon or pass it change as time goes by.
type coveredDay struct {
	day           arrow.Date32
	held          sinks.LedgerDay // the zero entry for a gap
	retainedUntil arrow.Date32    // 0: for ever
	near, past    bool            // the horizon
}

// coverage lists the days from the first to the last one of a ledger, for a source that keeps a call for so many days, 0 for ever.
func coverage(g sinks.Ledger, retentionDays int) []coveredDay {
	days := g.Days()
	if len(days) == 0 {
		return nil
	}
	first, last := days[0], days[len(days)-1]
	asOf := lastReading(g, last)
	out := make([]coveredDay, 0, last-first+1)
	for d := first; d <= last; d++ {
		c := coveredDay{day: d, held: g[d]}
		if retentionDays > 0 {
			c.retainedUntil = d + arrow.Date32(retentionDays)
			c.past = c.retainedUntil <= asOf
			c.near = !c.past && c.retainedUntil <= asOf+arrow.Date32(nearHorizon/(24*time.Hour))
		}
		out = append(out, c)
	}
	return out
}

// lastReading is the day of the last reading that the ledger knows of, or the one that is given where it knows of none.
func lastReading(g sinks.Ledger, otherwise arrow.Date32) arrow.Date32 {
	var at time.Time
	for _, held := range g {
		if held.ReadAt.After(at) {
			at = held.ReadAt
		}
	}
	if at.IsZero() {
		return otherwise
	}
	return dayOf(at)
}

// date is the day as its partition is named.
func (c coveredDay) date() string { return c.day.FormattedString() }

// ledgerRows is the ledger as a table, of the local dates by account that are wanted.
func (h holdings) ledgerRows(dates map[string]map[string]bool) arrow.RecordBatch {
	b := array.NewRecordBuilder(arrowmemory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "account_id", Type: arrow.BinaryTypes.String}, {Name: "utc_date", Type: arrow.FixedWidthTypes.Date32},
		{Name: "calls", Type: arrow.PrimitiveTypes.Int64}, {Name: "read_at", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "how", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "doubt", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "is_closed", Type: arrow.FixedWidthTypes.Boolean}, {Name: "is_held", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "is_settled", Type: arrow.FixedWidthTypes.Boolean}, {Name: "retained_until", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "is_near_horizon", Type: arrow.FixedWidthTypes.Boolean}, {Name: "is_past_horizon", Type: arrow.FixedWidthTypes.Boolean},
	}, nil))
	defer b.Release()
	for _, account := range h.accounts {
		for _, c := range h.covered[account] {
			if dates[account][c.date()] {
				c.append(b, account)
			}
		}
	}
	return b.NewRecordBatch()
}

// append adds the day as a row.
func (c coveredDay) append(b *array.RecordBuilder, account string) {
	text := func(column int, s string) {
		if s == "" {
			b.Field(column).AppendNull()
			return
		}
		b.Field(column).(*array.StringBuilder).Append(s)
	}
	date := func(column int, d arrow.Date32) {
		if d == 0 {
			b.Field(column).AppendNull()
			return
		}
		b.Field(column).(*array.Date32Builder).Append(d)
	}
	yes := func(column int, v bool) { b.Field(column).(*array.BooleanBuilder).Append(v) }
	text(0, account)
	date(1, c.day)
	b.Field(2).(*array.Int64Builder).Append(c.held.Rows)
	if c.held.ReadAt.IsZero() {
		b.Field(3).AppendNull()
	} else {
		b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(c.held.ReadAt.UnixMicro()))
	}
	text(4, c.held.How)
	text(5, c.held.Doubt)
	yes(6, c.held.Closed || c.held.Doubt != "")
	yes(7, c.held.Closed)
	yes(8, c.held.Settled)
	date(9, c.retainedUntil)
	yes(10, c.near)
	yes(11, c.past)
}
