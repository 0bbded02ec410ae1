package schema

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// column is one Arrow column while it is filled. Its rows lag behind its group's: rows without a value cost nothing
// until the next value, or the end, fills them with nulls.
type column struct {
	kind    Kind
	rows    int
	valid   []byte // bitmap of rows that hold a value
	offsets []int32
	data    []byte
	ints    []int64
	money   []decimal128.Num
	bits    []byte
}

func (c *column) hasOffsets() bool {
	return c.kind != Integer && c.kind != Timestamp && c.kind != Money && c.kind != Boolean
}

// fill makes the column rows long with nulls.
func (c *column) fill(rows int) {
	if rows <= c.rows {
		return
	}
	n := rows - c.rows
	c.valid = growBits(c.valid, rows)
	switch c.kind {
	case Integer, Timestamp:
		c.ints = append(c.ints, make([]int64, n)...)
	case Money:
		c.money = append(c.money, make([]decimal128.Num, n)...)
	case Boolean:
		c.bits = growBits(c.bits, rows)
	default:
		if len(c.offsets) == 0 {
			c.offsets = append(c.offsets, 0)
		}
		end := c.offsets[len(c.offsets)-1]
		for range n {
			c.offsets = append(c.offsets, end)
		}
	}
	c.rows = rows
}

func growBits(b []byte, rows int) []byte {
	for len(b) < (rows+7)/8 {
		b = append(b, 0)
	}
	return b
}

// open makes room for the value of the given row and marks it as present.
func (c *column) open(row int) {
	c.fill(row)
	c.valid = growBits(c.valid, row+1)
	c.valid[row/8] |= 1 << (row % 8)
	if c.hasOffsets() && len(c.offsets) == 0 {
		c.offsets = append(c.offsets, 0)
	}
	c.rows = row + 1
}

// close ends a value that was appended to data.
func (c *column) close() { c.offsets = append(c.offsets, int32(len(c.data))) }

func (c *column) setInt(row int, v int64) { c.open(row); c.ints = append(c.ints, v) }

func (c *column) setMoney(row int, v int64) {
	c.open(row)
	c.money = append(c.money, decimal128.FromI64(v))
}

func (c *column) setBool(row int, v bool) {
	c.open(row)
	c.bits = growBits(c.bits, row+1)
	if v {
		c.bits[row/8] |= 1 << (row % 8)
	}
}

func (c *column) setText(row int, s []byte) {
	c.open(row)
	c.data = append(c.data, s...)
	c.close()
}

// truncate forgets all rows from the given one on.
func (c *column) truncate(rows int) {
	if rows >= c.rows {
		return
	}
	c.valid = cutBits(c.valid, rows)
	switch c.kind {
	case Integer, Timestamp:
		c.ints = c.ints[:rows]
	case Money:
		c.money = c.money[:rows]
	case Boolean:
		c.bits = cutBits(c.bits, rows)
	default:
		c.offsets = c.offsets[:rows+1]
		if c.kind != Structs {
			c.data = c.data[:c.offsets[rows]]
		}
	}
	c.rows = rows
}

func cutBits(b []byte, rows int) []byte {
	b = b[:(rows+7)/8]
	if rows%8 != 0 {
		b[rows/8] &= 1<<(rows%8) - 1
	}
	return b
}

// has reports whether the given row holds a value.
func (c *column) has(row int) bool { return row < c.rows && c.valid[row/8]&(1<<(row%8)) != 0 }

// arrowData hands the column over as Arrow data of the given type; the column must not be used afterwards.
func (c *column) arrowData(rows int, typ arrow.DataType, children ...arrow.ArrayData) arrow.ArrayData {
	c.fill(rows)
	present := 0
	for _, b := range c.valid {
		present += bits.OnesCount8(b)
	}
	buffers := []*memory.Buffer{memory.NewBufferBytes(c.valid)}
	if present == rows {
		buffers[0] = nil
	}
	switch c.kind {
	case Integer, Timestamp:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.ints)))
	case Money:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Decimal128Traits.CastToBytes(c.money)))
	case Boolean:
		buffers = append(buffers, memory.NewBufferBytes(c.bits))
	default:
		if len(c.offsets) == 0 {
			c.offsets = []int32{0}
		}
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets)))
		if c.kind != Structs {
			buffers = append(buffers, memory.NewBufferBytes(c.data))
		}
	}
	return array.NewData(typ, rows, buffers, children, rows-present, 0)
}

// release starts a new column after Arrow took the memory of the old one, with room for as much again.
func (c *column) release() {
	*c = column{
		kind:    c.kind,
		valid:   make([]byte, 0, len(c.valid)),
		offsets: make([]int32, 0, len(c.offsets)),
		data:    make([]byte, 0, len(c.data)),
		ints:    make([]int64, 0, len(c.ints)),
		money:   make([]decimal128.Num, 0, len(c.money)),
		bits:    make([]byte, 0, len(c.bits)),
	}
}

// noBuffers is the validity of elements that are never null.
var noBuffers = []*memory.Buffer{nil}
