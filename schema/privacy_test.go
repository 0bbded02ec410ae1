package schema

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

// TestEveryColumnHasAClass: nobody adds a column without deciding whom it tells of.
func TestEveryColumnHasAClass(t *testing.T) {
	for _, f := range allTablesFields() {
		if f.Class == Undecided {
			t.Errorf("%s: its privacy class is not decided", f.Path)
		}
		if f.Kind == Array && !f.Class.isDroppedUnnamed() {
			t.Errorf("%s: nobody knows what is in a list; it is %s", f.Path, f.Class)
		}
		if strings.HasSuffix(strings.ToLower(f.Path), "uri") != (f.Class == URIs) {
			t.Errorf("%s is %s", f.Path, f.Class)
		}
	}
}

func allTablesFields() (out []Field) {
	for _, t := range Tables() {
		for _, f := range t.allFields() {
			f.Note = t.Name
			out = append(out, f)
		}
	}
	return out
}

func decodeRows(t testing.TB, records string) arrow.RecordBatch {
	t.Helper()
	d := NewDecoder(CallLog())
	if _, err := d.Append([]byte(`{"records":[` + records + `]}`)); err != nil {
		t.Fatal(err)
	}
	return d.Batch()
}

func encodeRows(t testing.TB, batch arrow.RecordBatch) string {
	t.Helper()
	enc, err := NewEncoder(CallLog(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for row := range int(batch.NumRows()) {
		out = append(enc.Append(out, row), '\n')
	}
	return string(out)
}

func policy(t testing.TB, o PolicyOptions, rules ...string) *Policy {
	t.Helper()
	p, err := NewPolicy(CallLog(), rules, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPolicy: every action, by column and by class, on records and legs, with what is dropped unnamed.
func TestPolicy(t *testing.T) {
	const record = `{"id":"a","uri":"https://x/1","startTime":"2026-11-21T10:00:00.000Z","reasonDescription":"Busy here","from":{"phoneNumber":"+14155550123","name":" Ann Lee ","location":"Ann Arbor, MI","x":1},` +
		`"to":{"phoneNumber":"+1855201XXXX","name":"Bob"},"extension":{"id":"401"},"metadataCategories":["a"],` +
		`"legs":[{"from":{"phoneNumber":"(415) 555-0123","name":"Éa"},"extension":{"id":401,"uri":"https://x/2"},"y":2},{"to":{"phoneNumber":"anonymous"}}]}`
	for name, c := range map[string]struct {
		rules []string
		want  string
	}{
		"drop": {[]string{"names=drop", "from_location=drop"}, `{"id":"a","startTime":"2026-11-21T10:00:00.000Z","reasonDescription":"Busy here","from":{"phoneNumber":"+14155550123"},` +
			`"to":{"phoneNumber":"+1855201XXXX"},"extension":{"id":401},"legs":[{"from":{"phoneNumber":"(415) 555-0123"},"extension":{"id":401}},{"to":{"phoneNumber":"anonymous"}}]}`},
		"hmac": {[]string{"phone_numbers=hmac", "from_name=hmac", "extension_id=hmac", "from_location=drop"}, `{"id":"a","startTime":"2026-11-21T10:00:00.000Z","reasonDescription":"Busy here",` +
			`"from":{"phoneNumber":"NUMBER","name":"ANN"},"to":{"phoneNumber":"+1855201XXXX","name":"Bob"},"extension":{"id":"EXT"},` +
			`"legs":[{"from":{"phoneNumber":"NUMBER","name":"EA"},"extension":{"id":"EXT"}},{"to":{"phoneNumber":"ANON"}}]}`},
		"mask": {[]string{"phone_numbers=mask", "names=mask", "to_name=keep", "locations=mask", "message_text=mask", "uri=keep", "extra=keep", "metadata_categories=keep"},
			`{"id":"a","uri":"https://x/1","startTime":"2026-11-21T10:00:00.000Z","reasonDescription":"B***","from":{"phoneNumber":"+1415XXXXXXX","name":"A***","location":"A***","x":1},` +
				`"to":{"phoneNumber":"+1855XXXXXXX","name":"Bob"},"extension":{"id":401},"metadataCategories":["a"],"legs":[{"from":{"phoneNumber":"415XXXXXXX","name":"É***"},"extension":{"id":401},"y":2},{"to":{"phoneNumber":"a***"}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, PolicyOptions{Key: testKey, KeyID: "k7", Country: "1"}, c.rules...)
			want := strings.NewReplacer("NUMBER", p.token("+14155550123"), "ANON", p.token("anonymous"), "ANN", p.token("Ann Lee"),
				"EA", p.token("Éa"), "EXT", p.token("401")).Replace(c.want)
			batch := decodeRows(t, record)
			once, err := p.Apply(batch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want+"\n", encodeRows(t, once)); diff != "" {
				t.Error(diff)
			}
			twice, err := p.Apply(once)
			if err != nil || encodeRows(t, twice) != want+"\n" {
				t.Errorf("applied twice: %v %s", err, encodeRows(t, twice))
			}
		})
	}
	if got := policy(t, PolicyOptions{Key: testKey, KeyID: "k7"}, "names=hmac").token("+14155550123"); !strings.HasPrefix(got, "hmac:k7:") || !isToken(got) {
		t.Errorf("token %s", got)
	}
}

// TestPolicyKeepsEverythingForNothing: without a rule that takes something away there is no policy and no copy.
func TestPolicyKeepsEverythingForNothing(t *testing.T) {
	p := policy(t, PolicyOptions{}, "phone_numbers=keep", "extra=keep")
	batch := decodeRows(t, `{"id":"a"}`)
	same, err := p.Apply(batch)
	if p != nil || p.ID() != "" || p.Ready() != nil || err != nil || same != batch {
		t.Errorf("%v %v", p, err)
	}
	var nobody *Erasure
	same, rows, err := nobody.Apply(batch)
	if same != batch || rows != 0 || err != nil {
		t.Error("the erasure of nobody copies")
	}
}

// TestPolicyID: it is of what the policy does, and of the key's name, not of the order of rules or the key.
func TestPolicyID(t *testing.T) {
	a := policy(t, PolicyOptions{Key: testKey}, "names=hmac", "locations=drop")
	b := policy(t, PolicyOptions{Key: bytes.ToUpper(testKey)}, "locations=drop", "names=hmac", "names=hmac")
	c := policy(t, PolicyOptions{KeyID: "2"}, "names=hmac", "locations=drop")
	d := policy(t, PolicyOptions{}, "from_name=hmac", "to_name=hmac", "delegate_name=hmac", "locations=drop")
	if a.ID() != b.ID() || a.ID() == c.ID() || a.ID() != d.ID() || len(a.ID()) != 16 {
		t.Errorf("%s %s %s %s", a.ID(), b.ID(), c.ID(), d.ID())
	}
	if _, err := c.Apply(decodeRows(t, `{"id":"a"}`)); !errors.Is(err, ErrNoKey) || !errors.Is(c.Ready(), ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
}

// TestPolicyRefuses: what cannot be done is said, with what can.
func TestPolicyRefuses(t *testing.T) {
	for rule, want := range map[string]string{
		"phone=hmac": "there is no column or class phone; the classes are phone_numbers, names", "names": "expected a column or class",
		"names=hash": "expected a column or class", "id=drop": "it can only be kept", "start_time=mask": "it can only be kept",
		"duration=hmac": "is no text", "extra=hmac": "is no text", "unclassified=mask": "metadata_categories is no text", "plain=drop": "there is no column",
	} {
		if _, err := NewPolicy(CallLog(), []string{rule}, PolicyOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	for want, o := range map[string]PolicyOptions{
		"32 are the least": {Key: testKey[:31]}, "key id": {KeyID: "a:b"}, "calling code": {Country: "+1"},
	} {
		if _, err := NewPolicy(CallLog(), []string{"names=drop"}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := NewPolicy(CallLog(), []string{"names=drop", "names=keep"}, PolicyOptions{}); err == nil {
		t.Error("two rules of one name")
	}
}

// TestPhoneNumbers: how spellings are made one, and what is no number.
func TestPhoneNumbers(t *testing.T) {
	for _, c := range []struct{ text, country, want string }{
		{"+1 (415) 555-0123", "", "+14155550123"}, {"tel:+1-415-555-0123", "", "+14155550123"}, {"+1.415.555.0123", "", "+14155550123"},
		{"4155550123", "", "4155550123"}, {"(415) 555-0123", "1", "+14155550123"}, {"1 415 555 0123", "1", "+14155550123"},
		{"011 49 30 123456", "1", "+4930123456"}, {"911", "1", "911"}, {"030 123456", "49", "+4930123456"}, {"0049 30 123456", "49", "+4930123456"},
		{"4930123456789", "49", "+4930123456789"}, {"110", "49", "110"}, {"+1855201XXXX", "1", "masked"}, {"+1855201****", "", "masked"},
		{"anonymous", "1", "no"}, {"*67", "1", "no"}, {"+", "1", "no"}, {"", "1", "no"}, {"sip:4155550123@x", "1", "no"},
	} {
		n, ok := parsePhone(c.text)
		got := "no"
		if ok {
			got = "masked"
			if !n.masked {
				got = n.normal(c.country)
			}
		}
		if got != c.want {
			t.Errorf("%q in %q: %s, want %s", c.text, c.country, got, c.want)
		}
	}
	for number, want := range map[string]string{"14155550123": "4155550123", "4930123456": "30123456", "35312345678": "12345678", "79261234567": "9261234567", "1234": ""} {
		if got := national(number); got != want {
			t.Errorf("national part of %s: %s, want %s", number, got, want)
		}
	}
}

// TestPolicyOnGenerated: whatever comes, a policy can be applied to it, twice gives what once gave, and what is dropped is gone.
func TestPolicyOnGenerated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := policy(t, PolicyOptions{Key: testKey}, "phone_numbers=hmac", "names=drop", "locations=mask", "extensions=hmac")
	for range 300 {
		d := NewDecoder(CallLog())
		if _, err := d.Append(generatePage(r, callFields)); err != nil {
			t.Fatal(err)
		}
		once, err := p.Apply(d.Batch())
		if err != nil {
			t.Fatal(err)
		}
		twice, err := p.Apply(once)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(encodeRows(t, once), encodeRows(t, twice)); diff != "" {
			t.Fatal(diff)
		}
		if text := encodeRows(t, once); strings.Contains(text, `"name":`) || strings.Contains(strings.ToLower(text), `uri":`) {
			t.Fatal(text)
		}
	}
}
