package sinks

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// parquetMagic is what a Parquet file begins and ends with.
const parquetMagic = "PAR1"

// parquetFile is a Parquet file as it is written. The pages' bodies are ours (see columnEncoder); their headers, the
// indexes and the footer are arrow's.
type parquetFile struct {
	out      *countingWriter
	schema   *schema.Schema
	bloomed  string // path of the column with a bloom filter
	encoders []*columnEncoder
	meta     *metadata.FileMetaDataBuilder
	index    metadata.PageIndexBuilder
	blooms   metadata.FileBloomFilterBuilder
	groups   int16 // row groups written
}

// countingWriter is a writer that knows where it is, since metadata is full of offsets. The buffer is not embedded: its
// other methods would write past the count.
type countingWriter struct {
	to *bufio.Writer
	n  int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.n += int64(n)
	return n, err
}

// Tell returns how many bytes were written.
func (w *countingWriter) Tell() int64 { return w.n }

// writeRows writes the whole batch as a Parquet file, in row groups of so many rows and pages of about so many bytes.
func writeRows(w io.Writer, t Table, batch arrow.RecordBatch, groupRows, pageBytes int) error {
	s, props, err := fileSchema(t, batch.Schema())
	if err != nil {
		return err
	}
	f := &parquetFile{
		out: &countingWriter{to: bufio.NewWriterSize(w, 1<<16)}, schema: s, bloomed: t.ID,
		meta:   metadata.NewFileMetadataBuilder(s, props, policyMetadata(batch.Schema())),
		index:  metadata.PageIndexBuilder{Schema: s},
		blooms: metadata.FileBloomFilterBuilder{Schema: s},
	}
	for range min(runtime.GOMAXPROCS(0), s.NumColumns()) {
		e, err := newColumnEncoder(pageBytes)
		if err != nil {
			return err
		}
		f.encoders = append(f.encoders, e)
	}
	if _, err := io.WriteString(f.out, parquetMagic); err != nil {
		return err
	}
	rows := int(batch.NumRows())
	for from := 0; from < rows; from += groupRows {
		if err := f.writeGroup(batch, from, min(from+groupRows, rows)); err != nil {
			return err
		}
	}
	return f.close()
}

// writeGroup writes the rows [from, to) as one row group. Its columns are encoded on all processors and written in order.
func (f *parquetFile) writeGroup(batch arrow.RecordBatch, from, to int) error {
	columns, err := leaves(batch, from, to)
	if err != nil {
		return err
	}
	if err := f.index.AppendRowGroup(); err != nil {
		return err
	}
	group := f.meta.AppendRowGroup()
	blooms := map[string]metadata.BloomFilterBuilder{}
	err = f.encodeAll(columns, func(i int, c chunk) error {
		if c.bloom != nil {
			blooms[f.schema.Column(i).Path()] = c.bloom
		}
		return f.writeChunk(i, c, group.NextColumnChunk())
	})
	if err != nil {
		return err
	}
	f.blooms.AppendRowGroup(group, blooms)
	group.SetNumRows(to - from)
	f.groups++
	return group.Finish(0, f.groups-1)
}

// encodeAll encodes the columns and hands them to write in their order. Each encoder takes the next column when it is
// done with one; what the bytes of a column are does not depend on who encodes it.
func (f *parquetFile) encodeAll(columns []leaf, write func(int, chunk) error) error {
	type result struct {
		chunk
		err error
	}
	results := make([]chan result, len(columns))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	var next atomic.Int64
	var encoders sync.WaitGroup
	defer encoders.Wait()
	defer next.Store(int64(len(columns))) // after an error there is no next column
	for _, e := range f.encoders {
		encoders.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(columns)); i = next.Add(1) - 1 {
				descr := f.schema.Column(int(i))
				c, err := e.encode(columns[i], descr, descr.Path() == f.bloomed)
				results[i] <- result{c, err}
			}
		})
	}
	for i := range results {
		r := <-results[i]
		if r.err == nil {
			r.err = write(i, r.chunk)
		}
		if r.err != nil {
			return fmt.Errorf("column %s: %w", f.schema.Column(i).Path(), r.err)
		}
	}
	return nil
}

// writeChunk writes the pages of a column.
func (f *parquetFile) writeChunk(i int, c chunk, meta *metadata.ColumnChunkMetaDataBuilder) error {
	pages, err := file.NewPageWriter(f.out, compress.Codecs.Zstd, 1, meta, f.groups, int16(i), memory.DefaultAllocator, false, nil, nil)
	if err != nil {
		return err
	}
	bounds, err := f.index.GetColumnIndexBuilder(i)
	if err != nil {
		return err
	}
	offsets, err := f.index.GetOffsetIndexBuilder(i)
	if err != nil {
		return err
	}
	pages.SetIndexBuilders(bounds, offsets)
	if c.dictionary != nil {
		d := file.NewDictionaryPage(memory.NewBufferBytes(c.dictionary), int32(c.entries), parquet.Encodings.Plain)
		if _, err := pages.WriteDictionaryPage(d); err != nil {
			return err
		}
	}
	for _, p := range c.pages {
		if _, err := pages.WriteDataPage(p); err != nil {
			return err
		}
	}
	meta.SetStats(c.stats)
	return pages.Close(c.dictionary != nil, false)
}

// close writes what comes after the rows: bloom filters, the page index and the footer.
func (f *parquetFile) close() error {
	if err := f.blooms.WriteTo(f.out); err != nil {
		return err
	}
	f.index.Finish()
	var at metadata.PageIndexLocation
	if err := f.index.WriteTo(f.out, &at); err != nil {
		return err
	}
	if err := f.meta.SetPageIndexLocation(at); err != nil {
		return err
	}
	footer, err := f.meta.Finish()
	if err != nil {
		return err
	}
	start := f.out.Tell()
	if _, err := footer.WriteTo(f.out, nil); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, uint32(f.out.Tell()-start))
	if _, err := f.out.Write(append(end, parquetMagic...)); err != nil {
		return err
	}
	return f.out.to.Flush()
}
