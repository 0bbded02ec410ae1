package sinks

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Random batches have every type that a table has, at the top and in a list, and every pattern of nulls.

var kindFields = []arrow.Field{
	{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "type", Type: arrow.BinaryTypes.String, Nullable: true},   // by dictionary, where that pays
	{Name: "reason", Type: arrow.BinaryTypes.String, Nullable: true}, // by dictionary, where that pays
	{Name: "count", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "at", Type: micros, Nullable: true},
	{Name: "finished", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "cost", Type: money, Nullable: true},
}

func randomSchema() *arrow.Schema {
	fields := []arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "start_time", Type: micros, Nullable: true}}
	fields = append(fields, kindFields...)
	return arrow.NewSchema(append(fields, arrow.Field{Name: "legs", Type: arrow.ListOf(arrow.StructOf(kindFields...)), Nullable: true}), nil)
}

// patterns say in which rows a column has a value.
var patterns = map[string]func(r *rand.Rand, row int) bool{
	"all":    func(*rand.Rand, int) bool { return true },
	"none":   func(*rand.Rand, int) bool { return false },
	"most":   func(r *rand.Rand, _ int) bool { return r.IntN(10) > 0 },
	"few":    func(r *rand.Rand, _ int) bool { return r.IntN(10) == 0 },
	"blocks": func(_ *rand.Rand, row int) bool { return row/100%2 == 0 },
}

// randomBatch invents rows whose texts have up to longest bytes.
func randomBatch(seed uint64, rows, longest int, has func(*rand.Rand, int) bool) arrow.RecordBatch {
	r := rand.New(rand.NewPCG(seed, 7))
	b := array.NewRecordBuilder(memory.DefaultAllocator, randomSchema())
	vocabulary := 1 + r.IntN(300)
	for row := range rows {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("id-%d-%x", row, r.Uint32()))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(1_763_683_200_000_000 + int64(row)*7_000))
		appendKinds(r, b.Fields()[2:9], row, longest, vocabulary, has)
		list := b.Field(9).(*array.ListBuilder)
		if !has(r, row) {
			list.AppendNull()
			continue
		}
		list.Append(true)
		element := list.ValueBuilder().(*array.StructBuilder)
		for i := range r.IntN(4) {
			if r.IntN(30) == 0 {
				element.AppendNull()
				continue
			}
			element.Append(true)
			columns := make([]array.Builder, element.NumField())
			for i := range columns {
				columns[i] = element.FieldBuilder(i)
			}
			appendKinds(r, columns, row+i, longest, vocabulary, has)
		}
	}
	return requireKeys(callTable, b.NewRecordBatch())
}

func appendKinds(r *rand.Rand, columns []array.Builder, row, longest, vocabulary int, has func(*rand.Rand, int) bool) {
	for i, c := range columns {
		if !has(r, row) {
			c.AppendNull()
			continue
		}
		switch b := c.(type) {
		case *array.StringBuilder:
			if i == 0 {
				b.Append(strings.Repeat(string(rune('a'+r.IntN(2000))), r.IntN(longest+1)/4))
			} else {
				b.Append(strings.Repeat("é", r.IntN(3)) + fmt.Sprint(r.IntN(vocabulary))[1:])
			}
		case *array.Int64Builder:
			b.Append([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, r.Int64(), r.Int64N(100)}[r.IntN(7)])
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(r.Int64N(4_000_000_000_000_000)))
		case *array.BooleanBuilder:
			b.Append(r.IntN(2) == 0)
		case *array.Decimal128Builder:
			b.Append(decimal128.FromI64(r.Int64N(2_000_000_000_000_000_000-1) - 999_999_999_999_999_999))
		}
	}
}

// slot is one entry of a column as the Parquet format defines it, worked out by the book.
type slot struct {
	Rep, Def int
	Value    any // string, int64 (also instants and decimals without their point), bool or nil
}

// slotsOf are the slots of all columns of the file, in their order.
func slotsOf(batch arrow.RecordBatch) [][]slot {
	var out [][]slot
	for i, f := range batch.Schema().Fields() {
		if list, ok := batch.Column(i).(*array.List); ok {
			elements := list.ListValues().(*array.Struct)
			for j := range elements.NumField() {
				out = append(out, listSlots(list, elements, elements.Field(j)))
			}
			continue
		}
		var column []slot
		for row := range int(batch.NumRows()) {
			v, def := valueAt(batch.Column(i), row), 0
			if v != nil && f.Nullable {
				def = 1
			}
			column = append(column, slot{0, def, v})
		}
		out = append(out, column)
	}
	return out
}

func listSlots(list *array.List, elements *array.Struct, values arrow.Array) []slot {
	var out []slot
	for row := range list.Len() {
		start, end := list.ValueOffsets(row)
		if list.IsNull(row) {
			out = append(out, slot{0, 0, nil})
		} else if start == end {
			out = append(out, slot{0, 1, nil})
		}
		for e := start; e < end && list.IsValid(row); e++ {
			s := slot{Rep: 1, Def: 2}
			if e == start {
				s.Rep = 0
			}
			if elements.IsValid(int(e)) {
				s.Def = 3
				if s.Value = valueAt(values, int(e)); s.Value != nil {
					s.Def = 4
				}
			}
			out = append(out, s)
		}
	}
	return out
}

func valueAt(a arrow.Array, row int) any {
	if a.IsNull(row) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(row)
	case *array.Int64:
		return a.Value(row)
	case *array.Timestamp:
		return int64(a.Value(row))
	case *array.Boolean:
		return a.Value(row)
	case *array.Decimal128:
		return a.Value(row).BigInt().Int64()
	}
	panic(fmt.Sprintf("a test has %s", a.DataType()))
}
