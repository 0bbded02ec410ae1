package sinks

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// shape is how rows lie in the slots of a column. A column of plain values has one slot a row; a list has one slot an
// element and one for each row whose list is null or empty. All leaves below one list share a shape.
type shape struct {
	rows     int
	rep      []byte  // repetition level of each slot: 0 begins a row; nil where every slot is a row
	repAll   []byte  // rep encoded, for the many leaves whose slots all fit one page
	def      []byte  // definition level of each slot as far as the leaf's parent
	parent   byte    // the def of a slot whose parent is there, so that it may hold a value
	elements []int32 // for each slot whose parent is there, the value's index in the leaf's array
}

// flatShape is the shape of the rows [from, to) of a column that is no list.
func flatShape(from, to int) *shape {
	s := &shape{rows: to - from, def: make([]byte, to-from), elements: make([]int32, to-from)}
	for i := range s.elements {
		s.elements[i] = int32(from + i)
	}
	return s
}

// listShape is the shape of the leaves below the rows [from, to) of a list of struct. An optional list, the repetition
// and an optional element count one definition level each.
func listShape(field arrow.Field, list *array.List, from, to int) *shape {
	nullList, emptyList, nullElement := byte(0), level(field.Nullable), level(field.Nullable)+1
	parent := nullElement + level(list.DataType().(*arrow.ListType).ElemField().Nullable)
	elements := list.ListValues()
	s := &shape{rows: to - from, parent: parent}
	for row := from; row < to; row++ {
		start, end := list.ValueOffsets(row)
		if list.IsNull(row) {
			s.rep, s.def = append(s.rep, 0), append(s.def, nullList)
			continue
		}
		if start == end {
			s.rep, s.def = append(s.rep, 0), append(s.def, emptyList)
			continue
		}
		for e := start; e < end; e++ {
			s.rep = append(s.rep, level(e > start))
			if elements.IsNull(int(e)) {
				s.def = append(s.def, nullElement)
				continue
			}
			s.def = append(s.def, parent)
			s.elements = append(s.elements, int32(e))
		}
	}
	s.repAll = appendHybrid(nil, s.rep, 1)
	return s
}

// appendRep appends the encoded repetition levels of the slots [from, to) to dst.
func (s *shape) appendRep(dst []byte, from, to int) []byte {
	switch {
	case s.rep == nil:
		return dst
	case to-from == len(s.rep):
		return append(dst, s.repAll...)
	}
	return appendHybrid(dst, s.rep[from:to], 1)
}

// rowEnd is the slot after the row that begins at the given one.
func (s *shape) rowEnd(slot int) int {
	slot++
	for s.rep != nil && slot < len(s.rep) && s.rep[slot] > 0 {
		slot++
	}
	return slot
}

// leaf is one column of the file: an Arrow array of values and where they belong.
type leaf struct {
	name     string // of the column itself, without its parents
	shape    *shape
	values   arrow.Array
	optional bool
}

// leaves lists the columns of the file that hold the rows [from, to) of the batch, in the order of the file's schema.
func leaves(batch arrow.RecordBatch, from, to int) ([]leaf, error) {
	flat := flatShape(from, to)
	var out []leaf
	for i, f := range batch.Schema().Fields() {
		list, ok := batch.Column(i).(*array.List)
		if !ok {
			out = append(out, leaf{f.Name, flat, batch.Column(i), f.Nullable})
			continue
		}
		elements, ok := list.ListValues().(*array.Struct)
		if !ok {
			return nil, fmt.Errorf("column %s: cannot write %s", f.Name, f.Type)
		}
		if !f.Nullable && list.NullN() > 0 {
			return nil, fmt.Errorf("column %s: %d rows have no list, and must have one", f.Name, list.NullN())
		}
		s := listShape(f, list, from, to)
		for j, below := range elements.DataType().(*arrow.StructType).Fields() {
			out = append(out, leaf{below.Name, s, elements.Field(j), below.Nullable})
		}
	}
	return out, nil
}

// place returns the definition level of each slot of the leaf and the index of each value that is there, in the given
// buffers.
func (l leaf) place(def []byte, picks []int32) ([]byte, []int32, error) {
	def = append(def[:0], l.shape.def...)
	nulls := l.values.NullN()
	switch {
	case nulls > 0 && !l.optional:
		return nil, nil, fmt.Errorf("%d rows have no value, and must have one; rows without a key belong to no partition", nulls)
	case !l.optional:
		return def, append(picks[:0], l.shape.elements...), nil
	case nulls == l.values.Len():
		return def, picks[:0], nil
	case nulls == 0:
		for slot, d := range def {
			def[slot] += level(d == l.shape.parent)
		}
		return def, append(picks[:0], l.shape.elements...), nil
	}
	picks = slices.Grow(picks[:0], len(l.shape.elements))[:len(l.shape.elements)]
	valid, offset := l.values.NullBitmapBytes(), l.values.Data().Offset()
	next, n := 0, 0
	for slot, d := range def {
		if d < l.shape.parent {
			continue
		}
		e := l.shape.elements[next]
		next++
		// Without a branch, for the processor cannot guess whether a value is there.
		bit := offset + int(e)
		there := valid[bit>>3] >> (bit & 7) & 1
		def[slot] += there
		picks[n] = e
		n += int(there)
	}
	return def, picks[:n], nil
}

// level is 1 for true.
func level(b bool) byte {
	if b {
		return 1
	}
	return 0
}
