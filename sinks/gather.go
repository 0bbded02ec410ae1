package sinks

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// ref is one row of one record batch of a list.
type ref struct{ batch, row int32 }

// gather copies the rows that refs name, in their order, into one record batch of the schema. A column that a batch
// lacks is null. Rows that are equal give equal buffers: what lies under a null is zero.
func gather(schema *arrow.Schema, batches []arrow.RecordBatch, refs []ref) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, 0, schema.NumFields())
	from := make([]arrow.Array, len(batches))
	for _, f := range schema.Fields() {
		for i, b := range batches {
			from[i] = nil
			if at := b.Schema().FieldIndices(f.Name); len(at) == 1 {
				from[i] = b.Column(at[0])
			}
		}
		data, err := gatherColumn(f.Type, from, refs)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		cols = append(cols, array.MakeFromData(data))
	}
	return array.NewRecordBatch(schema, cols, int64(len(refs))), nil
}

// source is one batch's part of a column, opened for copying row by row.
type source struct {
	none   bool   // every row is null
	valid  []byte // bitmap; nil: no row is null
	offset int    // of row 0 in bitmap and values
	array  arrow.Array
}

func openSources(typ arrow.DataType, from []arrow.Array) ([]source, error) {
	out := make([]source, len(from))
	for i, a := range from {
		if a == nil {
			out[i].none = true
			continue
		}
		if a.DataType().ID() != typ.ID() {
			return nil, fmt.Errorf("is %s, not %s", a.DataType(), typ)
		}
		out[i] = source{none: a.NullN() == a.Len(), offset: a.Data().Offset(), array: a}
		if a.NullN() > 0 {
			out[i].valid = a.NullBitmapBytes()
		}
	}
	return out, nil
}

// has reports whether the row holds a value.
func (s *source) has(row int32) bool {
	return !s.none && (s.valid == nil || bitutil.BitIsSet(s.valid, s.offset+int(row)))
}

func gatherColumn(typ arrow.DataType, from []arrow.Array, refs []ref) (arrow.ArrayData, error) {
	sources, err := openSources(typ, from)
	if err != nil {
		return nil, err
	}
	valid, nulls := gatherValid(sources, refs)
	buffers := []*memory.Buffer{valid}
	var children []arrow.ArrayData
	switch t := typ.(type) {
	case *arrow.StringType:
		buffers = append(buffers, gatherStrings(sources, refs)...)
	case *arrow.BooleanType:
		buffers = append(buffers, gatherBits(sources, refs))
	case arrow.FixedWidthDataType:
		buffers = append(buffers, gatherFixed(t.Bytes(), sources, refs))
	case *arrow.ListType:
		offsets, below, belowRefs := gatherLists(sources, refs)
		child, err := gatherColumn(t.Elem(), below, belowRefs)
		if err != nil {
			return nil, err
		}
		buffers, children = append(buffers, offsets), append(children, child)
	case *arrow.StructType:
		for _, f := range t.Fields() {
			child, err := gatherColumn(f.Type, structFields(f.Name, from), refs)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			children = append(children, child)
		}
	default:
		return nil, fmt.Errorf("cannot copy %s", typ)
	}
	return array.NewData(typ, len(refs), buffers, children, nulls, 0), nil
}

// gatherValid returns the validity bitmap, nil where there is no null.
func gatherValid(sources []source, refs []ref) (*memory.Buffer, int) {
	bitmap := make([]byte, bitutil.BytesForBits(int64(len(refs))))
	present := 0
	for i, r := range refs {
		if sources[r.batch].has(r.row) {
			bitmap[i/8] |= 1 << (i % 8)
			present++
		}
	}
	if present == len(refs) {
		return nil, 0
	}
	return memory.NewBufferBytes(bitmap), len(refs) - present
}

func gatherStrings(sources []source, refs []ref) []*memory.Buffer {
	type text struct {
		offsets []int32
		bytes   []byte
	}
	texts := make([]text, len(sources))
	for i, s := range sources {
		if !s.none {
			b := s.array.Data().Buffers()
			texts[i].offsets = arrow.Int32Traits.CastFromBytes(b[1].Bytes())[s.offset:]
			if b[2] != nil {
				texts[i].bytes = b[2].Bytes()
			}
		}
	}
	offsets := make([]int32, len(refs)+1)
	size := int32(0)
	for i, r := range refs {
		if sources[r.batch].has(r.row) {
			o := texts[r.batch].offsets
			size += o[r.row+1] - o[r.row]
		}
		offsets[i+1] = size
	}
	data := make([]byte, 0, size)
	for i, r := range refs {
		if offsets[i+1] > offsets[i] {
			t := texts[r.batch]
			data = append(data, t.bytes[t.offsets[r.row]:t.offsets[r.row+1]]...)
		}
	}
	return []*memory.Buffer{memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data)}
}

func gatherBits(sources []source, refs []ref) *memory.Buffer {
	bitmap := make([]byte, bitutil.BytesForBits(int64(len(refs))))
	for i, r := range refs {
		s := &sources[r.batch]
		if s.has(r.row) && bitutil.BitIsSet(s.array.Data().Buffers()[1].Bytes(), s.offset+int(r.row)) {
			bitmap[i/8] |= 1 << (i % 8)
		}
	}
	return memory.NewBufferBytes(bitmap)
}

func gatherFixed(width int, sources []source, refs []ref) *memory.Buffer {
	values := make([][]byte, len(sources))
	for i, s := range sources {
		if !s.none {
			values[i] = s.array.Data().Buffers()[1].Bytes()[s.offset*width:]
		}
	}
	out := make([]byte, len(refs)*width)
	for i, r := range refs {
		if sources[r.batch].has(r.row) {
			copy(out[i*width:(i+1)*width], values[r.batch][int(r.row)*width:])
		}
	}
	return memory.NewBufferBytes(out)
}

// gatherLists returns the offsets of the lists and the rows of their elements.
func gatherLists(sources []source, refs []ref) (*memory.Buffer, []arrow.Array, []ref) {
	below := make([]arrow.Array, len(sources))
	for i, s := range sources {
		if !s.none {
			below[i] = s.array.(*array.List).ListValues()
		}
	}
	offsets := make([]int32, len(refs)+1)
	elements := make([]ref, 0, 2*len(refs))
	for i, r := range refs {
		if sources[r.batch].has(r.row) {
			start, end := sources[r.batch].array.(*array.List).ValueOffsets(int(r.row))
			for n := start; n < end; n++ {
				elements = append(elements, ref{r.batch, int32(n)})
			}
		}
		offsets[i+1] = int32(len(elements))
	}
	return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), below, elements
}

func structFields(name string, from []arrow.Array) []arrow.Array {
	out := make([]arrow.Array, len(from))
	for i, a := range from {
		if a == nil {
			continue
		}
		s := a.(*array.Struct)
		if at, ok := s.DataType().(*arrow.StructType).FieldIdx(name); ok {
			out[i] = s.Field(at)
		}
	}
	return out
}
