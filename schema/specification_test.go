package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// specification is RingCentral's published OpenAPI document, as far as these tests read it.
type specification struct {
	Components struct {
		Schemas map[string]*specified `json:"schemas"`
	} `json:"components"`
}

type specified struct {
	Ref        string                `json:"$ref"`
	Type       string                `json:"type"`
	Format     string                `json:"format"`
	Enum       []any                 `json:"enum"`
	AllOf      []*specified          `json:"allOf"`
	Properties map[string]*specified `json:"properties"`
	Items      *specified            `json:"items"`
}

func readSpecification(t *testing.T) *specification {
	t.Helper()
	name := os.Getenv("TRUNKLINE_OPENAPI")
	if name == "" {
		t.Skip("TRUNKLINE_OPENAPI is not set: the published specification was not checked")
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var s specification
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// resolve follows references and joins allOf.
func (s *specification) resolve(of *specified) *specified {
	if of.Ref != "" {
		return s.resolve(s.Components.Schemas[of.Ref[strings.LastIndex(of.Ref, "/")+1:]])
	}
	if len(of.AllOf) == 0 {
		return of
	}
	joined := &specified{Type: "object", Properties: map[string]*specified{}}
	for _, part := range of.AllOf {
		for name, p := range s.resolve(part).Properties {
			joined.Properties[name] = p
		}
	}
	return joined
}

// specifiedAs names the table's record in the specification.
var specifiedAs = map[string]*Table{
	"CallLogRecord": CallLog(), "GetMessageInfoResponse": Messages(), "GetExtensionListInfoResponse": CompanyExtensions(),
	"CallQueueDetails": CallQueues(), "CompanyPhoneNumberInfo": CompanyPhoneNumbers(), "GetAccountInfoResponse": Account(),
}

// TestTableKnowsTheSpecification: every member of a record that RingCentral publishes has a column, and every column but
// those named here is such a member.
func TestTableKnowsTheSpecification(t *testing.T) {
	s := readSpecification(t)
	elsewhere := map[string]int{
		"call_log":    1, // dialerPhoneNumber is a member of the parties of some published payloads only
		"call_queues": 4, // members, each with three members, come from a request of their own
	}
	for name, table := range specifiedAs {
		n, want := s.compare(t, s.resolve(s.Components.Schemas[name]), "", table.Fields), 0
		for _, f := range table.Fields {
			want += 1 + len(f.Of)
		}
		if n < want-elsewhere[table.Name]-len(legFields) {
			t.Errorf("%s: only %d members of %d were found", name, n, want)
		}
	}
}

// compare checks the members below a path and returns how many it met.
func (s *specification) compare(t *testing.T, of *specified, path string, fields []Field) int {
	n := 0
	for name, p := range of.Properties {
		at := strings.TrimPrefix(path+"."+name, ".")
		p = s.resolve(p)
		f := fieldAt(at, fields)
		switch {
		case f != nil && f.Kind == Structs:
			n += 1 + s.compare(t, s.resolve(p.Items), "", f.Of)
		case f != nil:
			n++
		case len(p.Properties) > 0:
			n += s.compare(t, p, at, fields)
		default:
			t.Errorf("%s has no column", at)
		}
	}
	return n
}

// TestLawSpecified: decode then encode equals the input, for records made from the published specification with members
// added, removed and retyped.
func TestLawSpecified(t *testing.T) {
	s := readSpecification(t)
	for name, table := range specifiedAs {
		record := s.Components.Schemas[name]
		for seed := range seedsFor(table, 400) {
			r := rand.New(rand.NewPCG(seed, 3))
			page := fmt.Appendf(nil, `{"records":[%s,%s]}`, s.generate(r, record), s.generate(r, record))
			if err := checkLaw(table, page); err != nil {
				t.Fatalf("%s, seed %d: %v\n%s", name, seed, err, page)
			}
		}
	}
}

func (s *specification) generate(r *rand.Rand, of *specified) string {
	of = s.resolve(of)
	if r.IntN(25) == 0 {
		return generateAny(r, 0) // of another type
	}
	switch {
	case len(of.Properties) > 0:
		return s.generateMembers(r, of)
	case of.Type == "array":
		var items []string
		for range r.IntN(4) {
			items = append(items, s.generate(r, of.Items))
		}
		return "[" + strings.Join(items, ",") + "]"
	case of.Type == "integer":
		return fmt.Sprint(r.Int64N(1 << r.IntN(62)))
	case of.Type == "number":
		return fmt.Sprintf("%.*f", r.IntN(6), r.Float64()*100)
	case of.Type == "boolean":
		return fmt.Sprint(r.IntN(2) == 0)
	case of.Format == "date-time":
		return fmt.Sprintf(`"2026-%02d-%02dT%02d:%02d:%02d.%03dZ"`, 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000))
	case len(of.Enum) > 0:
		return fmt.Sprintf("%q", of.Enum[r.IntN(len(of.Enum))])
	}
	return fmt.Sprintf(`"text %d"`, r.IntN(1000))
}

func (s *specification) generateMembers(r *rand.Rand, of *specified) string {
	var members []string
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		if r.IntN(8) > 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, s.generate(r, of.Properties[name])))
		}
	}
	if r.IntN(6) == 0 {
		members = append(members, fmt.Sprintf(`"added%d":%s`, r.IntN(3), generateAny(r, 0)))
	}
	return "{" + strings.Join(members, ",") + "}"
}
