package sinks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Read is the rows that one reading brought, in the order in which they came: a later row of an id is the later reading.
type Read struct {
	table    Table
	batches  []arrow.RecordBatch
	days     map[arrow.Date32][]ref
	unplaced []ref
	rows     int
}

// NewRead returns an empty reading of the table.
func NewRead(t Table) *Read { return &Read{table: t, days: map[arrow.Date32][]ref{}} }

// Append adds the rows of a page. Those without id or time are set aside: see EachUnplaced.
func (r *Read) Append(batch arrow.RecordBatch) error {
	k, err := keysOf(r.table, batch)
	if err != nil {
		return err
	}
	n := int32(len(r.batches))
	r.batches = append(r.batches, batch)
	for row := range int32(batch.NumRows()) {
		r.rows++
		if k.id.IsNull(int(row)) || k.id.Value(int(row)) == "" || k.time.IsNull(int(row)) {
			r.unplaced = append(r.unplaced, ref{n, row})
			continue
		}
		day := DayOf(int64(k.time.Value(int(row))))
		r.days[day] = append(r.days[day], ref{n, row})
	}
	return nil
}

// DayOf returns the UTC day of an instant in microseconds since 1970.
func DayOf(micros int64) arrow.Date32 {
	const day = 86_400_000_000
	d := micros / day
	if micros%day < 0 {
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

// EachUnplaced visits the rows that have no id or no time and so no place in the table.
func (r *Read) EachUnplaced(visit func(batch arrow.RecordBatch, row int) error) error {
	for _, u := range r.unplaced {
		if err := visit(r.batches[u.batch], int(u.row)); err != nil {
			return err
		}
	}
	return nil
}

// keyColumns are the columns of one batch by which rows are told apart, ordered and versioned.
type keyColumns struct {
	id       *array.String
	time     *array.Timestamp
	modified *array.Timestamp // nil where the batch lacks it
	detail   *array.List      // nil where the batch lacks it
}

func keysOf(t Table, batch arrow.RecordBatch) (keyColumns, error) {
	var k keyColumns
	var ok bool
	if k.id, ok = column(batch, t.ID).(*array.String); !ok {
		return k, fmt.Errorf("the batch lacks the text column %s", t.ID)
	}
	if k.time, ok = column(batch, t.Time).(*array.Timestamp); !ok {
		return k, fmt.Errorf("the batch lacks the timestamp column %s", t.Time)
	}
	k.modified, _ = column(batch, t.Modified).(*array.Timestamp)
	k.detail, _ = column(batch, t.Detail).(*array.List)
	return k, nil
}

func column(batch arrow.RecordBatch, name string) arrow.Array {
	if at := batch.Schema().FieldIndices(name); len(at) == 1 {
		return batch.Column(at[0])
	}
	return nil
}

// version is what decides which of two rows of one id is the newer.
type version struct {
	ref
	modified int64 // lowest where absent: absent is oldest
	detailed bool
}

func (k keyColumns) version(r ref) version {
	v := version{ref: r, modified: -1 << 63}
	if k.modified != nil && k.modified.IsValid(int(r.row)) {
		v.modified = int64(k.modified.Value(int(r.row)))
	}
	v.detailed = k.detail != nil && k.detail.IsValid(int(r.row))
	return v
}

// newer reports whether v replaces w, which was read before it.
func (v version) newer(w version) bool {
	if v.modified != w.modified {
		return v.modified > w.modified
	}
	return v.detailed || !w.detailed
}

// merge returns the newest row of each id, sorted by time and id, as refs into the batches. The refs come in the order of reading.
func merge(t Table, batches []arrow.RecordBatch, refs []ref) ([]ref, error) {
	keys := make([]keyColumns, len(batches))
	for i, b := range batches {
		var err error
		if keys[i], err = keysOf(t, b); err != nil {
			return nil, err
		}
	}
	newest := make(map[string]version, len(refs))
	for _, r := range refs {
		id := keys[r.batch].id.Value(int(r.row))
		v := keys[r.batch].version(r)
		if w, held := newest[id]; !held || v.newer(w) {
			newest[id] = v
		}
	}
	out := make([]ref, 0, len(newest))
	for _, v := range newest {
		out = append(out, v.ref)
	}
	slices.SortFunc(out, func(a, b ref) int {
		return cmp.Or(
			cmp.Compare(keys[a.batch].time.Value(int(a.row)), keys[b.batch].time.Value(int(b.row))),
			strings.Compare(keys[a.batch].id.Value(int(a.row)), keys[b.batch].id.Value(int(b.row))))
	})
	return out, nil
}
