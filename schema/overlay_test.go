package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOverlay: a tombstone keeps what did not come with it, at any depth, known to the table or not.
func TestOverlay(t *testing.T) {
	const under = `{"id":"a","startTime":"2026-11-21T10:00:00.000Z","duration":"odd","from":{"name":"A","phoneNumber":"+1","cnam":"x"},` +
		`"legs":[{"legType":"Accept"}],"billing":{"costIncluded":1.5},"hints":{"deep":{"a":9007199254740993,"b":1},"list":[1,2]}}`
	const over = `{"id":"a","startTime":"2026-11-21T11:00:00.000Z","duration":7,"deleted":true,"from":{"phoneNumber":"+2"},"hints":{"deep":{"b":"<2>"},"list":[]}}`
	const want = `{"id":"a","startTime":"2026-11-21T11:00:00.000Z","duration":7,"from":{"phoneNumber":"+2","name":"A","cnam":"x"},` +
		`"billing":{"costIncluded":1.5},"deleted":true,"legs":[{"legType":"Accept"}],"hints":{"deep":{"a":9007199254740993,"b":"<2>"},"list":[]}}`
	d := NewDecoder(CallLog())
	if _, err := d.Append([]byte(`{"records":[` + under + `,` + over + `]}`)); err != nil {
		t.Fatal(err)
	}
	batch := d.Batch()
	both, err := CallLog().Overlay(batch, 0, batch, 1)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := NewEncoder(CallLog(), both)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(enc.Append(nil, 0))); diff != "" || both.NumRows() != 1 {
		t.Error(diff)
	}
}
