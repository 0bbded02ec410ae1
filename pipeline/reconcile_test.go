package pipeline

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// reconciled holds a CSV file against the lake and returns the verdicts.
func reconciled(t *testing.T, lake *sinks.Lake, text string, x Reconciling) []Verdict {
	t.Helper()
	engine, err := sql.Open(t.Context(), &sql.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	x.Expected, err = ReadExpected(t.Context(), engine, writeFile(t, filepath.Join(t.TempDir(), "expected.csv"), []byte(text)), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if x.AccountID == "" {
		x.AccountID = OwnAccount
	}
	x.Limit, x.Close = 1<<30, Closeness{Time: 2 * time.Minute, Duration: 5 * time.Second}
	verdicts, err := Reconcile(t.Context(), lake, engine, x)
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}

// inWords is status, cause and what was found, one verdict a line.
func inWords(verdicts []Verdict) (out []string) {
	for _, v := range verdicts {
		line := v.Status
		if v.Cause != "" {
			line += " " + v.Cause
		}
		if v.Found != nil {
			line += " " + v.Found.ID
		}
		out = append(out, line)
	}
	return out
}

// TestEverythingIsFoundAgain: what the lake has of a company is found, each once, and nothing beside it; shifted by hours, it is found to be; of
// an account that the lake does not have, no day is held.
func TestEverythingIsFoundAgain(t *testing.T) {
	c, lake := newCompany(t, 7, 60, nil), openLake(t, t.TempDir())
	if _, err := runExtract(t.Context(), c.client(t), lake, everyStream(&fourDays)); err != nil {
		t.Fatal(err)
	}
	held := queried(t, lake, "UTC", interactionsQuery)
	file := func(shift time.Duration) (text string, n int) {
		var b strings.Builder
		w := csv.NewWriter(&b)
		_ = w.Write([]string{"at", "kind", "direction", "number", "duration_s"})
		for _, line := range held {
			v := strings.Fields(line)
			if digitsOf(v[5]) == "" || maskedNumber.MatchString(v[5]) || v[7] == "true" {
				continue
			}
			var ms int64
			if _, err := fmt.Sscan(v[2], &ms); err != nil {
				t.Fatal(err)
			}
			_ = w.Write([]string{time.UnixMilli(ms).UTC().Add(shift).Format(time.RFC3339Nano), v[3], v[4], v[5], strings.ReplaceAll(v[6], "null", "")})
			n++
		}
		w.Flush()
		return b.String(), n
	}
	text, n := file(0)
	kinds, extra := map[string]int{}, 0
	for _, v := range reconciled(t, lake, text, Reconciling{Extra: true}) {
		switch {
		case v.Status == IsMatched:
			kinds[v.Found.Kind]++
		case v.Status == IsExtra && (digitsOf(v.Found.Number) == "" || maskedNumber.MatchString(v.Found.Number)):
			extra++
		default:
			t.Errorf("%+v", v)
		}
	}
	if kinds["call"] < 50 || kinds["sms"] < 5 || kinds["fax"] < 1 || kinds["call"]+kinds["sms"]+kinds["fax"] != n {
		t.Errorf("%v of %d are matched, %d could not be told", kinds, n, extra)
	}
	away := 0
	late, _ := file(-3 * time.Hour)
	for _, v := range reconciled(t, lake, late, Reconciling{}) {
		if v.Cause == CauseHours {
			away++
		}
	}
	if away < n*8/10 {
		t.Errorf("of %d, three hours away, %d were found to be", n, away)
	}
	for _, v := range reconciled(t, lake, text, Reconciling{AccountID: "424242"}) {
		if v.Cause != CauseNotHeld {
			t.Fatalf("of another account: %+v", v)
		}
	}
}

// TestMessagesAreReconciled: SMS to several are one for each, MMS are SMS, and a fax of call log and message store is one.
func TestMessagesAreReconciled(t *testing.T) {
	lake := openLake(t, t.TempDir())
	on := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	own := `{"phoneNumber":"+14155550000"}`
	broughtDay(t, lake, MessagesStream, on,
		`{"id":1,"type":"SMS","direction":"Outbound","creationTime":"2026-11-02T10:00:00Z","messageStatus":"Sent","from":`+own+`,"to":[{"phoneNumber":"+14155550101"},{"phoneNumber":"+14155550102"}]}`,
		`{"id":2,"type":"Fax","direction":"Outbound","creationTime":"2026-11-02T11:00:00Z","messageStatus":"Sent","from":`+own+`,"to":[{"phoneNumber":"+14155550103"}]}`,
		`{"id":3,"type":"SMS","direction":"Inbound","creationTime":"2026-11-02T12:00:00Z","messageStatus":"Received","availability":"Deleted","attachments":[{"type":"MmsAttachment"}],"from":{"phoneNumber":"+14155550104"},"to":[`+own+`]}`)
	broughtDay(t, lake, CallLogStream, on,
		`{"id":"f","startTime":"2026-11-02T11:00:30.000Z","duration":40,"type":"Fax","direction":"Outbound","result":"Sent","message":{"id":2},"from":`+own+`,"to":{"phoneNumber":"+14155550103"}}`,
		`{"id":"g","startTime":"2026-11-02T13:00:00.000Z","duration":40,"type":"Fax","direction":"Inbound","result":"Received","from":{"phoneNumber":"+14155550105"},"to":`+own+`}`)
	got := inWords(reconciled(t, lake, `at,kind,direction,number
2026-11-02T10:00:00Z,sms,outbound,+14155550101
2026-11-02T10:00:00Z,sms,outbound,+14155550102
2026-11-02T10:00:00Z,sms,outbound,+14155550103
2026-11-02T11:00:10Z,fax,outbound,+14155550103
2026-11-02T11:00:20Z,fax,outbound,+14155550103
2026-11-02T12:00:00Z,sms,inbound,+14155550104
2026-11-02T13:00:00Z,call,inbound,+14155550105
`, Reconciling{Extra: true}))
	want := []string{"matched 1", "matched 1", "missing day_not_settled", "matched 2", "missing more_than_one_candidate", "matched 3", "different g"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMatching: each is matched once, the better pairs first, whatever their order.
func TestMatching(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 2, 10, 0, s, 0, time.UTC) }
	e := func(s int, kind, direction, number string, length int64) Expected {
		return Expected{At: at(s), Kind: kind, Direction: direction, Number: number, DurationS: length}
	}
	i := func(s int, kind, direction, number string, length int64) Interaction {
		return Interaction{At: at(s), Kind: kind, Direction: direction, Number: number, DurationS: length}
	}
	const a = "+14155550101"
	for name, tc := range map[string]struct {
		expected     []Expected
		interactions []Interaction
		with         []int
	}{
		"the nearest":            {[]Expected{e(50, "call", "inbound", a, -1)}, []Interaction{i(0, "call", "inbound", a, 1), i(60, "call", "inbound", a, 1)}, []int{1}},
		"in turns":               {[]Expected{e(61, "call", "inbound", a, -1), e(2, "call", "inbound", a, -1)}, []Interaction{i(0, "call", "inbound", a, 1), i(60, "call", "inbound", a, 1)}, []int{1, 0}},
		"direction before time":  {[]Expected{e(0, "call", "inbound", a, -1)}, []Interaction{i(1, "call", "outbound", a, 1), i(60, "call", "inbound", a, 1)}, []int{1}},
		"kind before direction":  {[]Expected{e(0, "call", "inbound", a, -1)}, []Interaction{i(1, "sms", "inbound", a, -1), i(60, "call", "outbound", a, 1)}, []int{1}},
		"length where time ties": {[]Expected{e(0, "call", "inbound", a, 30)}, []Interaction{i(5, "call", "inbound", a, 90), i(5, "call", "inbound", a, 31)}, []int{1}},
		"one for one":            {[]Expected{e(0, "call", "inbound", a, -1), e(1, "call", "inbound", a, -1)}, []Interaction{i(1, "call", "inbound", a, 9)}, []int{-1, 0}},
		"the edge of time":       {[]Expected{e(0, "call", "inbound", a, -1)}, []Interaction{i(120, "call", "inbound", a, 9)}, []int{0}},
		"beyond it":              {[]Expected{e(0, "call", "inbound", a, -1)}, []Interaction{i(121, "call", "inbound", a, 9)}, []int{-1}},
		"another number":         {[]Expected{e(0, "call", "inbound", "+14165550101", -1)}, []Interaction{i(0, "call", "inbound", a, 9)}, []int{-1}},
		"national":               {[]Expected{e(0, "call", "inbound", "0415/5550101", -1)}, []Interaction{i(0, "call", "inbound", a, 9)}, []int{0}},
		"too short to tell":      {[]Expected{e(0, "call", "inbound", "550101", -1)}, []Interaction{i(0, "call", "inbound", a, 9)}, []int{-1}},
	} {
		if got := match(tc.expected, tc.interactions, Closeness{Time: 2 * time.Minute, Duration: 5 * time.Second}); !cmp.Equal(got.with, tc.with) {
			t.Errorf("%s: %v, want %v", name, got.with, tc.with)
		}
	}
}

// TestMaskedNumbers: which numbers a blotted one can be.
func TestMaskedNumbers(t *testing.T) {
	for _, tc := range []struct {
		shown, expected string
		want            bool
	}{
		{"", "+14155550101", true}, {"+1415555XXXX", "+14155550101", true}, {"+1415555XXXX", "415 555 0101", true}, {"+1415555****", "+14155550101", true},
		{"+1415555XXXX", "+14165550101", false}, {"+1415555XXXX", "5550101", true}, {"+14155550101", "+14155550101", false}, {"XXXX", "+14155550101", true},
	} {
		if got := mayBeMasked(tc.shown, tc.expected); got != tc.want {
			t.Errorf("%q and %q: %t", tc.shown, tc.expected, got)
		}
	}
}

// TestExpectedIsRefused: what cannot be read is told by file, line and column.
func TestExpectedIsRefused(t *testing.T) {
	const head = "at,kind,direction,number,duration_s\n"
	for text, want := range map[string]string{
		"":                                   "it has no rows",
		head + "\n,,,,\n":                    "it has no rows",
		"at,at,kind,direction,number\n":      "line 1, column at: it is there twice",
		"kind,direction,number\n":            "line 1, column at: it is missing",
		head + "2026-11-02,call,inbound,1\n": `line 2, column at: "2026-11-02"; expected an instant`,
		head + "2026-11-02T10:00:00Z,,inbound,1\n":                                `line 2, column kind: ""; expected call`,
		head + "2026-11-02T10:00:00Z,call,in,1\n":                                 `line 2, column direction: "in"; expected inbound or outbound`,
		head + "2026-11-02T10:00:00Z,call,inbound,anonymous\n":                    `line 2, column number: "anonymous"; expected`,
		head + "2026-11-02T10:00:00Z,call,inbound,+1415555XXXX\n":                 `line 2, column number: "+1415555XXXX"; expected`,
		head + "2026-11-02T10:00:00Z,call,inbound\n":                              `line 2, column number: ""; expected`,
		head + "2026-11-02T10:00:00Z,call,inbound,1,1:30\n":                       `line 2, column duration_s: "1:30"; expected seconds`,
		head + "2026-11-02T10:00:00Z,call,inbound,1,NaN\n":                        `line 2, column duration_s: "NaN"; expected seconds`,
		head + "2026-11-02T10:00:00Z,call,inbound,\"1\n2\",3\nx,call,inbound,1\n": "line 4, column at",
		head + "2026-11-02T10:00:00Z,\"call,inbound,1\n":                          "expected CSV as RFC 4180 has it",
	} {
		file := writeFile(t, filepath.Join(t.TempDir(), "e.csv"), []byte(text))
		_, err := ReadExpected(t.Context(), nil, file, time.UTC)
		var bad *ExpectedError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), file) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := ReadExpected(t.Context(), nil, t.TempDir(), time.UTC); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
	engine, err := sql.Open(t.Context(), &sql.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	broken := filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(broken, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadExpected(t.Context(), engine, broken, time.UTC); err == nil || !strings.Contains(err.Error(), "no Parquet file") {
		t.Error(err)
	}
}
