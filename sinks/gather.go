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
	for _, f := range schema.Fields() {
		from := make([]arrow.Array, len(batches))
		for i, b := range batches {
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

func gatherColumn(typ arrow.DataType, from []arrow.Array, refs []ref) (arrow.ArrayData, error) {
	for _, a := range from {
		if a != nil && a.DataType().ID() != typ.ID() {
			return nil, fmt.Errorf("is %s, not %s", a.DataType(), typ)
		}
	}
	valid, nulls := gatherValid(from, refs)
	buffers := []*memory.Buffer{valid}
	var children []arrow.ArrayData
	switch t := typ.(type) {
	case *arrow.StringType:
		buffers = append(buffers, gatherStrings(from, refs)...)
	case *arrow.BooleanType:
		buffers = append(buffers, gatherBits(from, refs))
	case arrow.FixedWidthDataType:
		buffers = append(buffers, gatherFixed(t.Bytes(), from, refs))
	case *arrow.ListType:
		offsets, below, belowRefs := gatherLists(from, refs)
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

func isNull(from []arrow.Array, r ref) bool {
	a := from[r.batch]
	return a == nil || a.IsNull(int(r.row))
}

// gatherValid returns the validity bitmap, nil where there is no null.
func gatherValid(from []arrow.Array, refs []ref) (*memory.Buffer, int) {
	bitmap := make([]byte, bitutil.BytesForBits(int64(len(refs))))
	nulls := 0
	for i, r := range refs {
		if isNull(from, r) {
			nulls++
			continue
		}
		bitutil.SetBit(bitmap, i)
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(bitmap), nulls
}

func gatherStrings(from []arrow.Array, refs []ref) []*memory.Buffer {
	offsets := make([]int32, len(refs)+1)
	size := 0
	for i, r := range refs {
		if !isNull(from, r) {
			size += from[r.batch].(*array.String).ValueLen(int(r.row))
		}
		offsets[i+1] = int32(size)
	}
	data := make([]byte, 0, size)
	for _, r := range refs {
		if !isNull(from, r) {
			data = append(data, from[r.batch].(*array.String).Value(int(r.row))...)
		}
	}
	return []*memory.Buffer{memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data)}
}

func gatherBits(from []arrow.Array, refs []ref) *memory.Buffer {
	bitmap := make([]byte, bitutil.BytesForBits(int64(len(refs))))
	for i, r := range refs {
		if !isNull(from, r) && from[r.batch].(*array.Boolean).Value(int(r.row)) {
			bitutil.SetBit(bitmap, i)
		}
	}
	return memory.NewBufferBytes(bitmap)
}

func gatherFixed(width int, from []arrow.Array, refs []ref) *memory.Buffer {
	out := make([]byte, len(refs)*width)
	for i, r := range refs {
		if isNull(from, r) {
			continue
		}
		data := from[r.batch].Data()
		at := (data.Offset() + int(r.row)) * width
		copy(out[i*width:(i+1)*width], data.Buffers()[1].Bytes()[at:])
	}
	return memory.NewBufferBytes(out)
}

// gatherLists returns the offsets of the lists and the rows of their elements.
func gatherLists(from []arrow.Array, refs []ref) (*memory.Buffer, []arrow.Array, []ref) {
	below := make([]arrow.Array, len(from))
	for i, a := range from {
		if a != nil {
			below[i] = a.(*array.List).ListValues()
		}
	}
	offsets := make([]int32, len(refs)+1)
	var elements []ref
	for i, r := range refs {
		if !isNull(from, r) {
			start, end := from[r.batch].(*array.List).ValueOffsets(int(r.row))
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
