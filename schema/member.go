package schema

import (
	"bytes"
	"slices"
)

// member reads the value at i of a known member into its column, or keeps it for extra where the column cannot give
// it back. It reports whether the value was present: null counts as absent.
func (d *Decoder) member(s *shape, k, i, depth int) (next int, present bool, err error) {
	b := d.page
	if i >= len(b) {
		return i, false, syntax(i, "the page is cut short")
	}
	m := &s.members[k]
	if m.object != nil && b[i] == '{' {
		return d.nested(s, k, i, depth)
	}
	if m.object == nil {
		g := d.groups[s.group]
		c := &g.columns[m.column]
		end, done, err := d.value(c, m, s.below[k], g.rows, i, depth)
		if err != nil || done {
			return end, true, err
		}
	}
	end, err := skipValue(b, i, depth+1)
	if err != nil || b[i] == 'n' {
		return end, false, err
	}
	g := d.groups[s.group]
	g.kept = append(g.kept, kept{in: s.object, name: m.name, value: b[i:end]})
	return end, true, nil
}

// nested reads an object that the table knows; one without members is a value of its own, which no column holds.
func (d *Decoder) nested(s *shape, k, i, depth int) (int, bool, error) {
	end, some, err := d.object(s.below[k], i+1, depth+1)
	if err == nil && !some {
		g := d.groups[s.group]
		g.kept = append(g.kept, kept{in: s.object, name: s.members[k].name, value: emptyObject})
	}
	return end, true, err
}

var emptyObject = []byte("{}")

// value reads the value at i into the column if it is of the column's kind; done is false, and nothing read, if not.
func (d *Decoder) value(c *column, m *member, below *shape, row, i, depth int) (end int, done bool, err error) {
	b := d.page
	switch first := b[i]; {
	case first == '"' && c.kind != Integer && c.kind != Money && c.kind != Boolean && c.kind != Array && c.kind != Structs:
		t, err := scanString(b, i+1)
		if err != nil {
			return i, false, err
		}
		return t.end + 1, d.setString(c, row, b[i+1:t.end], t.escaped), nil
	case first == '-' || '0' <= first && first <= '9':
		return d.setNumber(c, row, i)
	case c.kind == Boolean && (first == 't' || first == 'f'):
		end, err = skipValue(b, i, 0)
		if err == nil {
			c.setBool(row, first == 't')
		}
		return end, true, err
	case c.kind == Structs && first == '[':
		return d.elements(c, m, below, row, i, depth)
	case c.kind == Array && first == '[':
		if end, err = skipValue(b, i, depth+1); err != nil {
			return end, false, err
		}
		c.open(row)
		c.data = d.canon.append(c.data, b[i:end])
		c.close()
		return end, true, nil
	}
	return i, false, nil
}

func (d *Decoder) setString(c *column, row int, body []byte, escaped bool) bool {
	if escaped {
		var ok bool
		if d.raw, ok = unescape(d.raw[:0], body); !ok {
			return false
		}
		body = d.raw
	}
	if c.kind == Timestamp {
		v, ok := parseTime(body)
		if ok {
			c.setInt(row, v)
		}
		return ok
	}
	c.setText(row, body)
	return true
}

func (d *Decoder) setNumber(c *column, row, i int) (end int, done bool, err error) {
	end, err = scanNumber(d.page, i)
	if err != nil {
		return end, false, err
	}
	literal := d.page[i:end]
	switch c.kind {
	case ID, NumericID:
		c.setText(row, literal)
		return end, true, nil
	case Integer:
		v, ok := parseInteger(literal)
		if ok {
			c.setInt(row, v)
		}
		return end, ok, nil
	case Money:
		v, ok := parseMoney(literal)
		if ok {
			c.setMoney(row, v)
		}
		return end, ok, nil
	}
	return end, false, nil
}

// elements reads an array of objects as one list of struct; an array that holds anything else is not for the column.
func (d *Decoder) elements(c *column, m *member, below *shape, row, i, depth int) (end int, done bool, err error) {
	b, g := d.page, d.groups[m.group]
	mark, start := g.rows, i
	c.open(row)
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		c.offsets = append(c.offsets, int32(g.rows))
		return i + 1, true, nil
	}
	for more := true; more; {
		if i >= len(b) || b[i] != '{' {
			g.truncate(mark)
			c.offsets = append(c.offsets, int32(mark))
			c.truncate(row)
			return start, false, nil
		}
		if i, _, err = d.row(below, i+1, depth+2); err != nil {
			return i, false, err
		}
		if i, more, err = comma(b, i, ']'); err != nil {
			return i, false, err
		}
	}
	c.offsets = append(c.offsets, int32(g.rows))
	return i, true, nil
}

// writeExtra writes what was kept of the current row as one JSON object.
func (d *Decoder) writeExtra(g *group) {
	if len(g.kept) == 0 {
		return
	}
	g.extra.open(g.rows)
	g.extra.data = d.appendKept(g, g.extra.data, g.spec.objects[0])
	g.extra.close()
}

// appendKept writes the kept members of an object and of those below it, sorted by name.
func (d *Decoder) appendKept(g *group, dst []byte, o *object) []byte {
	base := len(g.order)
	for k := range g.kept {
		if g.kept[k].in == o {
			g.order = append(g.order, k)
		}
	}
	for k, child := range g.spec.objects {
		if child.parent == o && slices.ContainsFunc(g.kept, func(e kept) bool { return e.in.within(child) }) {
			g.order = append(g.order, -k)
		}
	}
	slices.SortFunc(g.order[base:], func(a, b int) int { return bytes.Compare(g.keptName(a), g.keptName(b)) })
	dst = append(dst, '{')
	for n := range g.order[base:] {
		k := g.order[base+n]
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, g.keptName(k)...)
		dst = append(dst, '"', ':')
		if k < 0 {
			dst = d.appendKept(g, dst, g.spec.objects[-k])
		} else {
			dst = d.canon.append(dst, g.kept[k].value)
		}
	}
	g.order = g.order[:base]
	return append(dst, '}')
}

// keptName is the name under which an entry of order is written: a kept member, or below zero an object.
func (g *group) keptName(k int) []byte {
	if k < 0 {
		return g.spec.objects[-k].name
	}
	return g.kept[k].name
}
