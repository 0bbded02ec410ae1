package schema

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Encoder writes rows of one record batch back as RingCentral's JSON: the inverse of Decoder. The batch may come from
// Parquet and lack columns of the table, which are then absent. An Encoder is for one goroutine.
type Encoder struct {
	record *encoderGroup
}

// encoderGroup is the columns of the record or of one list of struct, in the table's order; nil where absent.
type encoderGroup struct {
	spec    *groupSpec
	columns []arrow.Array
	below   []*encoderGroup // by column, for Structs
	extra   *array.String
	rest    []jsonMember // scratch: members of extra, of the objects that are being written
}

// NewEncoder returns an encoder of the batch's rows. A column of another type than the table's is an error.
func NewEncoder(t *Table, batch arrow.RecordBatch) (*Encoder, error) {
	next := 0
	g, err := t.encoderGroup(&next, func(name string) arrow.Array {
		if at := batch.Schema().FieldIndices(name); len(at) == 1 {
			return batch.Column(at[0])
		}
		return nil
	})
	return &Encoder{record: g}, err
}

func (t *Table) encoderGroup(next *int, column func(string) arrow.Array) (*encoderGroup, error) {
	spec := t.groups[*next]
	*next++
	g := &encoderGroup{
		spec: spec, columns: make([]arrow.Array, len(spec.fields)), below: make([]*encoderGroup, len(spec.fields)),
	}
	for i, f := range spec.fields {
		c := column(f.Column())
		if c != nil && c.DataType().ID() != f.arrowType().ID() {
			return nil, fmt.Errorf("column %s is %s, not %s", f.Column(), c.DataType(), f.arrowType())
		}
		g.columns[i] = c
		if f.Kind != Structs {
			continue
		}
		var err error
		if g.below[i], err = t.encoderGroup(next, structColumn(c)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Column(), err)
		}
	}
	if c, ok := column(Extra).(*array.String); ok {
		g.extra = c
	}
	return g, nil
}

// structColumn finds the columns of the elements of a list of struct by name.
func structColumn(c arrow.Array) func(string) arrow.Array {
	list, ok := c.(*array.List)
	if !ok {
		return func(string) arrow.Array { return nil }
	}
	values := list.ListValues().(*array.Struct)
	typ := values.DataType().(*arrow.StructType)
	return func(name string) arrow.Array {
		if i, ok := typ.FieldIdx(name); ok {
			return values.Field(i)
		}
		return nil
	}
}

// Append appends the row as one JSON object: members in the table's order, then what `extra` holds. Equal rows give
// equal bytes.
func (e *Encoder) Append(dst []byte, row int) []byte { return e.record.append(dst, row) }

func (g *encoderGroup) append(dst []byte, row int) []byte {
	var extra []byte
	if g.extra != nil && g.extra.IsValid(row) {
		from := g.extra.ValueOffset(row) - g.extra.ValueOffset(0)
		extra = g.extra.ValueBytes()[from : from+g.extra.ValueLen(row)]
	}
	return g.object(dst, g.spec.objects[0], row, extra)
}

// object writes the members of o that the row holds, merged with those of the JSON object extra (nil for none).
func (g *encoderGroup) object(dst []byte, o *object, row int, extra []byte) []byte {
	base := len(g.rest)
	g.rest = appendMembers(g.rest, extra)
	dst = append(dst, '{')
	first := len(dst)
	for k := range o.members {
		m := &o.members[k]
		if m.object == nil {
			if c := g.columns[m.column]; c != nil && c.IsValid(row) {
				dst = g.value(appendName(dst, first, m.name), m, c, row)
			}
			continue
		}
		inner := takeObject(g.rest[base:], m.name)
		mark := len(dst)
		dst = appendName(dst, first, m.name)
		start := len(dst)
		dst = g.object(dst, m.object, row, inner)
		if len(dst)-start == len("{}") && inner == nil {
			dst = dst[:mark]
		}
	}
	for _, m := range g.rest[base:] {
		if m.value != nil {
			dst = appendName(dst, first, m.name)
			dst = append(dst, m.value...)
		}
	}
	g.rest = g.rest[:base]
	return append(dst, '}')
}

// appendName appends a comma, unless it is the object's first member, and a member's name, which is escaped already.
func appendName(dst []byte, first int, name []byte) []byte {
	if len(dst) > first {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func (g *encoderGroup) value(dst []byte, m *member, c arrow.Array, row int) []byte {
	switch m.kind {
	case Integer:
		return strconv.AppendInt(dst, c.(*array.Int64).Value(row), 10)
	case Boolean:
		return strconv.AppendBool(dst, c.(*array.Boolean).Value(row))
	case Timestamp:
		return appendTime(dst, int64(c.(*array.Timestamp).Value(row)))
	case Money:
		return appendMoney(dst, int64(c.(*array.Decimal128).Value(row).LowBits()))
	case Structs:
		return g.elements(dst, g.below[m.column], c.(*array.List), row)
	}
	s := c.(*array.String).Value(row)
	if m.kind == Array || m.kind == NumericID && isInteger(s) {
		return append(dst, s...)
	}
	return appendString(dst, s)
}

func (g *encoderGroup) elements(dst []byte, below *encoderGroup, list *array.List, row int) []byte {
	from, to := list.ValueOffsets(row)
	dst = append(dst, '[')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		dst = below.append(dst, int(i))
	}
	return append(dst, ']')
}

// jsonMember is one member of an object in extra, as it stands there.
type jsonMember struct {
	name  []byte // canonical string body, escapes and all
	value []byte // nil once it is written
}

// appendMembers splits a canonical JSON object into its members.
func appendMembers(out []jsonMember, object []byte) []jsonMember {
	for i := 1; i < len(object)-1; i++ {
		key, _ := scanString(object, i+1)
		end, _ := skipValue(object, key.end+2, 0)
		out = append(out, jsonMember{object[i+1 : key.end], object[key.end+2 : end]})
		i = end
	}
	return out
}

// takeObject takes the member of that name if it is an object; nil if there is none.
func takeObject(members []jsonMember, name []byte) []byte {
	for i := range members {
		if m := &members[i]; bytes.Equal(m.name, name) && len(m.value) > 0 && m.value[0] == '{' {
			value := m.value
			m.value = nil
			return value
		}
	}
	return nil
}

// isInteger reports whether s is an integer as JSON writes one.
func isInteger(s string) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// appendString appends s as a JSON string with the fewest escapes. It looks for them eight bytes at a time.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) && escapes(wordOf(s[i:i+8])) == 0 {
			i += 8
			continue
		}
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			dst = appendEscaped(append(dst, s[done:i]...), c)
			done = i + 1
		}
		i++
	}
	return append(append(dst, s[done:]...), '"')
}

// wordOf is the eight bytes of s, the first one lowest.
func wordOf(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
