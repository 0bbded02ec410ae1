package sinks

import (
	"bytes"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// writeByArrow writes the batch by arrow's own writer, with settings as near to ours as it has: what ours is measured against.
func writeByArrow(w io.Writer, batch arrow.RecordBatch) error {
	options := []parquet.WriterProperty{
		parquet.WithCreatedBy("trunkline"), parquet.WithRootName("record"),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(defaultPageBytes),
		parquet.WithMaxRowGroupLength(rowGroupRows), parquet.WithBatchSize(rowGroupRows),
		parquet.WithDictionaryDefault(false), parquet.WithStats(true), parquet.WithStoreDecimalAsInteger(true),
		parquet.WithBloomFilterEnabledFor(callTable.ID, true), parquet.WithBloomFilterNDVFor(callTable.ID, batch.NumRows()),
		parquet.WithSortingColumns(sortingColumns(callTable, batch.Schema())),
	}
	for _, name := range dictionaryColumns {
		options = append(options, parquet.WithDictionaryFor(name, true), parquet.WithDictionaryFor("legs.list.element."+name, true))
	}
	for _, f := range batch.Schema().Fields() {
		if id := f.Type.ID(); id == arrow.INT64 || id == arrow.TIMESTAMP {
			options = append(options, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaBinaryPacked))
		}
	}
	out, err := pqarrow.NewFileWriter(batch.Schema(), w, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	if err := out.Write(batch); err != nil {
		return err
	}
	return out.Close()
}

// BenchmarkWriteParquet writes the same busy day by arrow's writer and by ours; MB/s are of Arrow buffers.
func BenchmarkWriteParquet(b *testing.B) {
	batch := callBatch(1, 20_000)
	var size int64
	for _, c := range batch.Columns() {
		size += int64(c.Data().SizeInBytes())
	}
	for _, writer := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"arrow", func(w io.Writer) error { return writeByArrow(w, batch) }},
		{"ours", func(w io.Writer) error { return writeRows(w, callTable, batch, rowGroupRows, defaultPageBytes) }},
	} {
		b.Run(writer.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := writer.write(&out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.Len()), "file-bytes")
		})
	}
}
