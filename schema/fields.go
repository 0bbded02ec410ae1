package schema

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
)

// Kind is what a column holds and, with it, which JSON values the column can give back.
// A value that its column cannot give back goes to `extra` instead.
type Kind uint8

const (
	// Text is a JSON string.
	Text Kind = iota
	// ID is an identifier: a JSON string or a JSON number, kept as text and written back as a string.
	ID
	// NumericID is an ID that RingCentral sends as a JSON number; it is written back as one where its text is an integer.
	NumericID
	// Integer is a JSON number whose value is an int64.
	Integer
	// Boolean is true or false.
	Boolean
	// Timestamp is an instant in one of RingCentral's forms, in microseconds since 1970 UTC.
	Timestamp
	// Money is a JSON number whose value fits DECIMAL(18,4), in the account's currency.
	Money
	// Array is a JSON array, kept as canonical JSON text (lists do not nest inside lists of struct).
	Array
	// Structs is a JSON array of objects: a list of struct with the columns of Field.Of.
	Structs
)

// takesString reports whether the kind's columns hold every JSON string as it is.
func (k Kind) takesString() bool { return k <= NumericID }

// isString reports whether the kind's columns are strings.
func (k Kind) isString() bool { return k.takesString() || k == Array }

// Field is one line of a table of fields: where a value lies in the JSON and what column it becomes.
type Field struct {
	Path  string  // members from the record down, joined by dots: `from.phoneNumber`
	Name  string  // of the column, where the rule's is taken by another member
	Kind  Kind    //
	Class Class   // whom the value tells of
	Prose bool    // written by people: where somebody is erased, all of it goes
	Unit  string  // unit of the value, where it has one
	Note  string  // what it means
	Of    []Field // fields of an element, for Structs
}

// Column returns the name of the field's column: the path in snake case
// (`from.phoneNumber` is from_phone_number), but for the few that have a name of their own.
func (f Field) Column() string {
	if f.Name != "" {
		return f.Name
	}
	var b strings.Builder
	for _, r := range f.Path {
		switch {
		case r == '.':
			b.WriteByte('_')
		case unicode.IsUpper(r):
			b.WriteByte('_')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (f Field) arrowType() arrow.DataType {
	switch f.Kind {
	case Integer:
		return arrow.PrimitiveTypes.Int64
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case Money:
		return &arrow.Decimal128Type{Precision: moneyPrecision, Scale: moneyScale}
	case Structs:
		return arrow.ListOf(arrow.StructOf(arrowFields(f.Of)...))
	default:
		return arrow.BinaryTypes.String
	}
}

// SQLType names the column's type as DuckDB shows it.
func (f Field) SQLType() string {
	switch f.Kind {
	case Integer:
		return "BIGINT"
	case Boolean:
		return "BOOLEAN"
	case Timestamp:
		return "TIMESTAMPTZ"
	case Money:
		return fmt.Sprintf("DECIMAL(%d,%d)", moneyPrecision, moneyScale)
	case Structs:
		return "STRUCT[]"
	default:
		return "VARCHAR"
	}
}

// Extra is the column that keeps what no other column could: a JSON object, compact, members sorted,
// of the members that the table does not know or that their columns cannot give back, each under its own path.
const Extra = "extra"

func arrowFields(fields []Field) []arrow.Field {
	out := make([]arrow.Field, 0, len(fields)+1)
	for _, f := range fields {
		out = append(out, arrow.Field{Name: f.Column(), Type: f.arrowType(), Nullable: true})
	}
	return append(out, arrow.Field{Name: Extra, Type: arrow.BinaryTypes.String, Nullable: true})
}
