package sinks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// rowGroupRows bounds a row group; a day of a large company still fits one.
const rowGroupRows = 131_072

// dictionaryColumns are the text columns with few distinct values; the others (ids, addresses, numbers) would only
// fill a dictionary page in vain.
var dictionaryColumns = []string{
	"type", "internal_type", "direction", "action", "result", "reason", "reason_description", "transport",
	"delegation_type", "recording_type", "message_type", "leg_type", "from_location", "to_location",
	"extension_id", "extension_uri", "from_extension_id", "to_extension_id", "from_extension_number", "to_extension_number",
	"from_device_id", "from_device_uri", "to_device_id", "to_device_uri", "from_name", "to_name",
}

// writeParquet writes the rows to a file that any engine can read: timestamps in microseconds UTC, ids as text, decimals
// as integers, three-level lists, zstd. The table's key columns are required, all others optional. Equal rows give
// equal bytes.
func writeParquet(name string, t Table, batch arrow.RecordBatch) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	batch = requireKeys(t, batch)
	// The writer would close a file that it is given; it is closed here, where the error is looked at.
	w, err := pqarrow.NewFileWriter(batch.Schema(), struct{ io.Writer }{f}, writerProperties(t, batch), pqarrow.DefaultWriterProps())
	if err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	if err := w.Write(batch); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	return nil
}

func writerProperties(t Table, batch arrow.RecordBatch) *parquet.WriterProperties {
	s := batch.Schema()
	options := []parquet.WriterProperty{
		parquet.WithCreatedBy("trunkline"), parquet.WithRootName("record"),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(1 << 20),
		parquet.WithMaxRowGroupLength(rowGroupRows), parquet.WithBatchSize(rowGroupRows),
		parquet.WithDictionaryDefault(false), parquet.WithStats(true), parquet.WithStoreDecimalAsInteger(true),
		parquet.WithBloomFilterEnabledFor(t.ID, true), parquet.WithBloomFilterNDVFor(t.ID, max(1, min(batch.NumRows(), rowGroupRows))),
		parquet.WithSortingColumns(sortingColumns(t, s)),
	}
	for _, name := range dictionaryColumns {
		options = append(options, parquet.WithDictionaryFor(name, true), parquet.WithDictionaryFor("legs.list.element."+name, true))
	}
	for _, f := range s.Fields() {
		if id := f.Type.ID(); id == arrow.INT64 || id == arrow.TIMESTAMP {
			options = append(options, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaBinaryPacked))
		}
	}
	return parquet.NewWriterProperties(options...)
}

// sortingColumns tells readers that rows are sorted by time and id. (Both precede every nested column, so that their
// index among the file's leaves is their index in the schema.)
func sortingColumns(t Table, s *arrow.Schema) []parquet.SortingColumn {
	var out []parquet.SortingColumn
	for _, name := range []string{t.Time, t.ID} {
		if at := s.FieldIndices(name); len(at) == 1 {
			out = append(out, parquet.SortingColumn{ColumnIdx: int32(at[0])})
		}
	}
	return out
}

// requireKeys returns the batch with a schema in which the key columns cannot be null.
func requireKeys(t Table, batch arrow.RecordBatch) arrow.RecordBatch {
	fields := batch.Schema().Fields()
	for i := range fields {
		if fields[i].Name == t.ID || fields[i].Name == t.Time {
			fields[i].Nullable = false
		}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), batch.Columns(), batch.NumRows())
}

// readPartition reads a partition's rows; found is false where there is no object. One request reads the whole object,
// so that its bytes are of one version.
func (l *Lake) readPartition(ctx context.Context, key string) (batch arrow.RecordBatch, found bool, err error) {
	b, err := l.bucket.ReadAll(ctx, key)
	if notFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", key, err)
	}
	if batch, err = parseParquet(ctx, b); err != nil {
		return nil, true, fmt.Errorf("%s cannot be read as Parquet; move it away and run the day again: %w", key, err)
	}
	return batch, true, nil
}

func parseParquet(ctx context.Context, b []byte) (arrow.RecordBatch, error) {
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: max(1, r.NumRows())}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	rows, err := fr.GetRecordReader(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Release()
	batch, err := rows.Read()
	if err == io.EOF {
		return array.NewRecordBatch(rows.Schema(), emptyColumns(rows.Schema()), 0), nil
	}
	if err != nil {
		return nil, err
	}
	if batch.NumRows() != r.NumRows() {
		return nil, fmt.Errorf("%d of %d rows could be read", batch.NumRows(), r.NumRows())
	}
	batch.Retain()
	return batch, nil
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
