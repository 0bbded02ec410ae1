package sinks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
)

func onDay(day int, clock string) string { return fmt.Sprintf("2026-11-%dT%sZ", day, clock) }

// heldOn reads a day's rows back as "id result legs deleted".
func heldOn(t testing.TB, l *Lake, day arrow.Date32) []string {
	t.Helper()
	batch, found, err := l.ReadDay(t.Context(), "call_log", "1", day)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for i := 0; found && i < int(batch.NumRows()); i++ {
		out = append(out, fmt.Sprintf("%s %s %s %s", batch.Column(0).ValueStr(i), batch.Column(2).ValueStr(i), batch.Column(4).ValueStr(i), batch.Column(5).ValueStr(i)))
	}
	return out
}

// TestTombstones: a deleted record keeps every field of its last full version, whatever order they come in; only a later
// version brings it back.
func TestTombstones(t *testing.T) {
	full := call{id: "a", start: at("10:00:00"), result: "Accepted", modified: at("10:05:00"), legs: []string{"Accept"}}
	tomb := call{id: "a", start: at("10:00:00"), modified: at("12:00:00"), deleted: true}
	silent := call{id: "a", start: at("10:00:00"), deleted: true} // does not say when
	sameTime := call{id: "a", start: at("10:00:00"), modified: at("10:05:00"), deleted: true}
	again := call{id: "a", start: at("10:00:00"), result: "Missed", modified: at("13:00:00"), legs: []string{}}
	const alive, dead = `[{"leg_type":"Accept","master":true}] (null)`, `[{"leg_type":"Accept","master":true}] true`
	for _, tc := range []struct {
		name  string
		reads [][]call
		want  string
	}{
		{"deleted later", [][]call{{full}, {tomb}}, "a Accepted " + dead},
		{"deleted, and seen again as it was", [][]call{{full}, {tomb}, {full}}, "a Accepted " + dead},
		{"deleted twice", [][]call{{full}, {tomb}, {tomb}}, "a Accepted " + dead},
		{"in one read", [][]call{{full, tomb}}, "a Accepted " + dead},
		{"in one read, the other way round", [][]call{{tomb, full}}, "a Accepted " + dead},
		{"the full version comes late", [][]call{{tomb}, {full}}, "a Accepted " + dead},
		{"the tombstone does not say when", [][]call{{full}, {silent}, {full}}, "a Accepted " + dead},
		{"the tombstone has the time of what it deletes", [][]call{{full}, {sameTime}, {full}}, "a Accepted " + dead},
		{"nothing else is known of it", [][]call{{tomb}}, "a (null) (null) true"},
		{"it came back", [][]call{{full}, {tomb}, {again}, {tomb}}, "a Missed [] (null)"},
		{"it never left", [][]call{{full}}, "a Accepted " + alive},
	} {
		eachLake(t, func(t *testing.T, l *Lake) {
			known := LedgerDay{}
			for _, calls := range tc.reads {
				var pages []arrow.RecordBatch
				for _, c := range calls {
					pages = append(pages, page(t, c))
				}
				_, known = replaceDay(t, l, read(t, pages...), known)
			}
			if diff := cmp.Diff([]string{tc.want}, heldOn(t, l, testDay)); diff != "" {
				t.Errorf("%s: %s", tc.name, diff)
			}
		})
	}
}

// mergeOn merges calls into a day and books the outcome as a run does.
func mergeOn(t testing.TB, l *Lake, g Ledger, day arrow.Date32, calls ...call) Outcome {
	t.Helper()
	o, err := l.ReplaceDay(t.Context(), &Merge{AccountID: "1", Schema: testSchema, Read: read(t, page(t, calls...)), Known: g}, day)
	if err != nil {
		t.Fatal(err)
	}
	for from, left := range o.Left {
		g[from] = g[from].WithContent(left)
	}
	g[day] = LedgerDay{Closed: true}.WithContent(o)
	return o
}

// TestMoves: a record whose start moved to another day leaves the old one, tombstone or not, and an older version of it does not come back.
func TestMoves(t *testing.T) {
	before := call{id: "a", start: onDay(21, "23:50:00"), result: "In Progress", modified: onDay(21, "23:51:00")}
	after := call{id: "a", start: onDay(22, "00:10:00"), result: "Accepted", modified: onDay(22, "00:20:00"), legs: []string{"x"}}
	other := call{id: "b", start: onDay(21, "10:00:00"), result: "Missed"}
	const moved = `a Accepted [{"leg_type":"x","master":true}] (null)`
	eachLake(t, func(t *testing.T, l *Lake) {
		g := Ledger{}
		mergeOn(t, l, g, testDay, before, other)
		o := mergeOn(t, l, g, testDay+1, after)
		if left := o.Left[testDay]; !left.Changed || left.Rows != 1 || left.Held != 2 {
			t.Errorf("left: %+v", left)
		}
		if described, err := l.describe(t.Context(), PartitionKey("call_log", "1", testDay)); err != nil || described.SHA256 != g[testDay].SHA256 || described.ContentHash != g[testDay].ContentHash {
			t.Errorf("the day that was left is %+v (%v), the ledger says %+v", described, err, g[testDay])
		}
		want := map[arrow.Date32][]string{testDay: {"b Missed (null) (null)"}, testDay + 1: {moved}}
		check := func(when string) {
			t.Helper()
			for day, rows := range want {
				if diff := cmp.Diff(rows, heldOn(t, l, day)); diff != "" {
					t.Errorf("%s: %s: %s", when, day.FormattedString(), diff)
				}
			}
		}
		check("after the move")
		mergeOn(t, l, g, testDay, before, other)
		check("after an older page was read again")
		mergeOn(t, l, g, testDay-1, call{id: "z", start: onDay(20, "10:00:00")})
		check("after a day beside it")
		// Its deletion, told with the old start, keeps all that is known of it and moves it back.
		gone := call{id: "a", start: onDay(21, "23:50:00"), modified: onDay(22, "03:00:00"), deleted: true}
		mergeOn(t, l, g, testDay, gone)
		want[testDay] = []string{"b Missed (null) (null)", `a Accepted [{"leg_type":"x","master":true}] true`}
		want[testDay+1] = []string{}
		check("after the deletion")
		if g[testDay+1].Rows != 0 || g[testDay+1].SHA256 == "" {
			t.Errorf("a day that became empty keeps an object without rows: %+v", g[testDay+1])
		}
	})
}

// TestMovedWithinARead: of a record that moved while its window was read, the days get one version.
func TestMovedWithinARead(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		old := call{id: "a", start: onDay(21, "23:50:00"), result: "old", modified: onDay(22, "00:00:00")}
		fresh := call{id: "a", start: onDay(22, "00:10:00"), result: "new", modified: onDay(22, "00:20:00")}
		m := &Merge{AccountID: "1", Schema: testSchema, Read: read(t, page(t, fresh), page(t, old, call{id: "b", start: onDay(21, "01:00:00")})), Known: Ledger{}}
		for _, day := range []arrow.Date32{testDay, testDay + 1} {
			if _, err := l.ReplaceDay(t.Context(), m, day); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"b (null) (null) (null)"}, heldOn(t, l, testDay)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"a new (null) (null)"}, heldOn(t, l, testDay+1)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFinish: a run that ended between the two writes of a move leaves the record twice; the newer version stays, in whichever day
// it is, and the ledger can be told what the days hold.
func TestFinish(t *testing.T) {
	for _, newer := range []arrow.Date32{testDay, testDay + 1} {
		eachLake(t, func(t *testing.T, l *Lake) {
			modified := map[arrow.Date32]string{testDay: onDay(22, "05:00:00"), testDay + 1: onDay(22, "05:00:00")}
			modified[newer] = onDay(22, "06:00:00")
			for day, start := range map[arrow.Date32]string{testDay: onDay(21, "23:50:00"), testDay + 1: onDay(22, "00:10:00")} {
				rows, err := gatherAll(testSchema, page(t, call{id: "a", start: start, result: day.FormattedString(), modified: modified[day]}))
				if err != nil {
					t.Fatal(err)
				}
				o := Outcome{Key: PartitionKey("call_log", "1", day)}
				if _, err := l.replaceDay(t.Context(), merge(read(t), LedgerDay{}), o, heldDay{}, rows); err != nil {
					t.Fatal(err)
				}
			}
			found, err := l.Finish(t.Context(), testTable, testSchema, "1", testDay+1)
			if err != nil {
				t.Fatal(err)
			}
			for day := testDay; day <= testDay+1; day++ {
				rows := heldOn(t, l, day)
				if (len(rows) == 1) != (day == newer) || found[day].Rows != int64(len(rows)) || found[day].SHA256 == "" {
					t.Errorf("newer in %s: %s holds %v, told as %+v", newer.FormattedString(), day.FormattedString(), rows, found[day])
				}
			}
			if found[testDay+2].SHA256 != "" {
				t.Errorf("a day without object: %+v", found[testDay+2])
			}
		})
	}
}

// TestShrink: a closed read that brought less than is held forgets nothing, and counts what it lacks; where it is asked to, the day
// becomes what was read.
func TestShrink(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		g := Ledger{}
		mergeOn(t, l, g, testDay, call{id: "a", start: at("10:00:00")}, call{id: "b", start: at("11:00:00")}, call{id: "t", start: at("12:00:00"), deleted: true})
		o := mergeOn(t, l, g, testDay, call{id: "b", start: at("11:00:00")})
		if o.Changed || o.Rows != 3 || o.Held != 3 || o.Read != 1 || o.Kept != 1 {
			t.Errorf("%+v", o)
		}
		m := &Merge{AccountID: "1", Schema: testSchema, Read: read(t, page(t, call{id: "b", start: at("11:00:00")})), Known: g, Shrink: true}
		o, err := l.ReplaceDay(t.Context(), m, testDay)
		if err != nil || !o.Changed || o.Rows != 1 {
			t.Errorf("%v %+v", err, o)
		}
		o, err = l.ReplaceDay(t.Context(), &Merge{AccountID: "1", Schema: testSchema, Read: read(t), Known: g, Shrink: true}, testDay)
		if err != nil || !o.Changed || o.Rows != 0 || o.SHA256 == "" {
			t.Errorf("%v %+v", err, o)
		}
	})
}

// TestBeforeTheFirstWrite: what must be kept first is kept first, once, and not at all if nothing changes.
func TestBeforeTheFirstWrite(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		rows := page(t, call{id: "a", start: onDay(21, "10:00:00")}, call{id: "b", start: onDay(22, "10:00:00")})
		called := 0
		before := func(context.Context) error {
			if called++; len(heldOn(t, l, testDay)) > 0 {
				t.Error("a day was replaced first")
			}
			return nil
		}
		merge := func() *Merge {
			return &Merge{AccountID: "1", Schema: testSchema, Read: read(t, rows), Known: Ledger{}, Before: before}
		}
		for range 2 {
			m := merge()
			for _, day := range []arrow.Date32{testDay, testDay + 1} {
				if _, err := l.ReplaceDay(t.Context(), m, day); err != nil {
					t.Fatal(err)
				}
			}
			if called != 1 {
				t.Errorf("called %d times", called)
			}
		}
		full := errors.New("disk full")
		m := merge()
		m.Read, m.Before = read(t, page(t, call{id: "c", start: onDay(21, "10:00:00")})), func(context.Context) error { return full }
		if _, err := l.ReplaceDay(t.Context(), m, testDay); !errors.Is(err, full) || len(heldOn(t, l, testDay)) != 1 {
			t.Errorf("%v, %v", err, heldOn(t, l, testDay))
		}
	})
}

// TestRacingMerges: runs that merge into one day at the same time lose no row, and the ledger describes the object that is there.
func TestRacingMerges(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		const runs = 6
		var wg sync.WaitGroup
		for run := range runs {
			wg.Go(func() {
				c := call{id: fmt.Sprint("r", run), start: at(fmt.Sprintf("10:00:%02d", run))}
				m := &Merge{AccountID: "1", Schema: testSchema, Read: read(t, page(t, c)), Known: Ledger{}}
				o, err := l.ReplaceDay(t.Context(), m, testDay)
				for errors.Is(err, ErrConflict) {
					o, err = l.ReplaceDay(t.Context(), m, testDay)
				}
				if err == nil {
					err = l.WriteLedger(t.Context(), "1", "call_log", Ledger{testDay: LedgerDay{Closed: true}.WithContent(o)}, Ledger{})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		rows := heldOn(t, l, testDay)
		if len(rows) != runs {
			t.Errorf("%v", rows)
		}
		g, err := l.Ledger(t.Context(), "1", "call_log")
		there, describeErr := l.describe(t.Context(), PartitionKey("call_log", "1", testDay))
		if err != nil || describeErr != nil || g[testDay].SHA256 != there.SHA256 || g[testDay].Rows != runs {
			t.Errorf("%v %v: the ledger says %+v, the object is %+v", err, describeErr, g[testDay], there)
		}
	})
}

// TestArchive: pages come back as they were received, but for their line ends, read by read in the order of reading.
func TestArchive(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		ctx := t.Context()
		began := time.Date(2026, 11, 30, 23, 59, 59, 5e6, time.UTC)
		bodies := []string{"{\"records\":[\r\n {\"a\":1e400,\"b\":\"<&>\\u0000\"} ]}", `{"records":[]}`}
		for i, at := range []time.Time{began.Add(time.Second), began} {
			w, err := l.NewArchive()
			if err != nil {
				t.Fatal(err)
			}
			for n, body := range bodies {
				if err := w.Add(ArchivedPage{ReadAt: at, Path: "/p", Query: "a=1&b=2", Page: n + 1, RequestID: fmt.Sprint(i), Body: []byte(body)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(w.Keep(ctx, "1", "call_log", "run"), w.Close()); err != nil {
				t.Fatal(err)
			}
		}
		unused, err := l.NewArchive()
		if err != nil || unused.Close() != nil {
			t.Fatal(err)
		}
		reads, err := l.ArchivedReads(ctx, "1", "call_log")
		if err != nil || len(reads) != 2 || !reads[0].ReadAt.Equal(began) {
			t.Fatalf("%v %v", err, reads)
		}
		for i, key := range []string{"2026-11/20261130T235959.005Z-run", "2026-12/20261201T000000.005Z-run"} {
			if reads[i].Key != "_trunkline/archive/1/call_log/"+key+".ndjson.zst" {
				t.Error(reads[i].Key)
			}
		}
		var got []string
		if err := l.ReadArchive(ctx, reads[0], func(p ArchivedPage) error {
			got = append(got, fmt.Sprintf("%s %s?%s %d %s %s", p.ReadAt.Format(time.TimeOnly), p.Path, p.Query, p.Page, p.RequestID, p.Body))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := []string{"23:59:59 /p?a=1&b=2 1 1 " + strings.NewReplacer("\r", " ", "\n", " ").Replace(bodies[0]), "23:59:59 /p?a=1&b=2 2 1 " + bodies[1]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		accounts, err := l.ArchivedAccounts(ctx)
		if diff := cmp.Diff([]string{"1"}, accounts); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

// TestFeedState: of two runs that read the feed at once, the second one's token does not replace the first one's.
func TestFeedState(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		ctx := t.Context()
		known, err := l.Feed(ctx, "1")
		if err != nil || known != (FeedState{}) {
			t.Fatal(err, known)
		}
		first, err := l.WriteFeed(ctx, "1", known, FeedState{SyncToken: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.WriteFeed(ctx, "1", known, FeedState{SyncToken: "b"}); !errors.Is(err, ErrConflict) {
			t.Errorf("%v", err)
		}
		if _, err := l.WriteFeed(ctx, "1", first, FeedState{SyncToken: "c"}); err != nil {
			t.Error(err)
		}
		if s, err := l.Feed(ctx, "1"); err != nil || s.SyncToken != "c" {
			t.Error(s, err)
		}
	})
}

// TestHold: holders come and go, and what has ended is forgotten.
func TestHold(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
		hold := func(holder string, now, until time.Time, met map[string]time.Time) RateShare {
			t.Helper()
			s, err := l.Hold(t.Context(), "rate", holder, now, until, met)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		hold("a", now, now.Add(time.Minute), nil)
		s := hold("b", now, now.Add(time.Minute), map[string]time.Time{"Heavy": now.Add(30 * time.Second)})
		if len(s.Holders) != 2 || !s.Penalties["Heavy"].Equal(now.Add(30*time.Second)) {
			t.Errorf("%+v", s)
		}
		if s = hold("b", now, now.Add(time.Minute), map[string]time.Time{"Heavy": now.Add(time.Second)}); !s.Penalties["Heavy"].Equal(now.Add(30 * time.Second)) {
			t.Errorf("a penalty was shortened: %+v", s)
		}
		later := now.Add(50 * time.Second)
		if s = hold("b", later, later, nil); len(s.Holders) != 1 || len(s.Penalties) != 0 {
			t.Errorf("after b left: %+v", s)
		}
		later = now.Add(2 * time.Minute)
		if s = hold("c", later, later.Add(time.Minute), nil); len(s.Holders) != 1 {
			t.Errorf("a has died: %+v", s)
		}
	})
}
