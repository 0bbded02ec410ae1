package schema

import (
	"bytes"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Decoder turns pages into record batches, in one pass over the bytes. It remembers which member followed which and
// so rarely looks a name up. A Decoder is for one goroutine.
type Decoder struct {
	table  *Table
	groups []*group
	top    *shape
	page   []byte
	raw    []byte // scratch: an unescaped string
	canon  canon
}

// group is the rows of the record or of one list of struct, while they are filled.
type group struct {
	spec    *groupSpec
	rows    int
	columns []column
	extra   column
	kept    []kept // members of the row being read that go to extra
	order   []int  // scratch for writing them: members of kept, or of spec.objects
}

// kept is a member that goes to extra: in which object it stood, its name and its value as they stand in the page.
type kept struct {
	in    *object
	name  []byte // canonical string body
	value []byte
}

// shape is an object of the table as one decoder expects it.
type shape struct {
	*object
	next  [maxMembers + 1]uint8 // next[k]: the member that followed member k-1 last time; next[0]: the first
	below []*shape
}

// NewDecoder returns a decoder of pages of the table's records.
func NewDecoder(t *Table) *Decoder {
	d := &Decoder{table: t, top: newShape(t.root)}
	for _, spec := range t.groups {
		g := &group{spec: spec, columns: make([]column, len(spec.fields)), extra: column{kind: Text}}
		for i, f := range spec.fields {
			g.columns[i].kind = f.Kind
		}
		d.groups = append(d.groups, g)
	}
	for _, s := range d.shapes(d.top, nil) {
		for i, m := range s.members {
			if m.kind == Structs && m.object == nil {
				s.below[i] = newShape(t.groups[m.group].objects[0])
			}
		}
	}
	return d
}

func newShape(o *object) *shape {
	s := &shape{object: o, below: make([]*shape, len(o.members))}
	for i, m := range o.members {
		s.next[i] = uint8(i)
		if m.object != nil {
			s.below[i] = newShape(m.object)
		}
	}
	return s
}

func (d *Decoder) shapes(s *shape, out []*shape) []*shape {
	out = append(out, s)
	for _, b := range s.below {
		if b != nil {
			out = d.shapes(b, out)
		}
	}
	return out
}

// Rows is the number of records decoded since the last Batch or Reset.
func (d *Decoder) Rows() int { return d.groups[0].rows }

// Append decodes every record of a page: a JSON object with a member `records`, an array of objects. It returns how
// many they were. After an error, a *SyntaxError with the byte offset, the decoder holds what it held before.
func (d *Decoder) Append(page []byte) (records int, err error) {
	if len(page) > math.MaxInt32 {
		return 0, syntax(0, "the page is larger than 2 GiB")
	}
	marks := d.marks()
	if records, err = d.appendPage(page); err != nil {
		d.rewind(marks)
	}
	d.page = nil
	return records, err
}

func (d *Decoder) marks() []int {
	marks := make([]int, 0, 4)
	for _, g := range d.groups {
		marks = append(marks, g.rows)
	}
	return marks
}

func (d *Decoder) rewind(marks []int) {
	for k, g := range d.groups {
		g.truncate(marks[k])
		g.kept = g.kept[:0]
	}
}

// Reset forgets all rows and keeps the memory. Batches handed out stay valid: their memory is theirs.
func (d *Decoder) Reset() { d.rewind(make([]int, len(d.groups))) }

// Batch hands over the rows decoded since the last call as one record batch of the table's schema.
func (d *Decoder) Batch() arrow.RecordBatch {
	cols := make([]arrow.Array, 0, d.table.schema.NumFields())
	for _, data := range d.groupData(0) {
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
	return batch
}

func (d *Decoder) groupData(n int) []arrow.ArrayData {
	g := d.groups[n]
	out := make([]arrow.ArrayData, 0, len(g.columns)+1)
	elements := 0
	for i := range g.columns {
		c, f := &g.columns[i], g.spec.fields[i]
		if f.Kind != Structs {
			out = append(out, c.arrowData(g.rows, f.arrowType()))
			continue
		}
		elements++
		below := d.structData(n+elements, f)
		out = append(out, c.arrowData(g.rows, f.arrowType(), below))
		below.Release()
	}
	return append(out, g.extra.arrowData(g.rows, arrow.BinaryTypes.String))
}

func (d *Decoder) structData(n int, f Field) arrow.ArrayData {
	children := d.groupData(n)
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	typ := arrow.StructOf(arrowFields(f.Of)...)
	return array.NewData(typ, d.groups[n].rows, noBuffers, children, 0, 0)
}

// release starts new columns after a batch took the memory of the old ones, with room for as many values.
func (g *group) release() {
	for i := range g.columns {
		g.columns[i].release()
	}
	g.extra.release()
	g.rows = 0
}

func (g *group) truncate(rows int) {
	for i := range g.columns {
		g.columns[i].truncate(rows)
	}
	g.extra.truncate(rows)
	g.rows = rows
}

func (d *Decoder) appendPage(page []byte) (records int, err error) {
	d.page = page
	before := d.groups[0].rows
	i := space(page, 0)
	if i >= len(page) || page[i] != '{' {
		return 0, syntax(i, "a page is a JSON object")
	}
	found := false
	end, err := d.eachMember(i, func(name []byte, i int) (int, error) {
		if string(name) != "records" {
			return skipValue(page, i, 1)
		}
		found = true
		d.groups[0].truncate(before) // of equal names the last one counts
		return d.records(i)
	})
	if err != nil {
		return 0, err
	}
	if end = space(page, end); end != len(page) {
		return 0, syntax(end, "something follows the page")
	}
	if !found {
		return 0, syntax(end, "the page lacks `records`")
	}
	return d.groups[0].rows - before, nil
}

// eachMember walks the members of the object that begins at i; value gets the name as it stands in the page and
// the index of the value, and returns the index after it.
func (d *Decoder) eachMember(i int, value func(name []byte, i int) (int, error)) (int, error) {
	b := d.page
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		key, err := scanKey(b, i)
		if err != nil {
			return i, err
		}
		name := b[i+1 : key.end]
		if i, err = colon(b, key.end+1); err != nil {
			return i, err
		}
		if i, err = value(name, i); err != nil {
			return i, err
		}
		more := false
		if i, more, err = comma(b, i, '}'); err != nil || !more {
			return i, err
		}
	}
}

func (d *Decoder) records(i int) (int, error) {
	b := d.page
	if i >= len(b) || b[i] != '[' {
		return i, syntax(i, "`records` is not an array")
	}
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '{' {
			return i, syntax(i, "a record is not an object")
		}
		var err error
		if i, _, err = d.row(d.top, i+1, 3); err != nil {
			return i, err
		}
		more := false
		if i, more, err = comma(b, i, ']'); err != nil || !more {
			return i, err
		}
	}
}

// row reads the object after whose brace i stands as one more row of the shape's group.
func (d *Decoder) row(s *shape, i, depth int) (int, bool, error) {
	g := d.groups[s.group]
	if g.rows == math.MaxInt32 {
		return i, false, syntax(i, "too many rows for one batch")
	}
	g.kept = g.kept[:0]
	i, some, err := d.object(s, i, depth)
	if err != nil {
		return i, some, err
	}
	d.writeExtra(g)
	g.rows++
	return i, some, nil
}

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
	prev, more, twice := 0, true, false
	for more {
		k, name, at, err := d.key(s, i, prev)
		if err != nil {
			return at, some, err
		}
		if i, err = colon(b, at); err != nil {
			return i, some, err
		}
		var present bool
		if k < 0 {
			i, present, err = d.unknown(s.object, name, i, depth)
			twice = twice || !present
		} else {
			if seen&(1<<k) != 0 {
				d.clear(s, k)
				twice = true
			}
			seen |= 1 << k
			prev = k + 1
			i, present, err = d.member(s, k, i, depth)
		}
		if err != nil {
			return i, some, err
		}
		some = some || present
		if i, more, err = comma(b, i, '}'); err != nil {
			return i, some, err
		}
	}
	if twice {
		some = d.anyLeft(s)
	}
	return i, some, nil
}

// key reads a member's name at i. It returns the known member, or -1 and the name, and the index after the name.
func (d *Decoder) key(s *shape, i, prev int) (k int, name []byte, at int, err error) {
	b := d.page
	if i < len(b) && b[i] == '"' && len(s.members) > 0 {
		k = int(s.next[prev])
		if k < len(s.members) {
			want := s.members[k].quoted
			if len(b)-i > len(want) && string(b[i+1:i+1+len(want)]) == want {
				return k, nil, i + 1 + len(want), nil
			}
		}
	}
	t, err := scanKey(b, i)
	if err != nil {
		return -1, nil, i, err
	}
	name = b[i+1 : t.end]
	plainName := name
	if t.escaped {
		d.raw, _ = unescape(d.raw[:0], name)
		plainName = d.raw
		name = appendBody(nil, name)
	}
	k, known := s.byKey[string(plainName)]
	if !known {
		return -1, name, t.end + 1, nil
	}
	s.next[prev] = uint8(k)
	return k, nil, t.end + 1, nil
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
	m, g := &s.members[k], d.groups[s.group]
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
		for _, m := range d.top.members {
			if m.kind == Structs && m.object == nil && m.column == column {
				d.groups[m.group].truncate(int(c.offsets[g.rows]))
			}
		}
	}
	c.truncate(g.rows)
}

func (o *object) within(top *object) bool {
	for ; o != nil; o = o.parent {
		if o == top {
			return true
		}
	}
	return false
}

// anyLeft reports whether the current row holds anything of the object, after members came twice.
func (d *Decoder) anyLeft(s *shape) bool {
	g := d.groups[s.group]
	for _, c := range s.columns {
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
