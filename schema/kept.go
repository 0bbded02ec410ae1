package schema

import (
	"bytes"
	"math/bits"
	"slices"
)

// kept is a member that goes to extra: in which object it stood, its name and its value as they stand in the page.
type kept struct {
	in    *object
	name  []byte // canonical string body
	value []byte
}

// writeExtra writes what was kept of the current row as one JSON object.
func (d *Decoder) writeExtra(g *group) {
	g.extra.data = d.appendKept(g, g.extra.data, g.spec.objects[0])
	g.extra.setData(g.rows)
}

// appendKept writes the kept members of an object and of those below it, sorted by name.
func (d *Decoder) appendKept(g *group, dst []byte, o *object) []byte {
	base := len(g.order)
	var paths uint64
	for k := range g.kept {
		in := g.kept[k].in
		paths |= in.path
		if in == o {
			g.order = append(g.order, k)
		}
	}
	for ; paths != 0; paths &= paths - 1 {
		if k := bits.TrailingZeros64(paths); g.spec.objects[k].parent == o {
			g.order = append(g.order, -k)
		}
	}
	if len(g.order)-base > 1 {
		slices.SortFunc(g.order[base:], func(a, b int) int { return bytes.Compare(g.keptName(a), g.keptName(b)) })
	}
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
