package schema

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestStrict(t *testing.T) {
	for _, tc := range []struct{ name, page, want string }{
		{"empty", ``, "byte 0: a page is a JSON object"},
		{"array", `[]`, "byte 0: a page is a JSON object"},
		{"no records", `{"uri":"x"}`, "byte 11: the page lacks `records`"},
		{"records null", `{"records":null}`, "byte 11: `records` is not an array"},
		{"record null", `{"records":[null]}`, "byte 12: a record is not an object"},
		{"trailing comma", `{"records":[{"id":"a",}]}`, "byte 22: expected a member's name in quotes"},
		{"trailing data", `{"records":[]} x`, "byte 15: something follows the page"},
		{"leading zero", `{"records":[{"duration":01}]}`, `byte 25: expected a comma or '}'`},
		{"cut", `{"records":[{"id":"a"`, "byte 21: the page is cut short"},
		{"cut string", `{"records":[{"id":"a`, "byte 20: the string is not closed"},
		{"utf-8", "{\"records\":[{\"id\":\"\xff\"}]}", "byte 19: the string is not valid UTF-8"},
		{"overlong utf-8", "{\"records\":[{\"id\":\"\xc0\x80\"}]}", "byte 19: the string is not valid UTF-8"},
		{"control", "{\"records\":[{\"id\":\"a\tb\"}]}", "byte 20: a control character must be escaped in a string"},
		{"escape", `{"records":[{"id":"\x"}]}`, "byte 19: this escape is not one of JSON's"},
		{"bare word", `{"records":[{"id":nil}]}`, "byte 18: expected a value"},
		{"point", `{"records":[{"duration":1.}]}`, "byte 25: a digit must follow the decimal point"},
		{"deep", `{"records":[{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}]}`, "values nest deeper than 128"},
	} {
		d := NewDecoder(CallLog())
		if _, err := d.Append([]byte(`{"records":[{"id":"held"}]}`)); err != nil {
			t.Fatal(err)
		}
		_, err := d.Append([]byte(tc.page))
		var bad *SyntaxError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
		if d.Rows() != 1 || d.Batch().NumRows() != 1 {
			t.Errorf("%s: the rows from before the bad page are gone", tc.name)
		}
	}
}

func TestExtra(t *testing.T) {
	for _, tc := range []struct{ record, extra string }{
		{`{"id":"a","from":{"cnam":{"b":1,"a":2.50}}}`, `{"from":{"cnam":{"a":2.50,"b":1}}}`},
		{`{"z":1,"a":[ 1, 2 ],"duration":"5"}`, `{"a":[1,2],"duration":"5","z":1}`},
		{`{"billing":{"costIncluded":0.00001}}`, `{"billing":{"costIncluded":0.00001}}`},
		{`{"startTime":"2026-01-01T00:00:00.1234567Z"}`, `{"startTime":"2026-01-01T00:00:00.1234567Z"}`},
		{`{"duration":9223372036854775808,"to":{}}`, `{"duration":9223372036854775808,"to":{}}`},
		{`{"from":"a","to":{"device":[]}}`, `{"from":"a","to":{"device":[]}}`},
		{`{"x":1,"x":{"b":null}}`, `{"x":{}}`},
		{`{"x":1,"x":null,"id":7}`, ``},
	} {
		d := NewDecoder(CallLog())
		if _, err := d.Append(fmt.Appendf(nil, `{"records":[%s]}`, tc.record)); err != nil {
			t.Fatal(err)
		}
		batch := d.Batch()
		got := batch.Column(CallLog().Column(Extra))
		if s := got.ValueStr(0); s != tc.extra && (tc.extra != "" || !got.IsNull(0)) {
			t.Errorf("%s: extra %s, want %s", tc.record, s, tc.extra)
		}
	}
}

// TestDecodeAllocations: in the steady state a page costs no allocation.
func TestDecodeAllocations(t *testing.T) {
	page := benchPage(1, 1000)
	d := NewDecoder(CallLog())
	run := func() {
		if _, err := d.Append(page); err != nil {
			t.Fatal(err)
		}
		d.Reset()
	}
	run()
	if n := testing.AllocsPerRun(10, run); n > 0 {
		t.Errorf("%v allocations a page of 1000 records, want none", n)
	}
}

// TestKeys: keys of every length around what is compared at once are told apart, in any order and again.
func TestKeys(t *testing.T) {
	var fields []Field
	for n := range 40 {
		fields = append(fields, Field{Path: strings.Repeat("k", n+1), Kind: Integer})
	}
	table := newTable("keys", "", fields)
	d := NewDecoder(table)
	r := rand.New(rand.NewPCG(1, 5))
	for range 200 {
		members, want := []string{}, []string{}
		for i, f := range fields {
			if r.IntN(4) > 0 {
				members = append(members, fmt.Sprintf(`"%s":%d`, f.Path, i))
				want = append(want, members[len(members)-1])
			}
		}
		if r.IntN(2) == 0 {
			r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		}
		if _, err := d.Append(fmt.Appendf(nil, `{"records":[{%s}]}`, strings.Join(members, ","))); err != nil {
			t.Fatal(err)
		}
		enc, err := NewEncoder(table, d.Batch())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(enc.Append(nil, 0)); got != "{"+strings.Join(want, ",")+"}" {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}
