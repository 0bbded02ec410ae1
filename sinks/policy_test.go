package sinks

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
)

// TestPolicyOfADay: object and ledger name the policy that all rows of a day obey; a name is given up, or taken on, only with the rows.
func TestPolicyOfADay(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		a, b := call{id: "a", start: at("10:00:00")}, call{id: "b", start: at("11:00:00")}
		step := func(known LedgerDay, policy string, redact Redact, calls ...call) (Outcome, LedgerDay) {
			t.Helper()
			m := merge(read(t, page(t, calls...)), known)
			m.Policy, m.Redact = policy, redact
			o, err := l.ReplaceDay(t.Context(), m, testDay)
			if err != nil {
				t.Fatal(err)
			}
			return o, known.WithContent(o)
		}
		same := func(rows arrow.RecordBatch) (arrow.RecordBatch, error) { return rows, nil }
		plain, entry := step(LedgerDay{}, "", nil, a)
		under, entry2 := step(entry, "p", same, a)
		if plain.Policy != "" || entry.Policy != "" || !under.Changed || under.Policy != "p" || under.ContentHash != plain.ContentHash || under.SHA256 == plain.SHA256 {
			t.Errorf("%+v\n%+v", plain, under)
		}
		if o, _ := step(entry2, "p", same, a); o.Changed || o.Policy != "p" {
			t.Errorf("the same again: %+v", o)
		}
		if o, _ := step(LedgerDay{}, "", nil, a); o.Changed || o.Policy != "p" {
			t.Errorf("equal rows that are kept whole leave the name: %+v", o)
		}
		known, err := l.describe(t.Context(), under.Key)
		if err != nil || known.Policy != "p" || known.ContentHash != under.ContentHash {
			t.Errorf("%v %+v", err, known)
		}
		if o, _ := step(entry2, "p", nil, a, b); o.Policy != "p" {
			t.Errorf("more rows under the same: %+v", o)
		}
		if o, _ := step(entry2, "q", nil, b); o.Policy == "q" {
			t.Errorf("rows of another policy stay, and nobody brings them under this one: %+v", o)
		}
		if o, _ := step(LedgerDay{}, "", nil, call{id: "c", start: at("12:00:00")}); o.Policy != "" || !o.Changed {
			t.Errorf("a whole row joins: %+v", o)
		}
	})
}

// TestRewriteDay: the rows of a day are replaced as one object, under the name that is given; without a change nothing is written.
func TestRewriteDay(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		calls := []call{{id: "a", start: at("10:00:00")}, {id: "b", start: at("11:00:00")}}
		_, known := replaceDay(t, l, read(t, page(t, calls...)), LedgerDay{})
		before := 0
		rewrite := func(policy string, change Redact) Outcome {
			t.Helper()
			m := &Merge{AccountID: "1", Schema: testSchema, Read: read(t), Policy: policy, Redact: change}
			m.Before = func(context.Context) error { before++; return nil }
			o, err := l.RewriteDay(t.Context(), m, testDay)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		nothing := func(rows arrow.RecordBatch) (arrow.RecordBatch, error) { return rows, nil }
		fewer := func(rows arrow.RecordBatch) (arrow.RecordBatch, error) { return rows.NewSlice(0, 1), nil }
		if o := rewrite("", nothing); o.Changed || before > 0 || o.SHA256 != known.SHA256 {
			t.Errorf("%+v", o)
		}
		if o := rewrite("p", nothing); !o.Changed || o.Policy != "p" || o.ContentHash != known.ContentHash {
			t.Errorf("%+v", o)
		}
		if o := rewrite("", fewer); !o.Changed || o.Policy != "p" || o.Rows != 1 || o.Held != 1 && o.Held != 2 {
			t.Errorf("%+v", o)
		}
		if got := held(t, l); len(got) != 1 {
			t.Error(got)
		}
		if days, err := l.PartitionDays(t.Context(), "call_log", "1"); err != nil || !slices.Equal(days, []arrow.Date32{testDay}) {
			t.Error(days, err)
		}
		m := &Merge{AccountID: "1", Schema: testSchema, Read: read(t), Redact: nothing}
		if o, err := l.RewriteDay(t.Context(), m, testDay+1); err != nil || o.Changed {
			t.Errorf("a day without an object: %+v %v", o, err)
		}
	})
}

// TestRewriteArchived: pages change where they lie, and an object of which none changes is left alone.
func TestRewriteArchived(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		w, err := l.NewArchive()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for n, body := range []string{`{"a":1}`, `{"b":2}`} {
			if err := w.Add(ArchivedPage{ReadAt: testDay.ToTime(), Page: n + 1, Body: json.RawMessage(body)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Keep(t.Context(), "1", "call_log", "run"); err != nil {
			t.Fatal(err)
		}
		reads, err := l.ArchivedReads(t.Context(), "1", "call_log")
		if err != nil || len(reads) != 1 {
			t.Fatal(reads, err)
		}
		changed, err := l.RewriteArchived(t.Context(), reads[0], func(p ArchivedPage) ([]byte, error) { return p.Body, nil })
		if err != nil || changed {
			t.Error(changed, err)
		}
		changed, err = l.RewriteArchived(t.Context(), reads[0], func(p ArchivedPage) ([]byte, error) {
			if p.Page == 2 {
				return []byte(`{"b":3}`), nil
			}
			return p.Body, nil
		})
		var got []string
		err2 := l.ReadArchive(t.Context(), reads[0], func(p ArchivedPage) error { got = append(got, string(p.Body)); return nil })
		if diff := cmp.Diff([]string{`{"a":1}`, `{"b":3}`}, got); diff != "" || !changed || err != nil || err2 != nil {
			t.Error(diff, changed, err, err2)
		}
		if err := l.DeleteArchived(t.Context(), reads[0]); err != nil {
			t.Error(err)
		}
		if reads, err = l.ArchivedReads(t.Context(), "1", "call_log"); err != nil || len(reads) > 0 {
			t.Error(reads, err)
		}
	})
}

// TestErasureNotes: they are made with one key, each once.
func TestErasureNotes(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		var keys [][]byte
		for range 2 {
			for _, note := range []string{`{"token":"x"}`, `{"token": "y"}`} {
				_, err := l.NoteErasure(t.Context(), func(key []byte) (json.RawMessage, error) {
					keys = append(keys, key)
					return json.RawMessage(note), nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		notes, err := l.ErasureNotes(t.Context())
		if err != nil || len(notes.Notes) != 2 || len(notes.Key) != 32 || !slices.Equal(keys[0], keys[3]) {
			t.Errorf("%v %+v", err, notes)
		}
	})
}

// TestRewriteRejected: lines change or go, in the objects where one does.
func TestRewriteRejected(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		for _, name := range []string{"x", "y"} {
			if _, err := l.WriteRejected(t.Context(), "1", "call_log", name, []byte(name+"\nz\n")); err != nil {
				t.Fatal(err)
			}
		}
		n, err := l.RewriteRejected(t.Context(), "", "call_log", func(line []byte) ([]byte, error) {
			if string(line) == "x" {
				return nil, nil
			}
			return line, nil
		})
		if err != nil || n != 1 {
			t.Error(n, err)
		}
		if l.IsLocal() {
			b, err := os.ReadFile(filepath.Join(l.localDir, rejectedPrefix, "1/call_log/x.ndjson"))
			if err != nil || string(b) != "z\n" {
				t.Errorf("%q %v", b, err)
			}
		}
	})
}
