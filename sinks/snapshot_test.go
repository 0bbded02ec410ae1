package sinks

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

var (
	things       = Table{Name: "things", ID: "id"}
	thingsSchema = arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
)

// thingRows makes a batch of ids and names, in turns; an empty id is null.
func thingRows(pairs ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, thingsSchema)
	for i, s := range pairs {
		column := b.Field(i % 2).(*array.StringBuilder)
		if s == "" {
			column.AppendNull()
			continue
		}
		column.Append(s)
	}
	return b.NewRecordBatch()
}

func snapshot(t *testing.T, l *Lake, day arrow.Date32, pairs ...string) Outcome {
	t.Helper()
	r := NewRead(things.On(day))
	if err := r.Append(thingRows(pairs...)); err != nil {
		t.Fatal(err)
	}
	o, err := l.ReplaceDay(t.Context(), &Merge{AccountID: "1", Schema: thingsSchema, Read: r}, day)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func thingsOn(t *testing.T, l *Lake, day arrow.Date32) (out []string) {
	t.Helper()
	rows, _, err := l.ReadDay(t.Context(), "things", "1", day)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int(rows.NumRows()) {
		out = append(out, rows.Column(0).(*array.String).Value(i)+"="+rows.Column(1).(*array.String).Value(i))
	}
	if faults, err := things.On(day).CheckRows(rows, day); err != nil || faults.Unsorted+faults.Misplaced+faults.Keyless > 0 {
		t.Errorf("day %d: %+v, %v", day, faults, err)
	}
	return out
}

// TestSnapshots: the same ids lie in every day, what a day knows of one changes within the day, and an id that went is kept on the
// days that knew it.
func TestSnapshots(t *testing.T) {
	l := openTestLake(t)
	snapshot(t, l, 10, "b", "Bo", "a", "Al")
	if o := snapshot(t, l, 11, "a", "Al"); !o.Changed || len(o.Left) > 0 {
		t.Errorf("the next day's snapshot: %+v", o)
	}
	snapshot(t, l, 11, "c", "Cy", "a", "Ann")
	if o := snapshot(t, l, 11, "a", "Ann", "c", "Cy"); o.Changed {
		t.Errorf("an equal snapshot was written: %+v", o)
	}
	for day, want := range map[arrow.Date32][]string{10: {"a=Al", "b=Bo"}, 11: {"a=Ann", "c=Cy"}} {
		if diff := cmp.Diff(want, thingsOn(t, l, day)); diff != "" {
			t.Errorf("day %d: %s", day, diff)
		}
	}
	found, err := l.Finish(t.Context(), things, thingsSchema, "1", 11)
	if err != nil || found[11].Rows != 2 || found[10].Rows != 2 {
		t.Errorf("after a killed run: %+v, %v", found, err)
	}
}

// TestSnapshotWithoutID: a row without an id has no place.
func TestSnapshotWithoutID(t *testing.T) {
	r := NewRead(things.On(3))
	if err := r.Append(thingRows("", "nobody", "a", "Al")); err != nil {
		t.Fatal(err)
	}
	unplaced := 0
	if err := r.EachUnplaced(func(arrow.RecordBatch, int) error { unplaced++; return nil }); err != nil || unplaced != 1 {
		t.Errorf("%d rows without a place, %v", unplaced, err)
	}
}
