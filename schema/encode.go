package schema

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Encoder writes rows of one record batch back as RingCentral's JSON: the inverse of Decoder. The batch may come from
// Parquet and lack columns of the table, which are then absent.
type Encoder struct {
	record *encoderGroup
}

// encoderGroup is the columns of the record or of one list of struct, in the table's order; nil where absent.
type encoderGroup struct {
	spec    *groupSpec
	columns []arrow.Array
	below   []*encoderGroup // by column, for Structs
	extra   *array.String
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
		extra = []byte(g.extra.Value(row))
	}
	return g.object(dst, g.spec.objects[0], row, extra)
}

// object writes the members of o that the row holds, merged with those of the JSON object extra (nil for none).
func (g *encoderGroup) object(dst []byte, o *object, row int, extra []byte) []byte {
	rest := jsonMembers(extra)
	dst = append(dst, '{')
	first := len(dst)
	for k := range o.members {
		m := &o.members[k]
		if m.object == nil {
			if c := g.columns[m.column]; c != nil && c.IsValid(row) {
				dst = g.value(appendName(dst, first, m.key), m, c, row)
			}
			continue
		}
		inner, isObject := takeObject(&rest, m.key)
		mark := len(dst)
		dst = appendName(dst, first, m.key)
		start := len(dst)
		dst = g.object(dst, m.object, row, inner)
		if len(dst)-start == len("{}") && !isObject {
			dst = dst[:mark]
		}
	}
	for _, m := range rest {
		dst = appendName(dst, first, m.name)
		dst = append(dst, m.value...)
	}
	return append(dst, '}')
}

// appendName appends a comma, unless it is the object's first member, and a member's name, which is escaped already.
func appendName(dst []byte, first int, name string) []byte {
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

// isInteger reports whether s is an integer as JSON writes one.
func isInteger(s string) bool {
	b := []byte(s)
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 1 && b[0] == '0' {
		return false
	}
	return digits(b, 0) == len(b)
}

// appendTime writes an instant as RingCentral does, with milliseconds, or microseconds where it has them.
func appendTime(dst []byte, micros int64) []byte {
	form := `"2006-01-02T15:04:05.000Z"`
	if micros%1000 != 0 {
		form = `"2006-01-02T15:04:05.000000Z"`
	}
	return time.UnixMicro(micros).UTC().AppendFormat(dst, form)
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		n := i
		for n < len(s) && (s[n] >= utf8.RuneSelf || s[n] >= 0x20 && s[n] != '"' && s[n] != '\\') {
			n++
		}
		dst = append(dst, s[i:n]...)
		if n < len(s) {
			dst = appendEscaped(dst, s[n])
			n++
		}
		i = n
	}
	return append(dst, '"')
}

// jsonMember is one member of an object in extra, as it stands there.
type jsonMember struct {
	name  string // canonical string body, escapes and all
	value []byte
}

// jsonMembers splits a canonical JSON object into its members.
func jsonMembers(object []byte) []jsonMember {
	var out []jsonMember
	for i := 1; i < len(object)-1; i++ {
		key, _ := scanString(object, i+1)
		end, _ := skipValue(object, key.end+2, 0)
		out = append(out, jsonMember{string(object[i+1 : key.end]), object[key.end+2 : end]})
		i = end
	}
	return out
}

// takeObject removes the member of that name from rest if it is an object.
func takeObject(rest *[]jsonMember, name string) (value []byte, ok bool) {
	for i, m := range *rest {
		if m.name == name && m.value[0] == '{' {
			*rest = append((*rest)[:i:i], (*rest)[i+1:]...)
			return m.value, true
		}
	}
	return nil, false
}
