package sinks

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
	pg "github.com/parquet-go/parquet-go"
)

func parquetBytes(t *testing.T, batch arrow.RecordBatch, groupRows, pageBytes int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeRows(&b, callTable, batch, groupRows, pageBytes); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEveryReaderReadsBack writes random batches and has three readers compare every value, null and level.
func TestEveryReaderReadsBack(t *testing.T) {
	db := openDuckDB(t)
	for name, has := range patterns {
		for i, size := range []struct{ rows, longest, groupRows, pageBytes int }{
			{0, 10, 100, 1000}, {1, 10, 100, 1000}, {2, 0, 1, 1}, {7, 5000, 3, 1000},
			{100, 40, 100, 1}, // a page a row
			{500, 40, 333, 500}, {1500, 40, 1200, 3000}, {1500, 40, rowGroupRows, defaultPageBytes},
			{3, 6 << 20, rowGroupRows, defaultPageBytes}, // texts longer than a page
		} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				batch := randomBatch(uint64(i), size.rows, size.longest, has)
				b := parquetBytes(t, batch, size.groupRows, size.pageBytes)
				checkByArrow(t, b, batch)
				checkByParquetGo(t, b, batch, size.groupRows)
				checkByDuckDB(t, db, b, batch)
			})
		}
	}
}

func checkByArrow(t *testing.T, b []byte, want arrow.RecordBatch) {
	t.Helper()
	got, err := ReadParquet(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	if got.NumRows() != want.NumRows() || got.NumCols() != want.NumCols() {
		t.Fatalf("arrow reads %d rows of %d columns, not %d of %d", got.NumRows(), got.NumCols(), want.NumRows(), want.NumCols())
	}
	for i, c := range got.Columns() {
		if f, wanted := got.Schema().Field(i), want.Schema().Field(i); f.Name != wanted.Name || !arrow.TypeEqual(f.Type, wanted.Type) || f.Nullable != wanted.Nullable {
			t.Errorf("arrow reads %v, not %v", f, wanted)
		}
		if !array.Equal(c, want.Column(i)) {
			t.Errorf("arrow reads another column %s", want.ColumnName(i))
		}
	}
}

func checkByParquetGo(t *testing.T, b []byte, batch arrow.RecordBatch, groupRows int) {
	t.Helper()
	f, err := pg.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if n := (int(batch.NumRows()) + groupRows - 1) / groupRows; len(f.RowGroups()) != n {
		t.Fatalf("%d row groups, want %d", len(f.RowGroups()), n)
	}
	want := slotsOf(batch)
	got := make([][]slot, len(want))
	for _, g := range f.RowGroups() {
		for i, c := range g.ColumnChunks() {
			got[i] = append(got[i], readSlots(t, c)...)
		}
	}
	for i := range want {
		if !slices.Equal(want[i], got[i]) {
			t.Fatalf("parquet-go reads another column %d: %s", i, cmp.Diff(want[i], got[i]))
		}
	}
}

// readSlots reads the slots of a column chunk, and checks what the pages' headers count.
func readSlots(t *testing.T, c pg.ColumnChunk) []slot {
	t.Helper()
	var out []slot
	pages := c.Pages()
	defer pages.Close()
	for {
		p, err := pages.ReadPage()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		values := make([]pg.Value, p.NumValues())
		if n, err := p.Values().ReadValues(values); n != len(values) || err != nil && err != io.EOF {
			t.Fatalf("%d of %d values, %v", n, len(values), err)
		}
		rows := int64(0)
		for _, v := range values {
			s := slot{Rep: v.RepetitionLevel(), Def: v.DefinitionLevel()}
			if s.Rep == 0 {
				rows++
			}
			switch {
			case v.IsNull():
			case v.Kind() == pg.Boolean:
				s.Value = v.Boolean()
			case v.Kind() == pg.Int64:
				s.Value = v.Int64()
			default:
				s.Value = string(v.ByteArray())
			}
			out = append(out, s)
		}
		if p.NumRows() != rows {
			t.Errorf("a page of %d rows says %d", rows, p.NumRows())
		}
	}
}

func openDuckDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec("set threads = 1; set timezone = 'UTC'; set autoinstall_known_extensions = false"); err != nil {
		t.Fatal(err)
	}
	return db
}

func checkByDuckDB(t *testing.T, db *sql.DB, b []byte, batch arrow.RecordBatch) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rows.parquet")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query("select * from read_parquet($1)", name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	row := 0
	for ; rows.Next(); row++ {
		got := make([]any, batch.NumCols())
		at := make([]any, len(got))
		for i := range got {
			at[i] = &got[i]
		}
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		for i, c := range batch.Columns() {
			if want, got := anyAt(c, row), fromDuckDB(got[i]); !reflect.DeepEqual(want, got) {
				t.Fatalf("DuckDB reads another row %d of %s: %s", row, batch.ColumnName(i), cmp.Diff(want, got))
			}
		}
	}
	if err := rows.Err(); err != nil || int64(row) != batch.NumRows() {
		t.Fatalf("DuckDB reads %d of %d rows: %v", row, batch.NumRows(), err)
	}
}

// anyAt is valueAt for lists too: a slice of maps.
func anyAt(a arrow.Array, row int) any {
	list, ok := a.(*array.List)
	if !ok {
		return valueAt(a, row)
	}
	if list.IsNull(row) {
		return nil
	}
	elements := list.ListValues().(*array.Struct)
	out := []any{}
	start, end := list.ValueOffsets(row)
	for e := int(start); e < int(end); e++ {
		if elements.IsNull(e) {
			out = append(out, nil)
			continue
		}
		m := map[string]any{}
		for j, f := range elements.DataType().(*arrow.StructType).Fields() {
			m[f.Name] = valueAt(elements.Field(j), e)
		}
		out = append(out, m)
	}
	return out
}

func fromDuckDB(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UnixMicro()
	case duckdb.Decimal:
		return v.Value.Int64()
	case []any:
		for i := range v {
			v[i] = fromDuckDB(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = fromDuckDB(v[k])
		}
	}
	return v
}
