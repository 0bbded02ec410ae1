package sinks

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	pg "github.com/parquet-go/parquet-go"
)

// CompareReaders has two readers that share no code, arrow-go and parquet-go, read every value of a Parquet file, with its
// levels, and says where they first read something different. Memory follows a page, not the file.
func CompareReaders(b []byte) (err error) {
	defer func() {
		if p := recover(); p != nil { // damaged bytes lead readers astray
			err = fmt.Errorf("a reader gave up: %v", p)
		}
	}()
	ours, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("arrow-go: %w", err)
	}
	defer ours.Close()
	theirs, err := pg.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return fmt.Errorf("parquet-go: %w", err)
	}
	groups := theirs.RowGroups()
	if ours.NumRowGroups() != len(groups) || ours.NumRows() != theirs.NumRows() {
		return fmt.Errorf("arrow-go finds %d rows in %d row groups, parquet-go %d in %d",
			ours.NumRows(), ours.NumRowGroups(), theirs.NumRows(), len(groups))
	}
	for i, g := range groups {
		if err := compareGroup(ours.RowGroup(i), g); err != nil {
			return fmt.Errorf("row group %d, %w", i+1, err)
		}
	}
	return nil
}

// CompareFile is CompareReaders for a local file; its second result is that of a file that cannot be opened.
func CompareFile(name string) (differ, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return CompareReaders(b), nil
}

func compareGroup(ours *file.RowGroupReader, theirs pg.RowGroup) error {
	chunks := theirs.ColumnChunks()
	if ours.NumColumns() != len(chunks) {
		return fmt.Errorf("arrow-go finds %d columns, parquet-go %d", ours.NumColumns(), len(chunks))
	}
	for i, chunk := range chunks {
		column, err := ours.Column(i)
		if err == nil {
			err = compareColumn(column, chunk)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", ours.MetaData().Schema.Column(i).Path(), err)
		}
	}
	return nil
}

func compareColumn(ours file.ColumnChunkReader, theirs pg.ColumnChunk) error {
	switch r := ours.(type) {
	case *file.BooleanColumnChunkReader:
		return compareValues(r, theirs, func(a bool, b pg.Value) bool { return a == b.Boolean() })
	case *file.Int32ColumnChunkReader:
		return compareValues(r, theirs, func(a int32, b pg.Value) bool { return a == b.Int32() })
	case *file.Int64ColumnChunkReader:
		return compareValues(r, theirs, func(a int64, b pg.Value) bool { return a == b.Int64() })
	case *file.Float32ColumnChunkReader:
		return compareValues(r, theirs, func(a float32, b pg.Value) bool { return math.Float32bits(a) == math.Float32bits(b.Float()) })
	case *file.Float64ColumnChunkReader:
		return compareValues(r, theirs, func(a float64, b pg.Value) bool { return math.Float64bits(a) == math.Float64bits(b.Double()) })
	case *file.ByteArrayColumnChunkReader:
		return compareValues(r, theirs, func(a parquet.ByteArray, b pg.Value) bool { return bytes.Equal(a, b.ByteArray()) })
	case *file.FixedLenByteArrayColumnChunkReader:
		return compareValues(r, theirs, func(a parquet.FixedLenByteArray, b pg.Value) bool { return bytes.Equal(a, b.ByteArray()) })
	}
	return fmt.Errorf("its values are %s, which no table of ours has", ours.Type())
}

// valueReader reads values of one type with their levels.
type valueReader[T any] interface {
	file.ColumnChunkReader
	ReadBatch(n int64, values []T, def, rep []int16) (levels int64, read int, err error)
}

// slotsAtOnce is how many values are compared at once.
const slotsAtOnce = 1024

// slots is what arrow-go reads of as many values of a column as parquet-go has read.
type slots[T any] struct {
	values   []T
	def, rep []int16
}

func compareValues[T any](ours valueReader[T], theirs pg.ColumnChunk, same func(T, pg.Value) bool) error {
	pages := theirs.Pages()
	defer pages.Close()
	got := slots[T]{make([]T, slotsAtOnce), make([]int16, slotsAtOnce), make([]int16, slotsAtOnce)}
	want := make([]pg.Value, slotsAtOnce)
	for at := 0; ; {
		page, err := pages.ReadPage()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("parquet-go: %w", err)
		}
		reader := page.Values()
		for done := false; !done; {
			n, err := reader.ReadValues(want)
			if err != nil && err != io.EOF {
				return fmt.Errorf("parquet-go: %w", err)
			}
			if err := got.compare(ours, want[:n], at, same); err != nil {
				return err
			}
			at, done = at+n, err == io.EOF || n == 0
		}
		pg.Release(page)
	}
	if n, _, err := ours.ReadBatch(1, got.values, got.def, got.rep); n > 0 || err != nil {
		return fmt.Errorf("arrow-go reads more values than parquet-go, or fails: %v", err)
	}
	return nil
}

// compare reads as many values and compares them; at numbers the first of them.
func (s slots[T]) compare(ours valueReader[T], want []pg.Value, at int, same func(T, pg.Value) bool) error {
	clear(s.def) // a column that is never null has no levels to read
	clear(s.rep)
	values := 0
	for done := 0; done < len(want); {
		n, read, err := ours.ReadBatch(int64(len(want)-done), s.values[values:], s.def[done:], s.rep[done:])
		if err != nil {
			return fmt.Errorf("arrow-go: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("arrow-go reads %d values, parquet-go more", at+done)
		}
		done, values = done+int(n), values+read
	}
	full := ours.Descriptor().MaxDefinitionLevel()
	next := 0
	for i, v := range want {
		switch {
		case int(s.def[i]) != v.DefinitionLevel() || int(s.rep[i]) != v.RepetitionLevel() || v.IsNull() != (s.def[i] < full):
			return fmt.Errorf("value %d has levels %d and %d for arrow-go, %d and %d for parquet-go",
				at+i+1, s.rep[i], s.def[i], v.RepetitionLevel(), v.DefinitionLevel())
		case v.IsNull():
		case next >= values || !same(s.values[next], v):
			return fmt.Errorf("value %d is another one for arrow-go than for parquet-go", at+i+1)
		default:
			next++
		}
	}
	if next != values {
		return fmt.Errorf("arrow-go reads %d values that parquet-go takes for nulls", values-next)
	}
	return nil
}
