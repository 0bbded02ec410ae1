package sinks

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Versions of a record are ordered by their last change (absent is oldest), then a tombstone after what it deletes, then with
// legs after without, then by when they were read, then by canonical bytes. The newest one is the record; a tombstone
// is laid over the version before it, so that it keeps all fields that did not come with it.

// keyColumns are the columns of one batch by which rows are told apart, ordered and versioned.
type keyColumns struct {
	id       *array.String
	time     *array.Timestamp   // nil for a snapshot
	day      arrow.Date32       // of a snapshot
	modified *array.Timestamp   // nil where the batch lacks it
	detail   *array.List        // nil where the batch lacks it
	buries   bool               // tombstones may lack a time
	deleted  func(row int) bool // nil where the batch lacks it
}

// placed reports whether the row has a place in the table.
func (k keyColumns) placed(row int) bool {
	return k.id.IsValid(row) && k.id.Value(row) != "" && (k.time == nil || k.time.IsValid(row))
}

// timeless reports whether the row is a tombstone that says no more than its id.
func (k keyColumns) timeless(row int) bool {
	return k.buries && k.deleted != nil && k.deleted(row) && k.id.IsValid(row) && k.id.Value(row) != "" && k.time != nil && k.time.IsNull(row)
}

// dayOf is the day of a row that has one.
func (k keyColumns) dayOf(row int) arrow.Date32 {
	if k.time == nil {
		return k.day
	}
	return DayOf(k.timeOf(row))
}

// timeOf is the time of a row that has a place, in microseconds since 1970; within a snapshot all are alike.
func (k keyColumns) timeOf(row int) int64 {
	if k.time == nil {
		return int64(k.day) * dayMicros
	}
	return int64(k.time.Value(row))
}

func keysOf(t Table, batch arrow.RecordBatch) (keyColumns, error) {
	var k keyColumns
	var ok bool
	if k.id, ok = column(batch, t.ID).(*array.String); !ok {
		return k, fmt.Errorf("the batch lacks the text column %s", t.ID)
	}
	if k.day = t.day; !t.IsSnapshot() {
		if k.time, ok = column(batch, t.Time).(*array.Timestamp); !ok {
			return k, fmt.Errorf("the batch lacks the timestamp column %s", t.Time)
		}
	}
	k.modified, _ = column(batch, t.Modified).(*array.Timestamp)
	k.detail, _ = column(batch, t.Detail).(*array.List)
	switch c := column(batch, t.Deleted).(type) {
	case *array.Boolean:
		k.deleted = func(row int) bool { return c.IsValid(row) && c.Value(row) }
	case *array.String:
		k.buries, k.deleted = true, func(row int) bool { return c.IsValid(row) && c.Value(row) == t.DeletedAs }
	}
	return k, nil
}

func allKeys(t Table, batches []arrow.RecordBatch) ([]keyColumns, error) {
	out := make([]keyColumns, len(batches))
	for i, b := range batches {
		var err error
		if out[i], err = keysOf(t, b); err != nil {
			return nil, err
		}
	}
	return out, nil
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
	day      arrow.Date32
	modified int64 // lowest where absent: absent is oldest
	deleted  bool
	detailed bool
	reading  int // a greater one was read later; of equal ones it is not known
}

func (k keyColumns) version(r ref, reading int) version {
	row := int(r.row)
	v := version{ref: r, day: k.dayOf(row), modified: math.MinInt64, reading: reading}
	v.deleted = k.deleted != nil && k.deleted(row)
	switch {
	case k.modified != nil && k.modified.IsValid(row):
		v.modified = int64(k.modified.Value(row))
	case v.deleted:
		v.modified = math.MaxInt64 // a tombstone that does not say when is newer than what it deletes
	}
	v.detailed = k.detail != nil && k.detail.IsValid(row)
	return v
}

// compare orders two versions of one id, the newer one being the greater. It is 0 where their rows must decide.
func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.modified, w.modified), compareBools(v.deleted, w.deleted),
		compareBools(v.detailed, w.detailed), cmp.Compare(v.reading, w.reading))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// merging finds the newest row of each id among batches.
type merging struct {
	table     Table
	schema    *arrow.Schema
	canonical Canonical // nil where the order of reading decides
	overlay   bool      // tombstones are laid over the version before them
	batches   []arrow.RecordBatch
	keys      []keyColumns
	newest    map[string]version
	buried    map[string][]version // all versions of the ids of which one is a tombstone
}

func (r *Read) merging(s *arrow.Schema, overlay bool) *merging {
	return &merging{table: r.table, schema: s, canonical: r.imported, overlay: overlay, newest: map[string]version{}, buried: map[string][]version{}}
}

// add adds a batch whose rows can be merged.
func (m *merging) add(batch arrow.RecordBatch) (int32, error) {
	k, err := keysOf(m.table, batch)
	if err != nil {
		return 0, err
	}
	m.batches, m.keys = append(m.batches, batch), append(m.keys, k)
	return int32(len(m.batches) - 1), nil
}

func (m *merging) id(f ref) string { return m.keys[f.batch].id.Value(int(f.row)) }

// merge takes one more row into account.
func (m *merging) merge(f ref, reading int) error {
	id := m.id(f)
	v := m.keys[f.batch].version(f, reading)
	w, found := m.newest[id]
	if !found {
		m.newest[id] = v
		return nil
	}
	if m.overlay && (v.deleted || w.deleted || m.buried[id] != nil) {
		if m.buried[id] == nil {
			m.buried[id] = []version{w}
		}
		m.buried[id] = append(m.buried[id], v)
	}
	order, err := m.compare(v, w)
	if err == nil && order >= 0 {
		m.newest[id] = v
	}
	return err
}

func (m *merging) compare(v, w version) (int, error) {
	order := v.compare(w)
	if order != 0 || m.canonical == nil {
		return order, nil
	}
	a, err := m.canonical(m.batches[v.batch], int(v.row))
	if err != nil {
		return 0, err
	}
	a = bytes.Clone(a)
	b, err := m.canonical(m.batches[w.batch], int(w.row))
	return bytes.Compare(a, b), err
}

// bury lays the tombstones that are the newest version of their id over the versions before them.
func (m *merging) bury() error {
	for id, versions := range m.buried {
		var failed error
		slices.SortStableFunc(versions, func(v, w version) int {
			order, err := m.compare(v, w)
			failed = cmp.Or(failed, err)
			return order
		})
		if failed != nil {
			return failed
		}
		current := versions[0]
		for _, v := range versions[1:] {
			if v.deleted {
				var err error
				if v, err = m.lay(v, current); err != nil {
					return err
				}
			}
			current = v
		}
		m.newest[id] = current
	}
	return nil
}

// lay makes a row of one version over another.
func (m *merging) lay(upper, lower version) (version, error) {
	batch, err := m.table.Overlay(m.batches[lower.batch], int(lower.row), m.batches[upper.batch], int(upper.row))
	if err != nil {
		return upper, err
	}
	n, err := m.add(batch)
	if err != nil {
		return upper, err
	}
	return m.keys[n].version(ref{n, 0}, upper.reading), nil
}

// rows gathers the newest rows whose time lies in the day and that keep wants, sorted by time and id.
func (m *merging) rows(day arrow.Date32, keep func(id string, v version) bool) (arrow.RecordBatch, error) {
	refs := make([]ref, 0, len(m.newest))
	for id, v := range m.newest {
		if v.day == day && keep(id, v) {
			refs = append(refs, v.ref)
		}
	}
	slices.SortFunc(refs, func(a, b ref) int {
		return cmp.Or(cmp.Compare(m.keys[a.batch].timeOf(int(a.row)), m.keys[b.batch].timeOf(int(b.row))),
			strings.Compare(m.id(a), m.id(b)))
	})
	return gather(m.schema, m.batches, refs)
}
