package schema

import (
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Apply puts the tokens of erased persons in place of what is known of them. Of a party, a delegate or an extension whose
// number or id is found, all of it: number, extension, name, location and device; so also of the same name, extension or
// device elsewhere in the row or its legs. In a row that somebody is found in, `extra` is emptied, since nobody knows what
// it holds, and other text where the number, the id or the name stands in it. rows is how many rows were changed; without
// any, the batch itself is returned.
func (e *Erasure) Apply(batch arrow.RecordBatch) (out arrow.RecordBatch, rows int, err error) {
	if e == nil || batch.NumRows() == 0 {
		return batch, 0, nil
	}
	x := &erasing{erasure: e, seen: map[string]string{}}
	top := x.open(e.table.groups[0], func(name string) arrow.Array {
		if at := batch.Schema().FieldIndices(name); len(at) == 1 {
			return batch.Column(at[0])
		}
		return nil
	})
	for row := range int(batch.NumRows()) {
		if x.row(top, row) {
			rows++
		}
	}
	if rows == 0 {
		return batch, 0, nil
	}
	cols := make([]arrow.Array, batch.NumCols())
	for i, c := range batch.Columns() {
		if cols[i], err = top.changed(batch.ColumnName(i), c); err != nil {
			return nil, 0, err
		}
	}
	return array.NewRecordBatch(batch.Schema(), cols, batch.NumRows()), rows, nil
}

// erasing is one Apply while it runs.
type erasing struct {
	erasure *Erasure
	seen    map[string]string // tokens, by how a text was looked at and the text
}

// textColumns are the text columns of one group that can tell of somebody, and what is to be put into them.
type textColumns struct {
	spec  *groupSpec
	texts []textColumn
	lists []*array.List // of below
	below []*textColumns
	names []string // of the columns of below
}

type textColumn struct {
	field Field
	party string // whom it tells of: `from`, `to`, `extension` and the like, or the row itself; empty for others
	cells *array.String
	edits map[int]string
}

func (x *erasing) open(spec *groupSpec, column func(string) arrow.Array) *textColumns {
	g := &textColumns{spec: spec}
	extra, _ := spec.field(Extra)
	for i, f := range append(spec.fields[:len(spec.fields):len(spec.fields)], extra) {
		switch c := column(f.Column()).(type) {
		case *array.String:
			if f.Class != Plain && f.Class != Audio { // keys and sums name nobody
				g.texts = append(g.texts, textColumn{field: f, party: f.party(), cells: c, edits: map[int]string{}})
			}
		case *array.List:
			if f.Kind == Structs {
				g.lists, g.names = append(g.lists, c), append(g.names, f.Column())
				g.below = append(g.below, x.open(x.erasure.table.groups[spec.below[i]], structColumn(c)))
			}
		}
	}
	return g
}

// itself is the party that a row or element as a whole is: an extension, a recipient, the owner of a message store.
const itself = "itself"

// party names whom a field tells of; empty where it tells of nobody in particular.
func (f Field) party() string {
	if party := partyOf(f.Path); party != "" {
		return party
	}
	name, _, nested := strings.Cut(f.Path, ".")
	isPersonal := slices.Contains([]Class{PhoneNumbers, Names, Locations, Extensions}, f.Class)
	if isPersonal && (!nested || name == "contact") {
		return itself
	}
	return ""
}

// partyOf is the party at the beginning of a path.
func partyOf(path string) string {
	name, _, nested := strings.Cut(path, ".")
	switch name {
	case "from", "to", "extension", "delegate", "owner", "operator", "forwarding":
		if nested {
			return name
		}
	}
	return ""
}

// place is one row of a group.
type place struct {
	in  *textColumns
	row int
}

// found is whom a row tells of: the token, and the names, extensions and devices that stand beside it.
type found struct {
	parties map[partyAt]string // tokens
	order   []partyAt          // of the parties as they were found, so that equal rows come out equal
	values  map[string]string  // tokens, by text
	token   string             // of the first one
}

func (f *found) add(at partyAt, token string) {
	if f.parties[at] == "" {
		f.parties[at] = token
		f.order = append(f.order, at)
	}
}

type partyAt struct {
	place
	party string
}

// row looks at one record with its legs and reports whether somebody was found.
func (x *erasing) row(top *textColumns, row int) bool {
	places := []place{{top, row}}
	for i, list := range top.lists {
		if list.IsValid(row) {
			from, to := list.ValueOffsets(row)
			for at := from; at < to; at++ {
				places = append(places, place{top.below[i], int(at)})
			}
		}
	}
	f := found{parties: map[partyAt]string{}, values: map[string]string{}}
	for _, p := range places {
		x.look(p, &f)
	}
	if f.token == "" {
		return false
	}
	f.spread(places)
	edited := false
	for _, p := range places {
		edited = x.edit(p, &f) || edited
	}
	return edited
}

// look notes whom the cells of one place tell of by number, extension or text.
func (x *erasing) look(p place, f *found) {
	for i := range p.in.texts {
		c := &p.in.texts[i]
		if c.cells.IsNull(p.row) {
			continue
		}
		token := x.token(c.field, c.cells.Value(p.row))
		if token == "" {
			continue
		}
		if f.token == "" {
			f.token = token
		}
		switch {
		case c.field.Class == ExtraClass:
			x.lookInto(p, c.cells.Value(p.row), f)
		case c.party != "" && c.field.Class != URIs:
			f.add(partyAt{p, c.party}, token)
		}
	}
}

// lookInto notes the parties of which what stands in extra tells of somebody: a number of another type than the column's.
func (x *erasing) lookInto(p place, extra string, f *found) {
	for _, m := range appendMembers(nil, []byte(extra)) {
		if party := partyOf(string(m.name) + "."); party != "" {
			if token := x.erasure.inText(string(m.value)); token != "" {
				f.add(partyAt{p, party}, token)
			}
		}
	}
}

func (x *erasing) token(f Field, text string) string {
	look, how := x.erasure.inText, "text:"
	switch {
	case f.Class == Extensions && isExtensionID(f.Path):
		look, how = x.erasure.inExtension, "extension:"
	case f.Class == PhoneNumbers, f.Class == Extensions:
		look, how = x.erasure.inNumber, "number:"
	}
	key := how + text
	token, seen := x.seen[key]
	if !seen {
		token = look(text)
		x.seen[key] = token
	}
	return token
}

func isExtensionID(path string) bool {
	return slices.Contains([]string{"id", "extensionId", "extension.id", "delegate.id", "operator.id"}, path) ||
		strings.HasSuffix(path, ".extensionId")
}

// spread finds the same persons in the other parties of the row, by name, extension or device.
func (f *found) spread(places []place) {
	for done := 0; done < len(f.order); {
		for ; done < len(f.order); done++ {
			at := f.order[done]
			token := f.parties[at]
			at.each(at.party, func(c *textColumn, text string) {
				if c.tellsWho() && text != token && f.values[text] == "" {
					f.values[text] = token
				}
			})
		}
		for _, p := range places {
			p.each("", func(c *textColumn, text string) {
				if token := f.values[text]; token != "" && c.party != "" && c.tellsWho() {
					f.add(partyAt{p, c.party}, token)
				}
			})
		}
	}
}

// tellsWho reports whether equal values of the column are the same person's. A number beside an extension can be the
// company's.
func (c *textColumn) tellsWho() bool { return c.field.Class == Names || c.field.Class == Extensions }

// each visits the texts of a place, of one party or of all.
func (p place) each(party string, visit func(*textColumn, string)) {
	for i := range p.in.texts {
		c := &p.in.texts[i]
		if c.cells.IsValid(p.row) && (party == "" || c.party == party) {
			visit(c, c.cells.Value(p.row))
		}
	}
}

// edit puts tokens in place of what tells of the persons that were found, and reports whether it changed anything.
func (x *erasing) edit(p place, f *found) (edited bool) {
	p.each("", func(c *textColumn, text string) {
		token := f.parties[partyAt{p, c.party}]
		switch {
		case c.party != "" && token != "":
		case c.field.Class == ExtraClass || c.field.Prose:
			token = f.token
		case c.party == "" || c.field.Class == URIs || c.field.Class == Names:
			if token = x.token(c.field, text); token == "" {
				token = f.named(text)
			}
		}
		if token == "" {
			return
		}
		if out := erasedJSON(c.field.Kind, c.field.Class, token); out != text {
			c.edits[p.row] = out
			edited = true
		}
	})
	return edited
}

// named returns the token of a person whose name stands in a text.
func (f *found) named(text string) string {
	for value, token := range f.values {
		if len(value) >= 3 && !isToken(value) && strings.Contains(text, value) {
			return token
		}
	}
	return ""
}

// changed is a column of the group with what was put into it.
func (g *textColumns) changed(name string, c arrow.Array) (arrow.Array, error) {
	for i := range g.texts {
		t := &g.texts[i]
		if t.field.Column() == name && len(t.edits) > 0 {
			return mapText(t.cells, func(row int, s string) string {
				if out, ok := t.edits[row]; ok {
					return out
				}
				return s
			}), nil
		}
	}
	for i, list := range g.names {
		if list == name {
			return mapElements(c, g.below[i].changed)
		}
	}
	return c, nil
}
