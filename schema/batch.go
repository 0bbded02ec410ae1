package schema

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Batch hands over the rows decoded since the last call as one record batch of the table's schema.
func (d *Decoder) Batch() arrow.RecordBatch {
	cols := make([]arrow.Array, 0, d.table.schema.NumFields())
	for _, data := range d.groupData(d.groups[0]) {
		cols = append(cols, array.MakeFromData(data))
		data.Release()
	}
	batch := array.NewRecordBatch(d.table.schema, cols, int64(d.groups[0].rows))
	for _, c := range cols {
		c.Release()
	}
	for _, g := range d.groups {
		g.release()
	}
	d.taken = 0
	return batch
}

func (d *Decoder) groupData(g *group) []arrow.ArrayData {
	out := make([]arrow.ArrayData, len(g.columns))
	for i := range g.columns {
		c, typ := &g.columns[i], g.spec.types[i]
		if c.kind != Structs {
			out[i] = d.columnData(c, g.rows, typ)
			continue
		}
		below := d.structData(d.groups[g.spec.below[i]], typ.(*arrow.ListType).Elem())
		out[i] = d.columnData(c, g.rows, typ, below)
		below.Release()
	}
	return out
}

func (d *Decoder) structData(g *group, typ arrow.DataType) arrow.ArrayData {
	children := d.groupData(g)
	data := array.NewData(typ, g.rows, []*memory.Buffer{nil}, children, 0, 0) // elements are never null
	for _, c := range children {
		c.Release()
	}
	return data
}

// columnData wraps the column's memory as Arrow data; the column must be released afterwards. Columns without a
// value share one run of zeros.
func (d *Decoder) columnData(c *column, rows int, typ arrow.DataType, children ...arrow.ArrayData) arrow.ArrayData {
	var valid, first, second []byte
	present := c.present()
	if present == 0 {
		valid, first = d.nulls((rows+7)/8), d.nulls(c.width(rows))
	} else {
		c.fill(rows, 0)
		valid = c.valid[:(rows+7)/8]
		first, second = c.values(rows)
	}
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(first)}
	if present < rows {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	if c.kind.isString() {
		buffers = append(buffers, memory.NewBufferBytes(second))
	}
	return array.NewData(typ, rows, buffers, children, rows-present, 0)
}

// nulls returns n zero bytes, aligned for every kind, that nobody may write to. Their capacity is n too: Arrow turns
// bytes into values up to the capacity.
func (d *Decoder) nulls(n int) []byte {
	if len(d.zeros)*arrow.Int64SizeBytes < n {
		d.zeros = make([]int64, max(n/arrow.Int64SizeBytes+1, 2*len(d.zeros)))
	}
	return arrow.Int64Traits.CastToBytes(d.zeros)[:n:n]
}

// release starts new columns after a batch took the memory of the old ones.
func (g *group) release() {
	for i := range g.columns {
		g.columns[i].release()
	}
	g.rows = 0
}
