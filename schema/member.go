package schema

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// member reads the value at i of a known member. It reports whether there was one: null counts as absent.
func (d *Decoder) member(s *shape, k, i, depth int) (next int, present bool, err error) {
	if c := s.columns[k]; i < len(d.page) && d.page[i] == '"' && c != nil && c.kind.takesString() {
		next, present, err = d.text(c, s.rows.rows, i+1)
	} else {
		next, present, err = d.value(s, k, i, depth)
	}
	if !present && err == nil {
		return d.keep(s, k, i, depth)
	}
	return next, present, err
}

// nested reads an object that the table knows; one without members but nulls is a value of its own, which no column
// holds: {}.
func (d *Decoder) nested(s *shape, k, i, depth int) (int, bool, error) {
	end, some, err := d.object(s.below[k], i+1, depth+1)
	if err == nil && !some {
		s.rows.kept = append(s.rows.kept, kept{in: s.object, name: s.members[k].name, value: d.page[i:end]})
	}
	return end, true, err
}

// keep keeps the value at i of a known member for extra, where no column can give it back. It reports whether there
// was one: null counts as absent.
func (d *Decoder) keep(s *shape, k, i, depth int) (next int, present bool, err error) {
	end, err := skipValue(d.page, i, depth+1)
	if err != nil || d.page[i] == 'n' {
		return end, false, err
	}
	s.rows.kept = append(s.rows.kept, kept{in: s.object, name: s.members[k].name, value: d.page[i:end]})
	return end, true, nil
}

// value reads the value at i of a known member, but for strings of string columns, into its column or columns; done is
// false, and nothing read, if it is not of the column's kind.
func (d *Decoder) value(s *shape, k, i, depth int) (end int, done bool, err error) {
	if i >= len(d.page) {
		return i, false, syntax(i, "the page is cut short")
	}
	c, row, first := s.columns[k], s.rows.rows, d.page[i]
	if c == nil {
		if first == '{' {
			return d.nested(s, k, i, depth)
		}
		return i, false, nil
	}
	switch c.kind {
	case ID, NumericID:
		if isNumber(first) {
			return d.numericID(c, row, i)
		}
	case Integer:
		if isNumber(first) {
			return d.integer(c, row, i)
		}
	case Timestamp:
		if first == '"' {
			return d.timestamp(c, row, i+1)
		}
	case Money:
		if isNumber(first) {
			return d.money(c, row, i)
		}
	case Boolean:
		if first == 't' || first == 'f' {
			if end, err = skipValue(d.page, i, 0); err == nil {
				c.setBool(row, first == 't')
			}
			return end, true, err
		}
	case Array:
		if first == '[' {
			return d.array(c, row, i, depth)
		}
	case Structs:
		if first == '[' {
			return d.elements(s, k, i, depth)
		}
	}
	return i, false, nil
}

func isNumber(first byte) bool { return first == '-' || '0' <= first && first <= '9' }

// text reads the string after whose quote i stands. As long as it is plain ASCII, sixteen bytes at a time are copied
// before they are looked at: up to fifteen too many, within the capacity and beyond the length.
func (d *Decoder) text(c *column, row, i int) (end int, done bool, err error) {
	const step = 16
	b, n := d.page, len(c.data)
	for end = i; end+step <= len(b); end += step {
		if n+step > cap(c.data) {
			c.data = slices.Grow(c.data, n+step-len(c.data))
		}
		from, to := (*[step]byte)(b[end:]), (*[step]byte)(c.data[n:n+step])
		low, high := binary.LittleEndian.Uint64(from[:8]), binary.LittleEndian.Uint64(from[8:])
		binary.LittleEndian.PutUint64(to[:8], low)
		binary.LittleEndian.PutUint64(to[8:], high)
		low, high = special(low), special(high)
		if low|high != 0 {
			k := bits.TrailingZeros64(low) / 8
			if low == 0 {
				k = 8 + bits.TrailingZeros64(high)/8
			}
			if end += k; b[end] != '"' {
				break
			}
			c.data = c.data[:n+k]
			c.setData(row)
			return end + 1, true, nil
		}
		n += step
	}
	return d.anyText(c, row, i)
}

// anyText is text for every string.
func (d *Decoder) anyText(c *column, row, i int) (end int, done bool, err error) {
	t, err := scanString(d.page, i)
	if err != nil {
		return i, false, err
	}
	if body := d.page[i:t.end]; !t.escaped {
		c.data = append(c.data, body...)
	} else if c.data, done = unescape(c.data, body); !done {
		return t.end + 1, false, nil
	}
	c.setData(row)
	return t.end + 1, true, nil
}

// timestamp reads the string after whose quote i stands.
func (d *Decoder) timestamp(c *column, row, i int) (end int, done bool, err error) {
	b := d.page
	if v, ok := d.clock.read(b[i:]); ok {
		c.setInt(row, v)
		return i + clockSize, true, nil
	}
	t, err := scanString(b, i)
	if err != nil {
		return i, false, err
	}
	body := b[i:t.end]
	if t.escaped {
		if d.raw, done = unescape(d.raw[:0], body); !done {
			return t.end + 1, false, nil
		}
		body = d.raw
	}
	v, ok := parseTime(body)
	if ok {
		d.clock.set(body, v)
		c.setInt(row, v)
	}
	return t.end + 1, ok, nil
}

func (d *Decoder) numericID(c *column, row, i int) (end int, done bool, err error) {
	if end, err = scanNumber(d.page, i); err != nil {
		return end, false, err
	}
	c.setText(row, d.page[i:end])
	return end, true, nil
}

func (d *Decoder) integer(c *column, row, i int) (end int, done bool, err error) {
	v, end := shortNumber(d.page, i, 0)
	if end > i {
		c.setInt(row, v)
		return end, true, nil
	}
	if end, err = scanNumber(d.page, i); err != nil {
		return end, false, err
	}
	if v, done = parseInteger(d.page[i:end]); done {
		c.setInt(row, v)
	}
	return end, done, nil
}

func (d *Decoder) money(c *column, row, i int) (end int, done bool, err error) {
	v, end := shortNumber(d.page, i, moneyScale)
	if end > i {
		c.setMoney(row, v)
		return end, true, nil
	}
	if end, err = scanNumber(d.page, i); err != nil {
		return end, false, err
	}
	if v, done = parseMoney(d.page[i:end]); done {
		c.setMoney(row, v)
	}
	return end, done, nil
}

func (d *Decoder) array(c *column, row, i, depth int) (end int, done bool, err error) {
	if end, err = skipValue(d.page, i, depth+1); err != nil {
		return end, false, err
	}
	c.data = d.canon.append(c.data, d.page[i:end])
	c.setData(row)
	return end, true, nil
}

// elements reads an array of objects as one list of struct; an array that holds anything else is not for the column.
func (d *Decoder) elements(s *shape, k, i, depth int) (end int, done bool, err error) {
	b, c, below := d.page, s.columns[k], s.below[k]
	mark, start := below.rows.rows, i
	i = space(b, i+1)
	more := i >= len(b) || b[i] != ']'
	if !more {
		i++
	}
	for more {
		if i >= len(b) || b[i] != '{' {
			below.rows.truncate(mark)
			return start, false, nil
		}
		if i, err = d.row(below, i+1, depth+2); err != nil {
			return i, false, err
		}
		if i, more, err = comma(b, i, ']'); err != nil {
			return i, false, err
		}
	}
	c.setEnd(s.rows.rows, below.rows.rows)
	return i, true, nil
}
