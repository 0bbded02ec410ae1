package sinks

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"
)

// damage changes the day's object behind the lake's back.
func damage(t testing.TB, l *Lake, day arrow.Date32, change func([]byte) []byte) (before []byte) {
	t.Helper()
	key := PartitionKey("call_log", "1", day)
	before, err := l.bucket.ReadAll(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	after := change(slices.Clone(before))
	if bytes.Equal(before, after) {
		t.Fatal("nothing was damaged")
	}
	if err := l.bucket.Upload(t.Context(), key, bytes.NewReader(after), &blob.WriterOptions{ContentType: parquetType}); err != nil {
		t.Fatal(err)
	}
	return before
}

func object(t testing.TB, l *Lake, day arrow.Date32) []byte {
	t.Helper()
	b, err := l.bucket.ReadAll(t.Context(), PartitionKey("call_log", "1", day))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unreadable turns the bits of the footer over; the size stays.
func unreadable(b []byte) []byte {
	for i := len(b) - 60; i < len(b)-8; i++ {
		b[i] ^= 0xff
	}
	return b
}

// otherName changes a text that readers pass over: who created the file.
func otherName(b []byte) []byte {
	at := bytes.LastIndex(b, []byte("trunkline"))
	b[at] = 'T'
	return b
}

// TestDamagedOfTheSameSize: an object whose bytes changed is not taken for the one that the ledger knows, though its size is the
// same. A read that brings all that the ledger knows of puts the day in order; any other fails, names the object and changes nothing.
func TestDamagedOfTheSameSize(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		a, b, c := call{id: "a", start: at("10:00:00")}, call{id: "b", start: at("11:00:00")}, call{id: "c", start: at("12:00:00")}
		_, known := replaceDay(t, l, read(t, page(t, a, b)), LedgerDay{})
		for name, change := range map[string]func([]byte) []byte{
			"footer": unreadable, "creator": otherName, "cut": func(b []byte) []byte { return b[:len(b)-20] },
		} {
			whole := damage(t, l, testDay, change)
			o, _ := replaceDay(t, l, read(t, page(t, a, b)), known)
			if !o.Changed || o.ContentHash != known.ContentHash || o.SHA256 != known.SHA256 || !bytes.Equal(whole, object(t, l, testDay)) {
				t.Errorf("%s: not repaired: %+v", name, o)
			}
		}
		if o, _ := replaceDay(t, l, read(t, page(t, a, b)), known); o.Changed || o.Held != -1 {
			t.Errorf("a sound one: %+v", o)
		}
		whole := damage(t, l, testDay, unreadable)
		bad := object(t, l, testDay)
		writing := known
		writing.Writing = true
		for name, m := range map[string]*Merge{
			"more rows":           merge(read(t, page(t, a, b, c)), known),
			"fewer rows":          merge(read(t, page(t, a)), known),
			"unknown":             merge(read(t, page(t, a, b)), LedgerDay{}),
			"it was written just": merge(read(t, page(t, a, b)), writing),
		} {
			var damaged *DamagedError
			_, err := l.ReplaceDay(t.Context(), m, testDay)
			if !errors.As(err, &damaged) || damaged.Key != PartitionKey("call_log", "1", testDay) {
				t.Fatalf("%s: %v", name, err)
			}
			if !strings.Contains(err.Error(), "`trunkline replay --from 2026-11-21 --to 2026-11-22`") {
				t.Errorf("%s: no remedy: %v", name, err)
			}
			if !bytes.Equal(bad, object(t, l, testDay)) {
				t.Fatalf("%s: the object was changed", name)
			}
		}
		m := merge(read(t, page(t, a, b, c)), known)
		m.Whole, m.HasAll = true, true
		if o, err := l.ReplaceDay(t.Context(), m, testDay); err != nil || !o.Changed || o.Rows != 3 || bytes.Equal(whole, object(t, l, testDay)) {
			t.Errorf("rebuilt: %+v %v", o, err)
		}
	})
}

// TestDamagedRowsAreNotDropped: rows that lie in the wrong day, as another day's object under this key has them, do not go in silence.
func TestDamagedRowsAreNotDropped(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		g := Ledger{}
		mergeOn(t, l, g, testDay, call{id: "a", start: at("10:00:00")})
		mergeOn(t, l, g, testDay+1, call{id: "b", start: onDay(22, "10:00:00")})
		other := object(t, l, testDay+1)
		damage(t, l, testDay, func([]byte) []byte { return other })
		var damaged *DamagedError
		m := merge(read(t, page(t, call{id: "c", start: at("10:00:00")})), g[testDay])
		if _, err := l.ReplaceDay(t.Context(), m, testDay); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "1 start on another day") {
			t.Error(err)
		}
	})
}

// TestBesideADamagedDay: a day beside a damaged one goes on, and the repair of the damaged one finds what moved meanwhile.
func TestBesideADamagedDay(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		g := Ledger{}
		old := []call{{id: "a", start: at("10:00:00")}, {id: "moves", start: at("23:59:00"), modified: onDay(22, "01:00:00")}}
		mergeOn(t, l, g, testDay, old...)
		damage(t, l, testDay, unreadable)
		mergeOn(t, l, g, testDay+1, call{id: "moves", start: onDay(22, "00:01:00"), modified: onDay(22, "02:00:00")})
		mergeOn(t, l, g, testDay, old...) // a read from before the move
		if got := heldOn(t, l, testDay); len(got) != 1 || !strings.HasPrefix(got[0], "a ") {
			t.Errorf("%v", got)
		}
		if got := heldOn(t, l, testDay+1); len(got) != 1 || !strings.HasPrefix(got[0], "moves ") {
			t.Errorf("%v", got)
		}
	})
}

// TestRepairKeepsThePolicy: the rows of a repaired day are under the policy that they were under.
func TestRepairKeepsThePolicy(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		m := merge(read(t, page(t, call{id: "a", start: at("10:00:00")})), LedgerDay{})
		m.Policy = "p"
		o, err := l.ReplaceDay(t.Context(), m, testDay)
		if err != nil {
			t.Fatal(err)
		}
		known := LedgerDay{}.WithContent(o)
		for _, change := range []func([]byte) []byte{unreadable, otherName} {
			whole := damage(t, l, testDay, change)
			o, _ := replaceDay(t, l, read(t, page(t, call{id: "a", start: at("10:00:00")})), known)
			if diff := cmp.Diff(known, known.WithContent(o)); diff != "" || !bytes.Equal(whole, object(t, l, testDay)) {
				t.Errorf("%s", diff)
			}
		}
	})
}
