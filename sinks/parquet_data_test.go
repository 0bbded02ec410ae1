package sinks

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var (
	micros = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	money  = &arrow.Decimal128Type{Precision: 18, Scale: 4}
)

// callColumns is what call records and their legs have in common: name, kind, and how many in a hundred are there.
const callColumns = `
telephony_session_id session 100
party_id party 100
sip_uuid_info uuid 95
start_time time 100
duration seconds 100
duration_ms millis 90
type word 100
internal_type word 100
direction word 100
action word 100
result word 100
reason word 60
reason_description sentence 30
transport word 70
from_phone_number phone 60
from_extension_number small 40
from_extension_id small 40
from_name name 70
from_location place 50
from_device_id small 30
from_device_uri smallUri 30
from_dialer_phone_number phone 5
to_phone_number phone 60
to_extension_number small 40
to_extension_id small 40
to_name name 60
to_location place 50
to_device_id small 30
to_device_uri smallUri 30
to_dialed_phone_number phone 5
extension_id small 90
extension_uri smallUri 90
delegate_id small 2
delegate_name name 2
delegation_type word 1
recording_id id 20
recording_uri uri 20
recording_type word 20
recording_content_uri uri 20
short_recording bool 5
message_id id 4
message_type word 4
message_uri uri 4
billing_cost_included money 40
billing_cost_purchased money 40
transfer_target_telephony_session_id session 2
transferee_telephony_session_id session 2
metadata_categories json 3
finished bool 10
`

// inventedColumn is one line of callColumns.
type inventedColumn struct {
	name, kind string
	percent    int
}

func parseColumns(lines ...string) (out []inventedColumn) {
	for line := range strings.Lines(strings.Join(lines, "\n")) {
		if part := strings.Fields(line); len(part) == 3 {
			percent, _ := strconv.Atoi(part[2])
			out = append(out, inventedColumn{part[0], part[1], percent})
		}
	}
	return out
}

// callBatch invents so many call records with about 2.2 legs each, sorted by time, the same for the same seed.
func callBatch(seed uint64, rows int) arrow.RecordBatch {
	g := &generator{rand.New(rand.NewPCG(seed, 2)), 1_763_683_200_000_000}
	record := parseColumns("id id 100", "uri uri 100", "session_id id 100", callColumns, "deleted bool 1", "last_modified_time time 100")
	legColumns := parseColumns(callColumns, "leg_type word 100", "master bool 50", "extra json 5")
	legs := arrow.ListOf(arrow.StructOf(g.fields(legColumns)...))
	s := arrow.NewSchema(append(g.fields(record), arrow.Field{Name: "legs", Type: legs, Nullable: true},
		arrow.Field{Name: "extra", Type: arrow.BinaryTypes.String, Nullable: true}), nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for range rows {
		g.now += g.Int64N(8_000_000)
		g.append(record, b.Field)
		g.appendLegs(b.Field(len(record)).(*array.ListBuilder), legColumns)
		if e := b.Field(len(record) + 1).(*array.StringBuilder); g.IntN(20) > 0 {
			e.AppendNull()
		} else {
			e.Append(g.text("json"))
		}
	}
	return requireKeys(callTable, b.NewRecordBatch())
}

var callTable = Table{Name: "call_log", ID: "id", Time: "start_time", Modified: "last_modified_time", Detail: "legs"}

type generator struct {
	*rand.Rand
	now int64 // microseconds since 1970
}

func (g *generator) fields(columns []inventedColumn) []arrow.Field {
	var out []arrow.Field
	for _, c := range columns {
		f := arrow.Field{Name: c.name, Nullable: true}
		switch c.kind {
		case "time":
			f.Type = micros
		case "seconds", "millis":
			f.Type = arrow.PrimitiveTypes.Int64
		case "bool":
			f.Type = arrow.FixedWidthTypes.Boolean
		case "money":
			f.Type = money
		default:
			f.Type = arrow.BinaryTypes.String
		}
		out = append(out, f)
	}
	return out
}

func (g *generator) appendLegs(b *array.ListBuilder, columns []inventedColumn) {
	switch g.IntN(40) {
	case 0:
		b.AppendNull()
		return
	case 1:
		b.Append(true)
		return
	}
	b.Append(true)
	element := b.ValueBuilder().(*array.StructBuilder)
	for range 1 + g.IntN(4)*g.IntN(3) {
		element.Append(true)
		g.append(columns, element.FieldBuilder)
	}
}

func (g *generator) append(columns []inventedColumn, field func(int) array.Builder) {
	for i, c := range columns {
		if g.IntN(100) >= c.percent {
			field(i).AppendNull()
			continue
		}
		switch b := field(i).(type) {
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(g.now + g.Int64N(1000)*1000))
		case *array.Int64Builder:
			b.Append(int64(g.ExpFloat64() * map[string]float64{"seconds": 180, "millis": 180_000}[c.kind]))
		case *array.BooleanBuilder:
			b.Append(g.IntN(2) == 0)
		case *array.Decimal128Builder:
			b.Append(decimal128.FromI64(g.Int64N(3) * 125))
		case *array.StringBuilder:
			b.Append(g.text(c.kind))
		}
	}
}

func (g *generator) text(kind string) string {
	switch kind {
	case "id":
		return fmt.Sprintf("%016d", 1_000_000_000_000_000+g.Int64N(1<<52))
	case "session":
		return fmt.Sprintf("s-a0d7%010xz%012xz%07x0000", g.Uint64N(1<<40), g.Uint64N(1<<48), g.Uint64N(1<<28))
	case "party":
		return fmt.Sprintf("p-a0d7%010xz%012xz%07x0000-%d", g.Uint64N(1<<40), g.Uint64N(1<<48), g.Uint64N(1<<28), g.IntN(4))
	case "uuid":
		return strconv.FormatUint(g.Uint64()>>1, 10)
	case "uri":
		return fmt.Sprintf("https://platform.ringcentral.com/restapi/v1.0/account/37439510/call-log/%016x?view=Detailed", g.Uint64())
	case "phone":
		return fmt.Sprintf("+1650%07d", g.IntN(4000))
	case "small":
		return strconv.Itoa(402_100_000 + g.IntN(50)*3)
	case "smallUri":
		return fmt.Sprintf("https://platform.ringcentral.com/restapi/v1.0/account/37439510/extension/%d", 402_100_000+g.IntN(50)*3)
	case "name":
		return []string{"Ada", "Grace", "Edsger", "Barbara", "Tony"}[g.IntN(5)] + " " + []string{"Nguyen", "García", "Østergård", "Li"}[g.IntN(4)]
	case "place":
		return []string{"San Mateo, CA", "Belmont, CA", "Denver, CO", "Boise, ID"}[g.IntN(4)]
	case "sentence":
		return []string{"The call was not answered in time.", "The caller hung up before an answer.", "Busy."}[g.IntN(3)]
	case "json":
		return fmt.Sprintf(`{"from":{"cnam":"%x"},"sla":%d}`, g.Uint32(), g.IntN(90))
	}
	return []string{"Voice", "Fax", "Inbound", "Outbound", "Accepted", "Missed"}[g.IntN(6)]
}
