package sinks

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Read is the rows that one reading brought, in the order in which they came: a later row of an id is the later reading.
// Of an import nothing is known of when its rows were read.
type Read struct {
	table    Table
	imported Canonical // nil for a reading
	batches  []arrow.RecordBatch
	days     map[arrow.Date32][]ref
	unplaced []ref
	rows     int
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
	reading  int // a greater one was read later; of equal ones it is not known
}

func (k keyColumns) version(r ref, reading int) version {
	v := version{ref: r, modified: -1 << 63, reading: reading}
	if k.modified != nil && k.modified.IsValid(int(r.row)) {
		v.modified = int64(k.modified.Value(int(r.row)))
	}
	v.detailed = k.detail != nil && k.detail.IsValid(int(r.row))
	return v
}

// compare orders two versions of one id, the newer one being the greater. It is 0 where their rows must decide.
func (v version) compare(w version) int {
	switch {
	case v.modified != w.modified:
		return cmp.Compare(v.modified, w.modified)
	case v.detailed != w.detailed && v.detailed:
		return 1
	case v.detailed != w.detailed:
		return -1
	}
	return cmp.Compare(v.reading, w.reading)
}

// readings numbers the refs of a day by when they were read: held rows, which are the last `held` of the batches, before
// those of a reading and after those of an import.
func (r *Read) readings(refs []ref, heldBatch int32) []int {
	out := make([]int, len(refs))
	for i, f := range refs {
		switch {
		case f.batch == heldBatch && r.imported != nil:
			out[i] = 1
		case f.batch != heldBatch && r.imported == nil:
			out[i] = 1 + i
		}
	}
	return out
}

// merge returns the newest row of each id, sorted by time and id, as refs into the batches, of which heldBatch (-1 for none)
// is what the lake holds. The others come in the order of reading.
func (r *Read) merge(batches []arrow.RecordBatch, refs []ref, heldBatch int32) ([]ref, error) {
	keys := make([]keyColumns, len(batches))
	for i, b := range batches {
		var err error
		if keys[i], err = keysOf(r.table, b); err != nil {
			return nil, err
		}
	}
	newest := make(map[string]version, len(refs))
	readings := r.readings(refs, heldBatch)
	for i, f := range refs {
		id := keys[f.batch].id.Value(int(f.row))
		v := keys[f.batch].version(f, readings[i])
		w, found := newest[id]
		if !found {
			newest[id] = v
			continue
		}
		later, err := r.later(batches, v, w)
		if err != nil {
			return nil, err
		}
		newest[id] = later
	}
	return sortedRefs(newest, keys), nil
}

func (r *Read) later(batches []arrow.RecordBatch, v, w version) (version, error) {
	order := v.compare(w)
	if order == 0 && r.imported != nil {
		a, err := r.imported(batches[v.batch], int(v.row))
		if err != nil {
			return v, err
		}
		b, err := r.imported(batches[w.batch], int(w.row))
		if err != nil {
			return v, err
		}
		order = bytes.Compare(a, b)
	}
	if order < 0 {
		return w, nil
	}
	return v, nil
}

func sortedRefs(rows map[string]version, keys []keyColumns) []ref {
	out := make([]ref, 0, len(rows))
	for _, v := range rows {
		out = append(out, v.ref)
	}
	slices.SortFunc(out, func(a, b ref) int {
		return cmp.Or(
			cmp.Compare(keys[a.batch].time.Value(int(a.row)), keys[b.batch].time.Value(int(b.row))),
			strings.Compare(keys[a.batch].id.Value(int(a.row)), keys[b.batch].id.Value(int(b.row))))
	})
	return out
}
