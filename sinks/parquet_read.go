package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// readPartition reads a partition's rows; found is false where there is no object. One request reads the whole object,
// so that its bytes are of one version.
func (l *Lake) readPartition(ctx context.Context, key string) (batch arrow.RecordBatch, found bool, err error) {
	b, _, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return nil, false, err
	}
	batch, err = readHeld(ctx, key, b)
	return batch, true, err
}

// readHeld reads the rows of a partition's bytes: all columns, or those that are named. Its error is a *DamagedError, unless
// the context ended.
func readHeld(ctx context.Context, key string, b []byte, columns ...string) (_ arrow.RecordBatch, err error) {
	defer func() {
		if p := recover(); p != nil { // damaged bytes lead the reader astray
			err = &DamagedError{Key: key, Err: fmt.Errorf("it cannot be read as Parquet: the reader gave up: %v", p)}
		}
	}()
	batch, err := readParquet(ctx, b, columns)
	if err != nil && ctx.Err() == nil {
		return nil, &DamagedError{Key: key, Err: fmt.Errorf("it cannot be read as Parquet: %w", err)}
	}
	return batch, err
}

// ReadParquet reads all rows of a Parquet file, as a partition is read.
func ReadParquet(ctx context.Context, b []byte) (arrow.RecordBatch, error) {
	return readParquet(ctx, b, nil)
}

// readParquet reads the rows of the named columns, which are not nested, or of all.
func readParquet(ctx context.Context, b []byte, columns []string) (arrow.RecordBatch, error) {
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: max(1, r.NumRows())}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	var leaves []int
	for _, name := range columns {
		at := r.MetaData().Schema.ColumnIndexByName(name)
		if at < 0 {
			return nil, fmt.Errorf("the column %s is missing", name)
		}
		leaves = append(leaves, at)
	}
	rows, err := fr.GetRecordReader(ctx, leaves, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Release()
	batch, err := rows.Read()
	if err == io.EOF {
		return underPolicy(array.NewRecordBatch(rows.Schema(), emptyColumns(rows.Schema()), 0), filePolicy(r)), nil
	}
	if err != nil {
		return nil, err
	}
	if batch.NumRows() != r.NumRows() {
		return nil, fmt.Errorf("%d of %d rows could be read", batch.NumRows(), r.NumRows())
	}
	batch.Retain()
	return underPolicy(batch, filePolicy(r)), nil
}

func emptyColumns(s *arrow.Schema) []arrow.Array {
	out := make([]arrow.Array, s.NumFields())
	for i, f := range s.Fields() {
		out[i] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, 0)
	}
	return out
}

// EmptyFile writes a Parquet file of the table's columns without rows to the lake's scratch and returns its path: what
// an engine reads where the table has no partition yet.
func (l *Lake) EmptyFile(t Table, s *arrow.Schema) (string, error) {
	name := filepath.Join(l.scratch, t.Name+"-empty.parquet")
	batch := array.NewRecordBatch(s, emptyColumns(s), 0)
	if err := writeParquet(name, t, batch); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return name, nil
}

// LocalTable writes rows to a Parquet file of its own in the lake's scratch and returns its path: a table that an engine reads beside the
// lake's, and that no object stands for.
func (l *Lake) LocalTable(name string, rows arrow.RecordBatch) (_ string, err error) {
	f, err := os.CreateTemp(l.scratch, name+"-*.parquet")
	if err != nil {
		return "", err
	}
	defer func() {
		if e := f.Close(); err == nil && !errors.Is(e, os.ErrClosed) {
			err = e
		}
	}()
	w, err := pqarrow.NewFileWriter(rows.Schema(), f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err == nil {
		err = errors.Join(w.Write(rows), w.Close())
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	return f.Name(), nil
}
