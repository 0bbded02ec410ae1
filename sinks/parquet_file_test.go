package sinks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestBytesAreEqual holds that bytes depend on the rows alone: not on processors, not on how Arrow holds the rows, and
// not on this process. The last is why the hash is written down; a new release of the compressor may change it.
func TestBytesAreEqual(t *testing.T) {
	batch := callBatch(5, 700)
	want := parquetBytes(t, batch, 300, defaultPageBytes)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, processors := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(processors)
		if !bytes.Equal(parquetBytes(t, batch, 300, defaultPageBytes), want) {
			t.Errorf("other bytes on %d processors", processors)
		}
	}
	wider := callBatch(5, 800)
	if !bytes.Equal(parquetBytes(t, wider.NewSlice(0, 700), 300, defaultPageBytes), want) {
		t.Error("other bytes for the same rows cut from a larger batch")
	}
	cut := wider.NewSlice(100, 800)
	if !bytes.Equal(parquetBytes(t, cut, 300, defaultPageBytes), parquetBytes(t, copyRows(t, cut), 300, defaultPageBytes)) {
		t.Error("other bytes for the same rows from the middle of a larger batch")
	}
	const golden = "5682c26cbc39e5d90e6f0bac2be0bbf26a460d9f26e9a6be3ce5bfd07940b1ab"
	sum := sha256.Sum256(want)
	if got := hex.EncodeToString(sum[:]); got != golden {
		t.Errorf("the file is %s", got)
	}
}

// copyRows copies rows out of the batch that they were cut from.
func copyRows(t *testing.T, batch arrow.RecordBatch) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, batch.Schema())
	for i, c := range batch.Columns() {
		for row := range c.Len() {
			if err := b.Field(i).AppendValueFromString(c.ValueStr(row)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.NewRecordBatch()
}

func TestDictionaryOnlyWhereItPays(t *testing.T) {
	few, some, many := array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 20_000 {
		few.Append(fmt.Sprint("result ", i%7))
		some.Append(fmt.Sprint("result ", i%1000))
		many.Append(fmt.Sprint("result ", i))
	}
	e, err := newColumnEncoder(defaultPageBytes)
	if err != nil {
		t.Fatal(err)
	}
	text := arrow.Field{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}
	s, _, err := fileSchema(callTable, arrow.NewSchema([]arrow.Field{text}, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		values arrow.Array
		want   int // entries
	}{
		{"result", few.NewArray(), 7},
		{"result", some.NewArray(), 1000},
		{"result", many.NewArray(), 0},
		{"from_phone_number", some.NewArray(), 0},
		{"result", array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.String, 10), 0},
	} {
		l := leaf{test.name, flatShape(0, test.values.Len()), test.values, true}
		if e.def, e.picks, err = l.place(e.def, e.picks); err != nil {
			t.Fatal(err)
		}
		v, err := e.values(l, s.Column(0))
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if d, ok := v.(*dictionary); ok {
			got = len(d.entries.picks)
		}
		if got != test.want {
			t.Errorf("%s of %d values: %d entries, want %d", test.name, test.values.Len(), got, test.want)
		}
	}
}

// TestNoiseStaysItsSize holds that a page that cannot be compressed costs its reader hardly a byte more.
func TestNoiseStaysItsSize(t *testing.T) {
	s, _, err := fileSchema(callTable, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	e, err := newColumnEncoder(defaultPageBytes)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 6))
	noise, pattern := array.NewInt64Builder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	for i := range int64(1000) {
		noise.Append(r.Int64())
		pattern.Append(i % 5 * i % 7)
	}
	for _, test := range []struct {
		values arrow.Array
		most   float64 // of the uncompressed size
	}{{noise.NewArray(), 1.01}, {pattern.NewArray(), 0.5}} {
		c, err := e.encode(leaf{"n", flatShape(0, 1000), test.values, false}, s.Column(0), false)
		if err != nil || len(c.pages) != 1 || float64(len(c.pages[0].Data())) > test.most*float64(c.pages[0].UncompressedSize()) {
			t.Errorf("%d pages, %v; at most %v of the size", len(c.pages), err, test.most)
		}
	}
}

type brokenWriter struct{ after int }

var errBroken = errors.New("the disk is full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestWriteFailures(t *testing.T) {
	batch := callBatch(2, 400)
	size := len(parquetBytes(t, batch, rowGroupRows, defaultPageBytes))
	for after := 0; after < size; after += size / 20 {
		if err := writeRows(&brokenWriter{after}, callTable, batch, rowGroupRows, defaultPageBytes); !errors.Is(err, errBroken) {
			t.Errorf("a disk that is full after %d bytes gives %v", after, err)
		}
	}
	huge := array.NewDecimal128Builder(memory.DefaultAllocator, money)
	huge.Append(decimal128.New(1, 0))
	nanos := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Nanosecond})
	nanos.Append(1)
	short := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 5, Scale: 2})
	short.Append(decimal128.New(0, 1))
	small := array.NewInt8Builder(memory.DefaultAllocator)
	small.Append(1)
	nobody := array.NewStringBuilder(memory.DefaultAllocator)
	nobody.AppendNull()
	for name, column := range map[string]arrow.Array{
		"cost": huge.NewArray(), "at": nanos.NewArray(), "small": small.NewArray(), "short": short.NewArray(), "id": nobody.NewArray(),
	} {
		s := arrow.NewSchema([]arrow.Field{{Name: name, Type: column.DataType(), Nullable: true}}, nil)
		one := requireKeys(callTable, array.NewRecordBatch(s, []arrow.Array{column}, 1))
		if err := writeRows(&bytes.Buffer{}, callTable, one, 10, defaultPageBytes); err == nil || !strings.Contains(err.Error(), "column "+name) {
			t.Errorf("column %s: %v", name, err)
		}
	}
}

// FuzzColumn gives arrow's reader columns of any values and any nulls, flat and in lists, and long enough for every
// form of the encodings.
func FuzzColumn(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03 a row, a list, a null"), uint8(1))
	f.Add(bytes.Repeat([]byte{7, 250}, 300), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, repeat uint8) {
		batch := fuzzBatch(bytes.Repeat(data, 1+int(repeat)%40))
		checkByArrow(t, parquetBytes(t, batch, 1000, defaultPageBytes), batch)
	})
}

// fuzzBatch makes a row of each byte.
func fuzzBatch(data []byte) arrow.RecordBatch {
	text, whole, list := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64, arrow.ListOf(arrow.StructOf(kindFields...))
	s := arrow.NewSchema([]arrow.Field{{Name: "type", Type: text, Nullable: true}, {Name: "n", Type: whole, Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}, {Name: "legs", Type: list, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i, c := range data {
		if c%5 == 0 {
			for _, f := range b.Fields() {
				f.AppendNull()
			}
			continue
		}
		b.Field(0).(*array.StringBuilder).Append(string(data[i:min(i+int(c%9), len(data))]))
		b.Field(1).(*array.Int64Builder).Append(int64(c) << (c % 64))
		b.Field(2).(*array.BooleanBuilder).Append(c%2 == 0)
		legs := b.Field(3).(*array.ListBuilder)
		legs.Append(true)
		for range c % 4 {
			element := legs.ValueBuilder().(*array.StructBuilder)
			element.Append(true)
			for i := range element.NumField() {
				switch field := element.FieldBuilder(i).(type) {
				case *array.StringBuilder:
					field.Append(string(data[:min(int(c)%5, len(data))]))
				case *array.Int64Builder:
					field.Append(-int64(c))
				default:
					if c%3 == 0 {
						field.AppendNull()
					} else {
						field.AppendEmptyValue()
					}
				}
			}
		}
	}
	return b.NewRecordBatch()
}
