package schema

import (
	"bytes"
	"fmt"
)

// object reads the object after whose brace i stands. It reports whether it had any member but nulls.
func (d *Decoder) object(s *shape, i, depth int) (next int, some bool, err error) {
	b := d.page
	if depth > maxDepth {
		return i, false, syntax(i, fmt.Sprintf("values nest deeper than %d", maxDepth))
	}
	if i = space(b, i); i < len(b) && b[i] == '}' {
		return i + 1, false, nil
	}
	var seen uint64
	before, more, twice := 0, true, false
	for more {
		var name []byte
		k, at := int(s.next[before].first), i
		if m := &s.starts[k]; len(b)-i >= startSize && m.begins((*[startSize]byte)(b[i:])) {
			at += m.size
		} else if k, name, at, err = d.key(s, i, before); err != nil {
			return at, some, err
		}
		if at >= len(b) || b[at] <= ' ' {
			at = skipSpace(b, at)
		}
		var present bool
		if k < 0 {
			i, present, err = d.unknown(s.object, name, at, depth)
			twice = twice || !present
		} else {
			if seen&(1<<k) != 0 {
				d.clear(s, k)
				twice = true
			}
			seen |= 1 << k
			before = k + 1
			i, present, err = d.member(s, k, at, depth)
		}
		if err != nil {
			return i, some, err
		}
		some = some || present
		if i+1 < len(b) && b[i] == ',' && b[i+1] > ' ' {
			i++
		} else if i, more, err = comma(b, i, '}'); err != nil {
			return i, some, err
		}
	}
	if twice {
		some = d.anyLeft(s)
	}
	return i, some, nil
}

// unknown keeps a member that the table does not know.
func (d *Decoder) unknown(o *object, name []byte, i, depth int) (next int, present bool, err error) {
	end, err := skipValue(d.page, i, depth+1)
	if err != nil {
		return end, false, err
	}
	g := d.groups[o.group]
	for k := range g.kept {
		if g.kept[k].in == o && bytes.Equal(g.kept[k].name, name) {
			g.kept = append(g.kept[:k], g.kept[k+1:]...) // of equal names the last one counts
			break
		}
	}
	if d.page[i] == 'n' {
		return end, false, nil
	}
	g.kept = append(g.kept, kept{in: o, name: name, value: d.page[i:end]})
	return end, true, nil
}

// clear takes back what an earlier member of the same name left.
func (d *Decoder) clear(s *shape, k int) {
	m, g := &s.members[k], s.rows
	live := g.kept[:0]
	for _, e := range g.kept {
		if (e.in == s.object && string(e.name) == m.key) || (m.object != nil && e.in.within(m.object)) {
			continue
		}
		live = append(live, e)
	}
	g.kept = live
	if m.object == nil {
		d.dropRow(g, m.column)
		return
	}
	for _, c := range m.object.columns {
		d.dropRow(g, c)
	}
}

// dropRow forgets the value of the current row in one column, with the elements that belong to it.
func (d *Decoder) dropRow(g *group, column int) {
	c := &g.columns[column]
	if !c.has(g.rows) {
		return
	}
	if c.kind == Structs {
		d.groups[g.spec.below[column]].truncate(int(c.offsets[g.rows]))
	}
	c.truncate(g.rows)
}

// within reports whether the object is the other one of its group, or lies below it.
func (o *object) within(top *object) bool { return o.path>>top.index&1 != 0 }

// anyLeft reports whether the current row holds anything of the object, after members came twice.
func (d *Decoder) anyLeft(s *shape) bool {
	g := s.rows
	for _, c := range s.object.columns {
		if g.columns[c].has(g.rows) {
			return true
		}
	}
	for _, e := range g.kept {
		if e.in.within(s.object) {
			return true
		}
	}
	return false
}
