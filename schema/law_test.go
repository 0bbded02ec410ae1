package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestLaw: decode then encode equals the input, for every fixture.
func TestLaw(t *testing.T) {
	files, err := filepath.Glob("testdata/pages/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range files {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkLaw(CallLog(), page); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLawSamples: the same for RingCentral's published samples, where TRUNKLINE_SAMPLES names their directory.
func TestLawSamples(t *testing.T) {
	dir := os.Getenv("TRUNKLINE_SAMPLES")
	if dir == "" {
		t.Skip("TRUNKLINE_SAMPLES is not set: the published samples were not checked")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	checked := 0
	for _, name := range files {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte(`"records"`)) {
			page = fmt.Appendf(nil, `{"records":[%s]}`, page)
		}
		if _, err := NewDecoder(CallLog()).Append(page); err != nil {
			continue // another kind of file
		}
		checked++
		if err := checkLaw(CallLog(), page); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if checked < 10 {
		t.Errorf("only %d samples in %s could be read", checked, dir)
	}
	t.Logf("%d samples checked", checked)
}

// seedsFor is how many cases a table gets: a quarter for those beside the call log.
func seedsFor(t *Table, n uint64) uint64 {
	if t != CallLog() {
		n /= 4
	}
	return n
}

// TestLawGenerated: the same for records made from the table with members added, removed and retyped.
func TestLawGenerated(t *testing.T) {
	for _, table := range Tables() {
		for seed := range seedsFor(table, 600) {
			page := generatePage(rand.New(rand.NewPCG(seed, 1)), table.Fields)
			if err := checkLaw(table, page); err != nil {
				t.Fatalf("%s, seed %d: %v\n%s", table.Name, seed, err, page)
			}
		}
	}
}

// FuzzLaw: a page that is strict JSON with an array of objects decodes and comes back equal; any other is refused.
func FuzzLaw(f *testing.F) {
	files, _ := filepath.Glob("testdata/pages/*.json")
	for _, name := range files {
		page, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(page)
	}
	for seed := range uint64(50) {
		f.Add(generatePage(rand.New(rand.NewPCG(seed, 2)), callFields))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		if err := checkLaw(CallLog(), page); err != nil {
			t.Fatal(err)
		}
	})
}

// checkLaw compares the decoder with encoding/json on one page.
func checkLaw(t *Table, page []byte) error {
	want, isPage := reference(page)
	d := NewDecoder(t)
	n, err := d.Append(page)
	if (err == nil) != isPage {
		return fmt.Errorf("decoded %d records, error %v; the reference says page: %v", n, err, isPage)
	}
	if err != nil {
		return nil
	}
	batch := d.Batch()
	defer batch.Release()
	if n != len(want) || int(batch.NumRows()) != n {
		return fmt.Errorf("%d records, %d rows, want %d", n, batch.NumRows(), len(want))
	}
	enc, err := NewEncoder(t, batch)
	if err != nil {
		return err
	}
	for i, w := range want {
		line := enc.Append(nil, i)
		got, err := parse(line)
		if err != nil {
			return fmt.Errorf("record %d: encoded %s: %w", i, line, err)
		}
		if diff := cmp.Diff(normal(w, t.Fields), normal(got, t.Fields)); diff != "" {
			return fmt.Errorf("record %d: encoded %s: (-in +out)\n%s", i, line, diff)
		}
		if err := decodeAgain(t, line); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

// decodeAgain checks that what was encoded is a fixed point: it decodes and encodes to the same bytes.
func decodeAgain(t *Table, line []byte) error {
	d := NewDecoder(t)
	if _, err := d.Append(fmt.Appendf(nil, `{"records":[%s]}`, line)); err != nil {
		return err
	}
	enc, err := NewEncoder(t, d.Batch())
	if err != nil {
		return err
	}
	if again := enc.Append(nil, 0); !bytes.Equal(line, again) {
		return fmt.Errorf("encoded %s, and once more %s", line, again)
	}
	return nil
}

// reference reads a page with encoding/json; ok is false for what RFC 8259 or the shape of a page forbids.
func reference(page []byte) (records []any, ok bool) {
	if !json.Valid(page) || !utf8.Valid(page) || depth(page) > maxDepth {
		return nil, false
	}
	v, err := parse(page)
	if err != nil {
		return nil, false
	}
	top, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	if records, ok = top["records"].([]any); !ok {
		return nil, false
	}
	for _, r := range records {
		if _, ok := r.(map[string]any); !ok {
			return nil, false
		}
	}
	return records, true
}

func depth(page []byte) int {
	open, most, inString := 0, 0, false
	for i := 0; i < len(page); i++ {
		switch c := page[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == '{' || c == '['):
			open++
			most = max(most, open)
		case !inString && (c == '}' || c == ']'):
			open--
		}
	}
	return most
}

func parse(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// normal brings a parsed record to the form in which the law compares: no null members, ids as text, times as
// instants, numbers by value.
func normal(v any, fields []Field) any { return normalAt(v, "", fields) }

func normalAt(v any, path string, fields []Field) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			if x == nil {
				continue
			}
			at := name
			if path != "" {
				at = path + "." + name
			}
			if strings.Contains(name, ".") {
				at = "?" // no known path has a dot in a name
			}
			out[name] = normalAt(x, at, fields)
		}
		return out
	case []any:
		below := []Field{}
		if f := fieldAt(path, fields); f != nil {
			below = f.Of
		}
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = normalAt(x, "", below)
		}
		return out
	case json.Number:
		if f := fieldAt(path, fields); f != nil && (f.Kind == ID || f.Kind == NumericID) {
			return "text " + string(v)
		}
		return numberText(string(v))
	case string:
		f := fieldAt(path, fields)
		switch {
		case f != nil && (f.Kind == ID || f.Kind == NumericID):
			return "text " + v
		case f != nil && f.Kind == Timestamp:
			return instant(v)
		}
	}
	return v
}

func fieldAt(path string, fields []Field) *Field {
	for i := range fields {
		if fields[i].Path == path {
			return &fields[i]
		}
	}
	return nil
}

// numberText writes equal numbers alike; those too long to expand are left as they stand.
func numberText(s string) any {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return "number 0"
	}
	if n, err := strconv.Atoi(exponent); exponent != "" && (err != nil || n > 20_000 || n < -20_000) {
		return "number " + s
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return "number " + s
	}
	return "number " + r.RatString()
}

func instant(s string) any {
	for _, form := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700"} {
		if at, err := time.Parse(form, s); err == nil && at.Year() > 0 && at.UTC().Year() < 10000 {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return s
}
