package schema

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
)

func erasure(t testing.TB, phones, extensions []string, o *EraseOptions) (*Erasure, string) {
	t.Helper()
	person, err := ErasePerson(testKey, phones, extensions, o)
	if err != nil {
		t.Fatal(err)
	}
	return NewErasure(CallLog(), testKey, []Erased{person}), person.Token
}

// TestErasure: the party goes wherever it is found, with all that is known of it, and nobody else does.
func TestErasure(t *testing.T) {
	e, token := erasure(t, []string{"+14155550123"}, []string{"62264425008"}, nil)
	for _, c := range []struct{ name, record, want string }{
		{"nobody", `{"id":"a","from":{"phoneNumber":"+14155550124","name":"Ann"}}`, ""},
		{"another country's", `{"id":"a","from":{"phoneNumber":"+494155550123","name":"Ann"},"x":"+49 415 555 0123"}`, ""},
		{"masked", `{"id":"a","from":{"phoneNumber":"+1415555XXXX"}}`, ""},
		{"party", `{"id":"a","from":{"phoneNumber":"+14155550123","extensionNumber":"101","name":"Ann","location":"Ann Arbor","device":{"id":"9","uri":"u"},"dialerPhoneNumber":"101"},"to":{"phoneNumber":"+18005550100","name":"Bob"}}`,
			`{"id":"a","from":{"phoneNumber":"T","extensionNumber":"T","name":"T","location":"T","device":{"id":"T","uri":"T"},"dialerPhoneNumber":"T"},"to":{"phoneNumber":"+18005550100","name":"Bob"}}`},
		{"national", `{"id":"a","to":{"phoneNumber":"(415) 555-0123","name":"Ann"}}`, `{"id":"a","to":{"phoneNumber":"T","name":"T"}}`},
		{"sip", `{"id":"a","to":{"dialedPhoneNumber":"sip:14155550123@x.com","name":"Ann"}}`, `{"id":"a","to":{"name":"T","dialedPhoneNumber":"T"}}`},
		{"number as a name", `{"id":"a","from":{"name":"1 415-555-0123"}}`, `{"id":"a","from":{"name":"T"}}`},
		{"legs", `{"id":"a","from":{"name":"Ann","extensionId":"77"},"legs":[{"to":{"phoneNumber":"+14155550123","name":"Ann"}},{"from":{"extensionId":77,"location":"Rome"},"reasonDescription":"Ann is busy","x":1}]}`,
			`{"id":"a","from":{"extensionId":"77","name":"T"},"legs":[{"to":{"phoneNumber":"T","name":"T"}},{"reasonDescription":"T","from":{"extensionId":77,"location":"Rome"},"extra":1}]}`},
		{"extension", `{"id":"a","uri":"https://h/account/1/extension/62264425008/call-log/a","extension":{"id":62264425008,"uri":"https://h/extension/62264425008"},"to":{"extensionId":"62264425008","extensionNumber":"105","name":"Cy","phoneNumber":"+18005550100"},` +
			`"legs":[{"to":{"extensionNumber":"105","name":"Cy X"},"message":{"uri":"https://h/extension/62264425008/message"}}]}`,
			`{"id":"a","uri":"T","to":{"phoneNumber":"T","extensionNumber":"T","extensionId":"T","name":"T"},"extension":{"id":"T","uri":"T"},"legs":[{"to":{"extensionNumber":"T","name":"T"},"message":{"uri":"T"}}]}`},
		{"unknown members", `{"id":"a","from":{"name":"Ann"},"hint":{"deep":["tel:%2B14155550123"]}}`, `{"id":"a","from":{"name":"Ann"},"erased":"T"}`},
		{"a number where text is due", `{"id":"a","from":{"name":"Ann","phoneNumber":14155550123}}`, `{"id":"a","from":{"name":"T"},"erased":"T"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch := decodeRows(t, c.record)
			got, rows, err := e.Apply(batch)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if got != batch || rows != 0 {
					t.Errorf("changed to %s", encodeRows(t, got))
				}
				return
			}
			want := strings.ReplaceAll(c.want, `"T"`, `"`+token+`"`)
			want = strings.ReplaceAll(want, `"extra":1`, `"erased":"`+token+`"`)
			if c.name == "legs" {
				want = strings.ReplaceAll(want, `"extensionId":"77","name":"`+token+`"`, `"extensionId":"`+token+`","name":"`+token+`"`)
				want = strings.ReplaceAll(want, `"extensionId":77,"location":"Rome"`, `"extensionId":"`+token+`","location":"`+token+`"`)
			}
			if diff := cmp.Diff(want+"\n", encodeRows(t, got)); diff != "" || rows != 1 {
				t.Errorf("%d rows: %s", rows, diff)
			}
			again, rows, err := e.Apply(got)
			if again != got || rows != 0 || err != nil {
				t.Errorf("a second time: %d rows, %v", rows, err)
			}
			if e.Finds([]byte(encodeRows(t, got))) {
				t.Errorf("still found in %s", encodeRows(t, got))
			}
		})
	}
}

// TestErasureFinds: all spellings, and none of what is not the number.
func TestErasureFinds(t *testing.T) {
	e, _ := erasure(t, []string{"+14155550123"}, nil, nil)
	for text, want := range map[string]bool{
		"+14155550123": true, "14155550123": true, "x14155550123001": true, "(415) 555-0123": true, "415.555.0123": true, "%2B1%20415%20555%200123": true,
		`{"a":14155550123}`: true, "+1-415-555-0123;ext=7": true, "00 1 415 555 0123": true, "011 1 415 555 0123": true, "4155550123": true, "call 415 555 0123 7": true,
		"+494155550123": false, "54155550123": false, "2026-11-21 10:00": false, "": false, "415 555 012": false,
	} {
		if got := e.Finds([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestErasureNotesNameNobody: a note holds no digits of the number, and its maker refuses what is no number.
func TestErasureNotesNameNobody(t *testing.T) {
	a, err := ErasePerson(testKey, []string{"+14155550123"}, []string{"62264425008"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := ErasePerson(testKey, []string{"tel:+1 415 555 0123"}, []string{"62264425008"}, nil)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the same person: %s", diff)
	}
	for _, m := range append(a.Marks, a.Token) {
		if strings.Contains(m, "4155550123") || strings.Contains(m, "62264425008") {
			t.Error(m)
		}
	}
	for _, number := range []string{"", "4155550123", "+1415", "+1415555XXXX", "bob"} {
		if _, err := ErasePerson(testKey, []string{number}, nil, nil); err == nil {
			t.Errorf("%q was taken", number)
		}
	}
	if _, err := ErasePerson(testKey, []string{"(415) 555-0123"}, nil, &EraseOptions{Country: "1"}); err != nil {
		t.Error(err)
	}
	if _, err := ErasePerson(testKey, nil, []string{"abc"}, nil); err == nil {
		t.Error("an extension of letters was taken")
	}
	if _, err := ErasePerson(testKey, nil, nil, nil); err == nil {
		t.Error("nobody was taken")
	}
}

// TestErasureUnderAPolicy: what a policy hashed is told by its tokens.
func TestErasureUnderAPolicy(t *testing.T) {
	p := policy(t, PolicyOptions{Key: testKey, Country: "1"}, "phone_numbers=hmac", "names=hmac")
	e, token := erasure(t, []string{"+14155550123"}, nil, &EraseOptions{Policy: p})
	batch, err := p.Apply(decodeRows(t, `{"id":"a","from":{"phoneNumber":"415-555-0123","name":"Ann"},"to":{"phoneNumber":"+18005550100"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, rows, err := e.Apply(batch)
	if err != nil || rows != 1 {
		t.Fatal(rows, err)
	}
	want := `{"id":"a","from":{"phoneNumber":"` + token + `","name":"` + token + `"},"to":{"phoneNumber":"` + p.token("+18005550100") + `"}}` + "\n"
	if diff := cmp.Diff(want, encodeRows(t, got)); diff != "" {
		t.Error(diff)
	}
}

// TestRewritePage: records change, what is around them stays, and an unchanged page is the same bytes.
func TestRewritePage(t *testing.T) {
	e, token := erasure(t, []string{"+14155550123"}, nil, nil)
	change := func(b arrow.RecordBatch) (arrow.RecordBatch, func(int) bool, error) {
		out, _, err := e.Apply(b)
		return out, nil, err
	}
	const page = `{ "uri":"https://x","records":[ {"id":"a","from":{"phoneNumber":"+14155550123"}}, {"id":"b","n":1e400} ],"paging":{"page":1}}`
	got, err := RewritePage(CallLog(), []byte(page), change)
	want := `{"paging":{"page":1},"records":[{"id":"a","from":{"phoneNumber":"` + token + `"}},{"id":"b","n":1e400}],"uri":"https://x"}`
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	const other = `{ "records":[ {"id":"b"} ]}`
	if got, err = RewritePage(CallLog(), []byte(other), change); err != nil || string(got) != other {
		t.Errorf("%s %v", got, err)
	}
	first := func(b arrow.RecordBatch) (arrow.RecordBatch, func(int) bool, error) {
		return b, func(row int) bool { return row == 0 }, nil
	}
	if got, err = RewritePage(CallLog(), []byte(page), first); err != nil || strings.Contains(string(got), `"b"`) {
		t.Errorf("%s %v", got, err)
	}
	if got, err = RewriteRecord(CallLog(), []byte(`{"from":{"phoneNumber":"14155550123"}}`), change); err != nil || string(got) != `{"from":{"phoneNumber":"`+token+`"}}` {
		t.Errorf("%s %v", got, err)
	}
}

// TestErasureOnGenerated: wherever a number stands in a record, but for columns that tell of nobody, it is gone afterwards, in
// one pass.
func TestErasureOnGenerated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	e, _ := erasure(t, []string{"+14155550123"}, nil, nil)
	spelled := []string{"+14155550123", "(415) 555-0123", "tel:1-415-555-0123", "https://x/%2B14155550123/y", "4155550123"}
	planted := 0
	var plant func(v any) any
	plant = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name, below := range v {
				v[name] = plant(below)
			}
		case []any:
			for i := range v {
				v[i] = plant(v[i])
			}
		case string:
			if r.IntN(30) == 0 {
				planted++
				return spelled[r.IntN(len(spelled))]
			}
		}
		return v
	}
	for range 400 {
		page, err := parse(generatePage(r, callFields))
		if err != nil {
			t.Fatal(err)
		}
		planting, err := json.Marshal(plant(page))
		if err != nil {
			t.Fatal(err)
		}
		d := NewDecoder(CallLog())
		if _, err := d.Append(planting); err != nil {
			t.Fatal(err)
		}
		out, _, err := e.Apply(d.Batch())
		if err != nil {
			t.Fatal(err)
		}
		if again, rows, err := e.Apply(out); rows > 0 || again != out || err != nil {
			t.Fatalf("a second pass finds %d rows in %s", rows, encodeRows(t, out))
		}
		for line := range strings.Lines(encodeRows(t, out)) {
			record, err := parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if at := whereFound(e, record, "", callFields); at != "" {
				t.Fatalf("%s still has the number: %s", at, line)
			}
		}
	}
	if planted < 100 {
		t.Errorf("only %d planted", planted)
	}
}

// whereFound is the path at which a record tells of an erased person, but for columns that tell of nobody.
func whereFound(e *Erasure, v any, path string, fields []Field) string {
	f := fieldAt(path, fields)
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			if at := whereFound(e, below, strings.TrimPrefix(path+"."+name, "."), fields); at != "" {
				return at
			}
		}
	case []any:
		for _, below := range v {
			inner, at := fields, path
			if f != nil && f.Kind == Structs {
				inner, at = f.Of, ""
			}
			if found := whereFound(e, below, at, inner); found != "" {
				return path + "[]." + found
			}
		}
	case string:
		if (f == nil || f.Class != Plain) && e.Finds([]byte(v)) {
			return path
		}
	}
	return ""
}
