package sinks

import "testing"

// TestMarks: of several that are about to write a day each takes its own mark away, whoever noted last, so that what one of them left when
// it was killed is looked after.
func TestMarks(t *testing.T) {
	marked := func(by ...string) (d LedgerDay) {
		for _, name := range by {
			d = d.MarkedBy(name)
		}
		return d
	}
	for _, tc := range []struct{ ours, theirs, known, want LedgerDay }{
		{marked("a"), marked(), marked(), marked("a")},
		{marked("a"), marked("b"), marked(), marked("a", "b")},
		{marked(), marked("a", "b"), marked("a"), marked("b")},
		{marked(), marked("b"), marked("a"), marked("b")},
		{marked("b"), marked("a", "c"), marked("a"), marked("b", "c")},
		{marked(), marked("a", "b"), marked("a", "b"), marked()},
		{marked(""), marked("b"), marked(), marked("b")},
		{marked(""), marked(), marked(), marked("")},
		{marked(), marked(""), marked(""), marked()},
		{marked(), marked(""), marked(), marked("")},
	} {
		writing, by := markOf(tc.ours, tc.theirs, tc.known)
		if writing != tc.want.Writing || by != tc.want.WritingBy {
			t.Errorf("ours %q, theirs %q, known %q: %t %q, want %q", tc.ours.WritingBy, tc.theirs.WritingBy, tc.known.WritingBy, writing, by, tc.want.WritingBy)
		}
	}
}

// TestKilledBesideAnother: a run that is killed while another writes the same day leaves its mark, also where that one noted its own later
// and has ended.
func TestKilledBesideAnother(t *testing.T) {
	const stream = "call_log"
	eachLake(t, func(t *testing.T, l *Lake) {
		note := func(entry, known LedgerDay) LedgerDay {
			t.Helper()
			if err := l.WriteLedger(t.Context(), "1", stream, Ledger{testDay: entry}, Ledger{testDay: known}); err != nil {
				t.Fatal(err)
			}
			return entry
		}
		var nothing LedgerDay
		note(nothing.MarkedBy("killed"), nothing)
		other := note(nothing.MarkedBy("other"), nothing)
		note(LedgerDay{How: "list", Closed: true}, other)
		ledger, err := l.Ledger(t.Context(), "1", stream)
		if err != nil {
			t.Fatal(err)
		}
		if got := ledger[testDay]; !got.Writing || got.WritingBy != "killed" || !got.Closed {
			t.Errorf("%+v", got)
		}
	})
}
