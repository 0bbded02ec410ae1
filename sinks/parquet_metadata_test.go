package sinks

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet/file"
	gocmp "github.com/google/go-cmp/cmp"
	pg "github.com/parquet-go/parquet-go"
)

func openByArrow(t *testing.T, b []byte) *file.Reader {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestSchemaIsArrows holds that the file's schema is the one that arrow's own writer would give it, lists included.
func TestSchemaIsArrows(t *testing.T) {
	batch := callBatch(1, 3)
	var want bytes.Buffer
	if err := writeByArrow(&want, batch); err != nil {
		t.Fatal(err)
	}
	ours, arrows := openByArrow(t, parquetBytes(t, batch, 10, defaultPageBytes)).MetaData(), openByArrow(t, want.Bytes()).MetaData()
	if diff := gocmp.Diff(arrows.Schema.String(), ours.Schema.String()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(ours.Schema.String(), "legs.list.element") && ours.Schema.ColumnIndexByName("legs.list.element.type") < 0 {
		t.Error("the list is not named legs.list.element")
	}
	if ours.GetCreatedBy() != "trunkline" || ours.KeyValueMetadata() != nil {
		t.Errorf("created by %q, with %v", ours.GetCreatedBy(), ours.KeyValueMetadata())
	}
}

// TestMetadataTellsTheTruth compares statistics of chunks and pages, and what page headers count, with the values.
func TestMetadataTellsTheTruth(t *testing.T) {
	for name, has := range patterns {
		for _, size := range []struct{ rows, longest, groupRows, pageBytes int }{{50, 200, 20, defaultPageBytes}, {600, 300, 450, 500}, {600, 3000, 600, 20_000}} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				batch := randomBatch(3, size.rows, size.longest, has)
				b := parquetBytes(t, batch, size.groupRows, size.pageBytes)
				f, err := pg.OpenFile(bytes.NewReader(b), int64(len(b)))
				if err != nil {
					t.Fatal(err)
				}
				r := openByArrow(t, b)
				for g := range r.NumRowGroups() {
					from := g * size.groupRows
					part := batch.NewSlice(int64(from), int64(min(from+size.groupRows, size.rows)))
					for i, slots := range slotsOf(part) {
						checkChunk(t, r, f, g, i, slots)
					}
				}
			})
		}
	}
}

func checkChunk(t *testing.T, r *file.Reader, f *pg.File, g, i int, slots []slot) {
	t.Helper()
	meta := f.Metadata().RowGroups[g].Columns[i].MetaData
	stats := meta.Statistics
	checkBounds(t, slots, stats.MinValue, stats.MaxValue, stats.NullCount)
	index, offsets := f.ColumnIndexes()[g*len(f.Metadata().RowGroups[g].Columns)+i], f.OffsetIndexes()[g*len(f.Metadata().RowGroups[g].Columns)+i]
	pages, err := r.RowGroup(g).GetColumnPageReader(i)
	if err != nil {
		t.Fatal(err)
	}
	hasLong := slices.ContainsFunc(slots, func(s slot) bool { return len(plain(s.Value)) > boundBytes })
	n, row := 0, 0
	for pages.Next() {
		p, ok := pages.Page().(file.DataPage)
		if !ok {
			continue // the dictionary
		}
		part := slots[:p.NumValues()]
		slots = slots[p.NumValues():]
		nulls, rows := 0, 0
		for _, s := range part {
			if s.Value == nil {
				nulls++
			}
			if s.Rep == 0 {
				rows++
			}
		}
		if p, ok := p.(*file.DataPageV2); ok && (int(p.NumNulls()) != nulls || int(p.NumRows()) != rows) {
			t.Errorf("column %d page %d: header says %d nulls, %d rows; there are %d, %d", i, n, p.NumNulls(), p.NumRows(), nulls, rows)
		}
		if got := offsets.PageLocations[n].FirstRowIndex; got != int64(row) {
			t.Errorf("column %d page %d begins with row %d, the index says %d", i, n, row, got)
		}
		if len(index.NullPages) > 0 {
			if index.NullPages[n] != (nulls == len(part)) {
				t.Errorf("column %d page %d: null page is %v", i, n, index.NullPages[n])
			}
			checkBounds(t, part, index.MinValues[n], index.MaxValues[n], index.NullCounts[n])
		} else if !hasLong {
			t.Errorf("column %d: no column index", i)
		}
		n, row = n+1, row+rows
	}
	if pages.Err() != nil || len(slots) > 0 || n != len(offsets.PageLocations) {
		t.Errorf("column %d: %d pages of %d, %d values left, %v", i, n, len(offsets.PageLocations), len(slots), pages.Err())
	}
}

// checkBounds compares statistics with the values; texts too long to be kept have none.
func checkBounds(t *testing.T, slots []slot, least, greatest []byte, nulls int64) {
	t.Helper()
	var wantLeast, wantGreatest any
	for _, s := range slots {
		if s.Value == nil {
			nulls--
			continue
		}
		if wantLeast == nil || compareAny(s.Value, wantLeast) < 0 {
			wantLeast = s.Value
		}
		if wantGreatest == nil || compareAny(s.Value, wantGreatest) > 0 {
			wantGreatest = s.Value
		}
	}
	if nulls != 0 {
		t.Errorf("%d nulls too many", nulls)
	}
	for _, c := range []struct {
		want any
		got  []byte
	}{{wantLeast, least}, {wantGreatest, greatest}} {
		if want := plain(c.want); len(want) <= boundBytes && !bytes.Equal(want, c.got) || len(want) > boundBytes && len(c.got) > 0 {
			t.Errorf("statistics say %q, the values %q", c.got, want)
		}
	}
}

func compareAny(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case bool:
		return cmp.Compare(level(a), level(b.(bool)))
	default:
		return strings.Compare(a.(string), b.(string))
	}
}

func plain(v any) []byte {
	switch v := v.(type) {
	case int64:
		return binary.LittleEndian.AppendUint64(nil, uint64(v))
	case bool:
		return []byte{level(v)}
	case string:
		return []byte(v)
	}
	return nil
}

func TestIDsAreInTheBloomFilter(t *testing.T) {
	const rows, groupRows = 700, 400
	batch := callBatch(9, rows)
	b := parquetBytes(t, batch, groupRows, defaultPageBytes)
	f, err := pg.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	ids := batch.Column(0).(*array.String)
	for g, group := range f.RowGroups() {
		if got := f.Metadata().RowGroups[g].SortingColumns; len(got) != 2 || got[0].ColumnIdx != 6 || got[1].ColumnIdx != 0 {
			t.Errorf("sorting columns %v", got)
		}
		bloom := group.ColumnChunks()[0].BloomFilter()
		if bloom == nil || bloom.Size() > 1024 {
			t.Fatal("no bloom filter of a size for 400 ids")
		}
		present := map[bool]int{}
		for row := range rows {
			ok, err := bloom.Check(pg.ValueOf(ids.Value(row)))
			if err != nil {
				t.Fatal(err)
			}
			inGroup := row/groupRows == g
			if inGroup && !ok {
				t.Fatalf("row %d is not in the filter", row)
			}
			present[!inGroup && ok]++
		}
		if present[true] > rows/20 {
			t.Errorf("%d absent ids pass the filter", present[true])
		}
	}
}
