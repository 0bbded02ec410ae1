package schema

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// column is one Arrow column while it is filled. Its rows lag behind its group's: rows without a value cost nothing
// until the next value, or the end, fills them with nulls. What is kept by row has room for more rows than there are,
// so that setting a value is a store; validity and bits beyond rows are always zero.
type column struct {
	kind    Kind
	rows    int
	room    int     // rows for which there is memory
	likely  int     // room to begin with: a little more than the last batch took
	valid   []byte  // bitmap of rows that hold a value
	offsets []int32 // room+1 of them, for kinds that keep data or elements
	data    []byte
	ints    []int64 // Integer and Timestamp
	money   []decimal128.Num
	bits    []byte // Boolean
}

// at marks the row, which must not be before the last one, as present; the caller stores its value.
func (c *column) at(row int) {
	if c.rows != row || row >= c.room {
		c.fill(row, 1)
	}
	c.valid[row/8] |= 1 << (row % 8)
	c.rows = row + 1
}

// fill makes the column rows long with nulls, with room for some more.
func (c *column) fill(rows, more int) {
	if rows+more > c.room {
		c.grow(rows + more)
	}
	if rows <= c.rows {
		return
	}
	switch {
	case c.ints != nil:
		clear(c.ints[c.rows:rows])
	case c.money != nil:
		clear(c.money[c.rows:rows])
	case c.offsets != nil:
		end := c.offsets[c.rows]
		for row := c.rows; row < rows; row++ {
			c.offsets[row+1] = end
		}
	}
	c.rows = rows
}

// grow makes room for at least the given rows.
func (c *column) grow(rows int) {
	c.room = max(rows, 2*c.room, c.likely, 64)
	bitmap := (c.room + 63) / 64 * 8
	c.valid = lengthen(c.valid, bitmap)
	switch c.kind {
	case Integer, Timestamp:
		c.ints = lengthen(c.ints, c.room)
	case Money:
		c.money = lengthen(c.money, c.room)
	case Boolean:
		c.bits = lengthen(c.bits, bitmap)
	default:
		c.offsets = lengthen(c.offsets, c.room+1)
	}
}

// lengthen returns s with zero values up to length n.
func lengthen[T any](s []T, n int) []T {
	out := make([]T, n)
	copy(out, s)
	return out
}

func (c *column) setInt(row int, v int64) { c.at(row); c.ints[row] = v }

func (c *column) setMoney(row int, v int64) { c.at(row); c.money[row] = decimal128.FromI64(v) }

func (c *column) setBool(row int, v bool) {
	c.at(row)
	if v {
		c.bits[row/8] |= 1 << (row % 8)
	}
}

// setData makes what was appended to data since the last row the value of the given row.
func (c *column) setData(row int) { c.setEnd(row, len(c.data)) }

// setEnd ends the value of the given row at an index of data, or of the elements.
func (c *column) setEnd(row, end int) { c.at(row); c.offsets[row+1] = int32(end) }

func (c *column) setText(row int, s []byte) {
	c.data = append(c.data, s...)
	c.setData(row)
}

// truncate forgets all rows from the given one on.
func (c *column) truncate(rows int) {
	if rows >= c.rows {
		return
	}
	clearBits(c.valid, rows, c.rows)
	switch c.kind {
	case Integer, Timestamp, Money, Structs:
	case Boolean:
		clearBits(c.bits, rows, c.rows)
	default:
		c.data = c.data[:c.offsets[rows]]
	}
	c.rows = rows
}

func clearBits(b []byte, from, to int) {
	b[from/8] &= 1<<(from%8) - 1
	clear(b[from/8+1 : (to+7)/8])
}

// has reports whether the given row holds a value.
func (c *column) has(row int) bool { return row < c.rows && c.valid[row/8]&(1<<(row%8)) != 0 }

// present counts the rows that hold a value.
func (c *column) present() int {
	n := 0
	for b := range slices.Chunk(c.valid, 8) {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	return n
}

// values are the bytes of the column's first rows, which are filled, as Arrow keeps them; second is the data of
// strings, nil for other kinds.
func (c *column) values(rows int) (first, second []byte) {
	switch c.kind {
	case Integer, Timestamp:
		return arrow.Int64Traits.CastToBytes(c.ints[:rows]), nil
	case Money:
		return arrow.Decimal128Traits.CastToBytes(c.money[:rows]), nil
	case Boolean:
		return c.bits[:(rows+7)/8], nil
	}
	return arrow.Int32Traits.CastToBytes(c.offsets[:rows+1]), c.data
}

// width is how many bytes of zeros the values of that many nulls are.
func (c *column) width(rows int) int {
	switch c.kind {
	case Integer, Timestamp:
		return rows * arrow.Int64SizeBytes
	case Money:
		return rows * arrow.Decimal128SizeBytes
	case Boolean:
		return (rows + 7) / 8
	}
	return (rows + 1) * arrow.Int32SizeBytes
}

// release starts a new column, with room for a little more, after Arrow took the memory of the old one.
func (c *column) release() {
	next := column{kind: c.kind, likely: c.rows + c.rows/8}
	if len(c.data) > 0 {
		next.data = make([]byte, 0, len(c.data)+len(c.data)/8)
	}
	*c = next
}
