package schema

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Apply brings rows under the policy, record and legs alike. Columns that the table does not know are dropped. The nil
// policy gives the batch itself; what a policy keeps is not copied. To apply it twice is to apply it once.
func (p *Policy) Apply(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	if p == nil {
		return batch, nil
	}
	if err := p.Ready(); err != nil {
		return nil, err
	}
	a := applying{policy: p, seen: map[string]string{}}
	cols := make([]arrow.Array, batch.NumCols())
	for i, c := range batch.Columns() {
		data, err := a.column(p.table.groups[0], batch.ColumnName(i), c)
		if err != nil {
			return nil, fmt.Errorf("privacy: column %s: %w", batch.ColumnName(i), err)
		}
		cols[i] = data
	}
	return array.NewRecordBatch(batch.Schema(), cols, batch.NumRows()), nil
}

// applying is one Apply while it runs.
type applying struct {
	policy *Policy
	seen   map[string]string // by class, action and text
}

func (a *applying) column(g *groupSpec, name string, c arrow.Array) (arrow.Array, error) {
	f, known := g.field(name)
	action := a.policy.actions[name]
	if !known {
		action = Drop
	}
	switch {
	case action == Drop:
		return array.MakeArrayOfNull(memory.DefaultAllocator, c.DataType(), c.Len()), nil
	case f.Kind == Structs:
		return a.elements(a.policy.table.groups[g.below[g.index(name)]], c)
	case action == Keep || c.NullN() == c.Len():
		return c, nil
	}
	text, ok := c.(*array.String)
	if !ok {
		return nil, fmt.Errorf("is %s, not text", c.DataType())
	}
	return mapText(text, func(_ int, s string) string {
		key := string(action) + f.Class.String() + ":" + s
		out, found := a.seen[key]
		if !found {
			out = a.policy.replaced(f, action, s)
			a.seen[key] = out
		}
		return out
	}), nil
}

// elements brings the elements of a list of struct under the policy.
func (a *applying) elements(g *groupSpec, c arrow.Array) (arrow.Array, error) {
	return mapElements(c, func(name string, child arrow.Array) (arrow.Array, error) { return a.column(g, name, child) })
}

// mapElements makes a list of struct of other columns of its elements.
func mapElements(c arrow.Array, change func(name string, child arrow.Array) (arrow.Array, error)) (arrow.Array, error) {
	list, ok := c.(*array.List)
	if !ok {
		return nil, fmt.Errorf("is %s, not a list", c.DataType())
	}
	data := list.Data()
	below := data.Children()[0]
	typ, ok := below.DataType().(*arrow.StructType)
	if !ok {
		return nil, fmt.Errorf("is a list of %s, not of struct", below.DataType())
	}
	children := make([]arrow.ArrayData, len(below.Children()))
	for i, child := range below.Children() {
		out, err := change(typ.Field(i).Name, array.MakeFromData(child))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", typ.Field(i).Name, err)
		}
		children[i] = out.Data()
	}
	elements := array.NewData(typ, below.Len(), below.Buffers(), children, below.NullN(), below.Offset())
	return array.MakeFromData(array.NewData(data.DataType(), data.Len(), data.Buffers(), []arrow.ArrayData{elements}, data.NullN(), data.Offset())), nil
}

// mapText makes a column of other texts; nulls stay.
func mapText(c *array.String, change func(row int, s string) string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(c.Len())
	for row := range c.Len() {
		if c.IsNull(row) {
			b.AppendNull()
			continue
		}
		b.Append(change(row, c.Value(row)))
	}
	return b.NewArray()
}

// index is the place of the column among the group's fields; -1 for Extra and for columns that the group does not know.
func (s *groupSpec) index(column string) int {
	for i, f := range s.fields {
		if f.Column() == column {
			return i
		}
	}
	return -1
}

// field is the field of a column; that of Extra is not in the table.
func (s *groupSpec) field(column string) (Field, bool) {
	if column == Extra {
		return Field{Path: Extra, Kind: Array, Class: ExtraClass}, true
	}
	if i := s.index(column); i >= 0 {
		return s.fields[i], true
	}
	return Field{}, false
}
