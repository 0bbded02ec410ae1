package sinks

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Read is the rows that one reading brought, in the order in which they came: a later row of an id is the later reading.
// Of an import nothing is known of when its rows were read.
type Read struct {
	table    Table
	imported Canonical // nil for a reading
	batches  []arrow.RecordBatch
	days     map[arrow.Date32][]ref
	unplaced []ref
	timeless []ref // tombstones that say no more than their id
	rows     int
	gathered bool // the versions of each id lie in one day
}

// NewRead returns an empty reading of the table.
func NewRead(t Table) *Read { return &Read{table: t, days: map[arrow.Date32][]ref{}} }

// Canonical writes a row in a form that is the same for equal rows.
type Canonical func(batch arrow.RecordBatch, row int) ([]byte, error)

// NewImport returns an empty import of the table: rows of unknown age, older than any that the lake holds. Of two
// versions that nothing else tells apart, the one with the greater canonical bytes is taken, in whatever order they come.
func NewImport(t Table, c Canonical) *Read {
	r := NewRead(t)
	r.imported = c
	return r
}

// Append adds the rows of a page. Those without id or time are set aside: see EachUnplaced. Tombstones without a time, of a table whose
// tombstones are told by text, are laid over the rows that the days hold of their ids.
func (r *Read) Append(batch arrow.RecordBatch) error {
	k, err := keysOf(r.table, batch)
	if err != nil {
		return err
	}
	n := int32(len(r.batches))
	r.batches = append(r.batches, batch)
	for row := range int32(batch.NumRows()) {
		r.rows++
		if k.timeless(int(row)) {
			r.timeless = append(r.timeless, ref{n, row})
			continue
		}
		if !k.placed(int(row)) {
			r.unplaced = append(r.unplaced, ref{n, row})
			continue
		}
		day := k.dayOf(int(row))
		r.days[day] = append(r.days[day], ref{n, row})
	}
	return nil
}

// AppendUnplaced takes rows of a batch that have no time or no id, as Append does.
func (r *Read) AppendUnplaced(batch arrow.RecordBatch, rows []int) error {
	k, err := keysOf(r.table, batch)
	if err != nil {
		return err
	}
	n := int32(len(r.batches))
	r.batches = append(r.batches, batch)
	for _, row := range rows {
		if f := (ref{n, int32(row)}); k.timeless(row) {
			r.timeless = append(r.timeless, f)
		} else {
			r.unplaced = append(r.unplaced, f)
		}
	}
	return nil
}

// Redact changes all rows, which stay the same records of the same days.
func (r *Read) Redact(change Redact) error {
	for i, batch := range r.batches {
		changed, err := change(batch)
		if err != nil {
			return err
		}
		if changed.NumRows() != batch.NumRows() {
			return fmt.Errorf("%d rows became %d", batch.NumRows(), changed.NumRows())
		}
		r.batches[i] = changed
	}
	return nil
}

// BuriedBy has the read take part in what another one says of rows of unknown days: its tombstones without a time.
func (r *Read) BuriedBy(other *Read) {
	n := int32(len(r.batches))
	r.batches = append(r.batches, other.batches...)
	for _, f := range other.timeless {
		r.timeless = append(r.timeless, ref{n + f.batch, f.row})
	}
}

// dayMicros is a UTC day in microseconds.
const dayMicros = 86_400_000_000

// DayOf returns the UTC day of an instant in microseconds since 1970.
func DayOf(micros int64) arrow.Date32 {
	d := micros / dayMicros
	if micros%dayMicros < 0 {
		d--
	}
	return arrow.Date32(d)
}

// Rows is the number of rows appended, repeated ones included; of the given day if it is not nil.
func (r *Read) Rows(day *arrow.Date32) int {
	if day == nil {
		return r.rows
	}
	return len(r.days[*day])
}

// Earliest is the least time of the day's rows in microseconds since 1970; the end of the day if there are none.
func (r *Read) Earliest(day arrow.Date32) int64 {
	least := int64(day+1) * dayMicros
	for _, f := range r.days[day] {
		if k, err := keysOf(r.table, r.batches[f.batch]); err == nil { // Append has checked it
			least = min(least, k.timeOf(int(f.row)))
		}
	}
	return least
}

// Days lists the days that have rows, in order.
func (r *Read) Days() []arrow.Date32 {
	out := make([]arrow.Date32, 0, len(r.days))
	for d, refs := range r.days {
		if len(refs) > 0 {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}

// EachUnplaced visits the rows that have no id or no time and so no place in the table.
func (r *Read) EachUnplaced(visit func(batch arrow.RecordBatch, row int) error) error {
	for _, u := range r.unplaced {
		if err := visit(r.batches[u.batch], int(u.row)); err != nil {
			return err
		}
	}
	return nil
}

// gatherVersions brings the versions of an id that came with start times of several days together in the day of the newest
// one: a record that moved while it was being read. It is done once, when all pages are there.
func (r *Read) gatherVersions() error {
	if r.gathered || len(r.days) < 2 {
		r.gathered = true
		return nil
	}
	r.gathered = true
	keys, err := allKeys(r.table, r.batches)
	if err != nil {
		return err
	}
	newest := make(map[string]version, r.rows)
	for _, refs := range r.days {
		for _, f := range refs {
			id := keys[f.batch].id.Value(int(f.row))
			v := keys[f.batch].version(f, r.reading(f))
			if w, found := newest[id]; !found || v.compare(w) > 0 {
				newest[id] = v
			}
		}
	}
	for day, refs := range r.days {
		r.days[day] = slices.DeleteFunc(refs, func(f ref) bool {
			to := newest[keys[f.batch].id.Value(int(f.row))].day
			if to != day {
				r.days[to] = append(r.days[to], f)
			}
			return to != day
		})
	}
	for _, refs := range r.days {
		slices.SortFunc(refs, func(a, b ref) int { return cmp.Or(cmp.Compare(a.batch, b.batch), cmp.Compare(a.row, b.row)) })
	}
	return nil
}

// reading numbers the rows of a reading by when they were read, from 1; of an import it is not known. Held rows have the number
// heldReading.
func (r *Read) reading(f ref) int {
	if r.imported != nil {
		return 0
	}
	return 1 + int(f.batch)<<32 + int(f.row)
}

// heldReading is the number of rows that the lake holds: they were read before those of a reading, and count as later
// than those of an import.
func (r *Read) heldReading() int {
	if r.imported != nil {
		return 1
	}
	return 0
}
