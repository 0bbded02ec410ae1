package sinks

import (
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

const (
	rowGroupRows     = 131_072 // bound of a row group; a day of a large company still fits one
	defaultPageBytes = 1 << 20 // of a page's values before compression, about
)

// dictionaryColumns are the text columns whose values come again, within a day or among the legs of a call; the others
// (ids, addresses of records) would only fill a dictionary page in vain. Where one does not pay, it is not written.
var dictionaryColumns = []string{
	"type", "internal_type", "direction", "action", "result", "reason", "reason_description", "transport",
	"delegation_type", "recording_type", "message_type", "leg_type", "from_location", "to_location",
	"extension_id", "extension_uri", "from_extension_id", "to_extension_id", "from_extension_number", "to_extension_number",
	"from_device_id", "from_device_uri", "to_device_id", "to_device_uri", "from_name", "to_name",
	"from_phone_number", "to_phone_number", "from_dialer_phone_number", "to_dialed_phone_number", "delegate_id", "delegate_name",
}

// writeParquet writes the rows to a file that any engine can read: timestamps in microseconds UTC, ids as text, decimals
// as integers, three-level lists, zstd. The table's key columns are required, all others optional. Equal rows give
// equal bytes, however many processors there are.
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
	if err := writeRows(f, t, requireKeys(t, batch), rowGroupRows, defaultPageBytes); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	return nil
}

// fileSchema is the file's schema, and the properties by which arrow's metadata describes what we write.
func fileSchema(t Table, s *arrow.Schema) (*schema.Schema, *parquet.WriterProperties, error) {
	options := []parquet.WriterProperty{
		parquet.WithCreatedBy("trunkline"), parquet.WithRootName("record"), parquet.WithStoreDecimalAsInteger(true),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithSortingColumns(sortingColumns(t, s)),
	}
	fs, err := pqarrow.ToParquet(s, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, nil, err
	}
	for i := range fs.NumColumns() {
		if c := fs.Column(i); c.PhysicalType() == parquet.Types.Int64 && c.ConvertedType() != schema.ConvertedTypes.Decimal {
			options = append(options, parquet.WithEncodingFor(c.Path(), parquet.Encodings.DeltaBinaryPacked))
		}
	}
	return fs, parquet.NewWriterProperties(options...), nil
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
	meta := batch.Schema().Metadata()
	return array.NewRecordBatch(arrow.NewSchema(fields, &meta), batch.Columns(), batch.NumRows())
}
