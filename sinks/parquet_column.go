package sinks

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/klauspost/compress/zstd"
)

const boundBytes = 256 // longest least or greatest value that statistics keep; a longer one is left out

// chunk is one encoded column of one row group.
type chunk struct {
	dictionary []byte // page of distinct values, not yet compressed; nil without one
	entries    int    // in the dictionary
	pages      []file.DataPage
	encoding   parquet.Encoding // of all its pages
	stats      metadata.EncodedStatistics
	bloom      metadata.BloomFilterBuilder // nil without one
}

// columnEncoder encodes one column after the other. Its buffers serve all of them.
type columnEncoder struct {
	pageBytes  int // of values, before compression; a page ends with the row that reaches it
	def        []byte
	picks      []int32
	integers   []int64
	flags      []byte
	dictionary dictionary
	levels     []byte
	body       []byte
	compressed []byte
	zstd       *zstd.Encoder
}

// compressionWindow is how far back, in bytes, a page may repeat itself, and how much of it shares one code. Ids are noise in which
// far repeats are short and dear, and what comes again in other columns comes again soon: a window of a page makes files 5 %
// larger, one of half this saves another 1 % for a tenth more time.
const compressionWindow = 16 << 10

// newColumnEncoder returns an encoder that compresses as fast as Zstandard can: higher levels cost more time than the
// bytes are worth.
func newColumnEncoder(pageBytes int) (*columnEncoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false),              // four bytes a page that readers of Parquet do not expect
		zstd.WithAllLitEntropyCompression(true), // packed indices and differences hold no matches, but are skewed
		zstd.WithWindowSize(compressionWindow))
	if err != nil {
		return nil, err
	}
	return &columnEncoder{pageBytes: pageBytes, zstd: z, dictionary: dictionary{seed: maphash.MakeSeed()}}, nil
}

// encode encodes a column of a row group. A bloom filter is made where the column is to have one.
func (e *columnEncoder) encode(l leaf, descr *schema.Column, withBloom bool) (chunk, error) {
	var err error
	if e.def, e.picks, err = l.place(e.def, e.picks); err != nil {
		return chunk{}, err
	}
	v, err := e.values(l, descr)
	if err != nil {
		return chunk{}, err
	}
	c := chunk{encoding: v.encoding()}
	if d, ok := v.(*dictionary); ok {
		c.entries = len(d.entries.picks)
		c.dictionary = d.entries.appendTo(nil, 0, c.entries)
	}
	if t, ok := v.(texts); ok && withBloom {
		c.bloom = bloomFilter(t)
	}
	for at := (span{}); at.slotTo < len(l.shape.def); {
		at = e.nextPage(l.shape, v, at, descr.MaxDefinitionLevel())
		c.pages = append(c.pages, e.page(l.shape, v, at, descr))
	}
	c.stats = c.pages[0].Statistics()
	if len(c.pages) > 1 {
		c.stats = statistics(v, 0, len(e.picks), len(e.def), descr)
	}
	return c, nil
}

// values are the leaf's, by its type. Text of few distinct values goes by a dictionary if that pays.
func (e *columnEncoder) values(l leaf, descr *schema.Column) (values, error) {
	switch a := l.values.(type) {
	case *array.String:
		t := newTexts(a, e.picks)
		if slices.Contains(dictionaryColumns, l.name) && e.dictionary.fill(t) {
			return &e.dictionary, nil
		}
		return t, nil
	case *array.Boolean:
		f := pickFlags(a, e.picks, e.flags)
		e.flags = f
		return f, nil
	}
	// A decimal of other than 10 to 18 digits is no INT64 in the file.
	if descr.PhysicalType() != parquet.Types.Int64 {
		return nil, fmt.Errorf("cannot write %s", l.values.DataType())
	}
	n, err := pickIntegers(l.values, e.picks, e.integers)
	e.integers = n
	if l.values.DataType().ID() == arrow.DECIMAL128 {
		return decimals{n}, err
	}
	return n, err
}

// span is one page: its slots, its values, its rows.
type span struct {
	slotFrom, slotTo   int
	valueFrom, valueTo int
	rowFrom, rowTo     int
}

// nextPage is the page after the given one: all that is left if that is small enough, else rows up to the page size.
func (e *columnEncoder) nextPage(s *shape, v values, last span, full int16) span {
	p := span{slotFrom: last.slotTo, slotTo: len(e.def), valueFrom: last.valueTo, valueTo: len(e.picks), rowFrom: last.rowTo, rowTo: s.rows}
	if v.size(p.valueFrom, p.valueTo) <= e.pageBytes {
		return p
	}
	p.slotTo, p.valueTo, p.rowTo = p.slotFrom, p.valueFrom, p.rowFrom
	for size := 0; p.slotTo < len(e.def) && size < e.pageBytes; p.rowTo++ {
		end, from := s.rowEnd(p.slotTo), p.valueTo
		for _, d := range e.def[p.slotTo:end] {
			p.valueTo += int(level(int16(d) == full))
		}
		p.slotTo = end
		size += v.size(from, p.valueTo)
	}
	return p
}

// page encodes a page of version 1: levels, each kind after its length, and values, all of it compressed. (Version 2 leaves the
// levels as they are, which below a list are many and much alike: files were 5 % larger.)
func (e *columnEncoder) page(s *shape, v values, at span, descr *schema.Column) file.DataPage {
	e.body = e.body[:0]
	if descr.MaxRepetitionLevel() > 0 {
		e.levels = s.appendRep(e.levels[:0], at.slotFrom, at.slotTo)
		e.body = appendSized(e.body, e.levels)
	}
	if full := descr.MaxDefinitionLevel(); full > 0 {
		e.levels = appendHybrid(e.levels[:0], e.def[at.slotFrom:at.slotTo], bits.Len16(uint16(full)))
		e.body = appendSized(e.body, e.levels)
	}
	e.body = v.appendTo(e.body, at.valueFrom, at.valueTo)
	e.compressed = e.zstd.EncodeAll(e.body, e.compressed[:0])
	slots := at.slotTo - at.slotFrom
	return file.NewDataPageV1WithConfig(memory.NewBufferBytes(slices.Clone(e.compressed)), parquet.Encodings.RLE, parquet.Encodings.RLE,
		file.DataPageConfig{
			Num: int32(slots), Encoding: v.encoding(), FirstRowIndex: int64(at.rowFrom), UncompressedSize: int32(len(e.body)),
			Stats: statistics(v, at.valueFrom, at.valueTo, slots, descr),
		})
}

// appendSized appends levels after their length.
func appendSized(dst, levels []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(levels))), levels...)
}

// statistics are those of the values [from, to) in so many slots. A long text is no bound: cut short, it would be
// taken for a value.
func statistics(v values, from, to, slots int, descr *schema.Column) metadata.EncodedStatistics {
	s := metadata.EncodedStatistics{Signed: descr.SortOrder() == schema.SortSIGNED, AllNullValue: from == to}
	s.SetNullCount(int64(slots - (to - from)))
	if from == to {
		return s
	}
	least, greatest := v.bounds(from, to)
	s.SetMin(least).SetMax(greatest).ApplyStatSizeLimits(boundBytes)
	return s
}

// bloomFilter is of a size that leaves one absent value in twenty undetected, if all values differ.
func bloomFilter(t texts) metadata.BloomFilterBuilder {
	b := metadata.NewBloomFilterFromNDVAndFPP(uint32(len(t.picks)), 0.05, 1<<20, memory.DefaultAllocator)
	hasher := b.Hasher()
	for i := range t.picks {
		b.InsertHash(hasher.Sum64(t.at(i)))
	}
	return b
}
