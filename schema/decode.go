package schema

import "math"

// Decoder turns pages into record batches, in one pass over the bytes. It remembers which member followed which and
// so rarely looks a name up. A Decoder is for one goroutine.
type Decoder struct {
	table  *Table
	groups []*group
	top    *shape
	page   []byte
	taken  int    // bytes of the pages since the last batch
	clock  clock  // for timestamps
	raw    []byte // scratch: an unescaped string
	canon  canon
	zeros  []int64 // memory of columns without a value; never written to
}

// group is the rows of the record or of one list of struct, while they are filled.
type group struct {
	spec    *groupSpec
	rows    int
	mark    int      // rows before the page that is being read
	columns []column // of spec.types
	extra   *column  // the last of them
	kept    []kept   // members of the row being read that go to extra
	order   []int    // scratch for writing them: members of kept, or of spec.objects
}

// NewDecoder returns a decoder of pages of the table's records.
func NewDecoder(t *Table) *Decoder {
	d := &Decoder{table: t, clock: newClock()}
	for _, spec := range t.groups {
		g := &group{spec: spec, columns: make([]column, len(spec.types))}
		for i, f := range spec.fields {
			g.columns[i].kind = f.Kind
		}
		g.extra = &g.columns[len(spec.fields)]
		g.extra.kind = Text
		d.groups = append(d.groups, g)
	}
	d.top = d.shape(t.root)
	return d
}

func (d *Decoder) shape(o *object) *shape {
	s := &shape{
		object: o, rows: d.groups[o.group], below: make([]*shape, len(o.members)), columns: make([]*column, len(o.members)),
	}
	for i, m := range o.members {
		s.next[i] = guess{uint8(i), uint8(i)}
		if m.object != nil {
			s.below[i] = d.shape(m.object)
			continue
		}
		s.columns[i] = &s.rows.columns[m.column]
		if m.kind == Structs {
			s.below[i] = d.shape(d.groups[m.group].spec.objects[0])
		}
	}
	return s
}

// Rows is the number of records decoded since the last Batch or Reset.
func (d *Decoder) Rows() int { return d.groups[0].rows }

// Append decodes every record of a page: a JSON object with a member `records`, an array of objects. It returns how
// many they were. After an error, a *SyntaxError with the byte offset, the decoder holds what it held before. The pages
// of one batch are at most 2 GiB together.
func (d *Decoder) Append(page []byte) (records int, err error) {
	if len(page) > math.MaxInt32 {
		return 0, syntax(0, "the page is larger than 2 GiB")
	}
	if len(page) > math.MaxInt32-d.taken { // so that no offset within a column overflows
		return 0, syntax(0, "the pages since the last batch are larger than 2 GiB together; take a batch first")
	}
	for _, g := range d.groups {
		g.mark = g.rows
	}
	if records, err = d.appendPage(page); err != nil {
		d.rewind()
	} else {
		d.taken += len(page)
	}
	d.page = nil
	return records, err
}

// rewind takes back what the page gave so far.
func (d *Decoder) rewind() {
	for _, g := range d.groups {
		g.truncate(g.mark)
	}
}

// Reset forgets all rows and keeps the memory. Batches handed out stay valid: their memory is theirs.
func (d *Decoder) Reset() {
	for _, g := range d.groups {
		g.truncate(0)
	}
	d.taken = 0
}

func (g *group) truncate(rows int) {
	for i := range g.columns {
		g.columns[i].truncate(rows)
	}
	g.rows = rows
}

func (d *Decoder) appendPage(page []byte) (records int, err error) {
	d.page = page
	i := space(page, 0)
	if i >= len(page) || page[i] != '{' {
		return 0, syntax(i, "a page is a JSON object")
	}
	found, more := false, true
	if i = space(page, i+1); i < len(page) && page[i] == '}' {
		i, more = i+1, false
	}
	for more {
		isRecords := false
		if isRecords, i, err = d.pageKey(i); err != nil {
			return 0, err
		}
		if isRecords {
			found = true
			d.rewind() // of equal names the last one counts
			i, err = d.records(i)
		} else {
			i, err = skipValue(page, i, 1)
		}
		if err != nil {
			return 0, err
		}
		if i, more, err = comma(page, i, '}'); err != nil {
			return 0, err
		}
	}
	if i = space(page, i); i != len(page) {
		return 0, syntax(i, "something follows the page")
	}
	if !found {
		return 0, syntax(i, "the page lacks `records`")
	}
	return d.groups[0].rows - d.groups[0].mark, nil
}

// pageKey reads the name of a member of the page and returns where its value begins.
func (d *Decoder) pageKey(i int) (isRecords bool, next int, err error) {
	key, err := scanKey(d.page, i)
	if err != nil {
		return false, i, err
	}
	name := d.page[i+1 : key.end]
	if key.escaped {
		d.raw, _ = unescape(d.raw[:0], name)
		name = d.raw
	}
	next, err = colon(d.page, key.end+1)
	return string(name) == "records", next, err
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
		if i, err = d.row(d.top, i+1, 3); err != nil {
			return i, err
		}
		more := false
		if i, more, err = comma(b, i, ']'); err != nil || !more {
			return i, err
		}
	}
}

// row reads the object after whose brace i stands as one more row of the shape's group.
func (d *Decoder) row(s *shape, i, depth int) (next int, err error) {
	g := s.rows
	g.kept = g.kept[:0]
	if i, _, err = d.object(s, i, depth); err != nil {
		return i, err
	}
	if len(g.kept) > 0 {
		d.writeExtra(g)
	}
	g.rows++
	return i, nil
}
