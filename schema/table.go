// Package schema is the contract of trunkline's tables: which JSON member becomes which column, and both ways
// between them. It promises that nothing is lost: Decode then Encode gives back every member of every record
// (null counts as absent, ids compare as text, times as instants, numbers by value); what no column can hold is
// kept in `extra`. It knows nothing of HTTP, buckets, Parquet or SQL.
//
// Start with CallLog (Tables lists the others), then NewDecoder for pages and NewEncoder for rows.
package schema

import (
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
)

// Table is one kind of record: its fields and the Arrow schema that follows from them.
type Table struct {
	Name    string // of the table, as in the lake: `call_log`
	Comment string // what one row is, as a sentence
	Fields  []Field
	Keys    []string // columns by which rows are told apart, placed and ordered

	schema *arrow.Schema
	root   *object
	groups []*groupSpec
}

var callLog = sync.OnceValue(func() *Table {
	return newTable("call_log", "One row a call record.", callFields, "id", "start_time", "last_modified_time", "deleted")
})

// Tables lists all tables, by name.
func Tables() []*Table {
	return []*Table{Account(), CallLog(), CallQueues(), ExtensionCallLog(), CompanyExtensions(), Messages(), CompanyPhoneNumbers(), Recordings()}
}

func newTable(name, comment string, fields []Field, keys ...string) *Table {
	columns := arrowFields(fields)
	t := &Table{Name: name, Comment: comment, Fields: fields, Keys: keys, schema: arrow.NewSchema(columns, nil)}
	t.root = t.compile(fields, columns)
	return t
}

// Schema is the Arrow schema of the table's record batches: a column a field, then `extra`. All columns are nullable.
func (t *Table) Schema() *arrow.Schema { return t.schema }

// Column returns the index of the column of that name, or -1.
func (t *Table) Column(name string) int {
	if at := t.schema.FieldIndices(name); len(at) == 1 {
		return at[0]
	}
	return -1
}

// object is one JSON object that the table knows: the record, `from` within it, `from.device` within that.
type object struct {
	name    []byte // its member in the parent, empty at the top of a group
	group   int    // rows that its columns belong to
	parent  *object
	index   int    // among the group's objects, top first
	path    uint64 // bits of the indices of this object and those above it
	members []member
	starts  []memberStart // of the members
	byKey   map[string]int
	columns []int // all columns below, for clearing
}

// member is one known key of an object: either a column or an object below.
type member struct {
	key    string
	name   []byte // the same
	kind   Kind
	column int     // in the group; -1 for an object
	object *object // nil for a column
	group  int     // rows of the elements, for Structs
}

// groupSpec is a set of columns that grow together: the record's, or those of a list of struct.
type groupSpec struct {
	fields  []Field
	types   []arrow.DataType // of the fields, then of extra
	below   []int            // groups of the elements, by field, for Structs
	objects []*object
}

// maxMembers bounds the known members of one object, and the objects of one group, so that a uint64 is a set of them.
const maxMembers = 64

func (t *Table) compile(fields []Field, columns []arrow.Field) *object {
	g := len(t.groups)
	spec := &groupSpec{fields: fields, below: make([]int, len(fields))}
	t.groups = append(t.groups, spec)
	for _, c := range columns {
		spec.types = append(spec.types, c.Type)
	}
	top := spec.newObject("", g, nil)
	for i, f := range fields {
		o := top
		path := strings.Split(f.Path, ".")
		for _, key := range path[:len(path)-1] {
			o.columns = append(o.columns, i)
			o = o.below(spec, key)
		}
		o.columns = append(o.columns, i)
		m := member{key: path[len(path)-1], kind: f.Kind, column: i}
		if f.Kind == Structs {
			element := columns[i].Type.(*arrow.ListType).Elem().(*arrow.StructType)
			m.group = t.compile(f.Of, element.Fields()).group
			spec.below[i] = m.group
		}
		o.add(m)
	}
	return top
}

func (s *groupSpec) newObject(key string, group int, parent *object) *object {
	o := &object{name: []byte(key), group: group, parent: parent, index: len(s.objects), byKey: map[string]int{}}
	o.path = 1 << o.index
	if parent != nil {
		o.path |= parent.path
	}
	if o.index == maxMembers {
		panic("schema: more than 64 objects in a record, at " + key)
	}
	s.objects = append(s.objects, o)
	return o
}

func (o *object) below(s *groupSpec, key string) *object {
	if at, ok := o.byKey[key]; ok {
		return o.members[at].object
	}
	child := s.newObject(key, o.group, o)
	o.add(member{key: key, column: -1, object: child})
	return child
}

func (o *object) add(m member) {
	m.name = []byte(m.key)
	o.starts = append(o.starts, newMemberStart(m.key))
	o.byKey[m.key] = len(o.members)
	o.members = append(o.members, m)
	if len(o.members) > maxMembers {
		panic("schema: more than 64 members in the object " + string(o.name))
	}
}
