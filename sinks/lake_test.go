package sinks

import (
	"context"
	"errors"
	"fmt"
	"io"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

var testTable = Table{
	Name: "call_log", ID: "id", Time: "start_time", Modified: "last_modified_time", Detail: "legs", Deleted: "deleted",
	Overlay: overlay,
}

// overlay takes each value from over, or from under where over has none.
func overlay(under arrow.RecordBatch, underRow int, over arrow.RecordBatch, overRow int) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, 0, testSchema.NumFields())
	for i := range testSchema.Fields() {
		from, row := over.Column(i), overRow
		if from.IsNull(row) {
			from, row = under.Column(i), underRow
		}
		cols = append(cols, array.NewSlice(from, int64(row), int64(row+1)))
	}
	return array.NewRecordBatch(testSchema, cols, 1), nil
}

var testSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "start_time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
	{Name: "result", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "last_modified_time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
	{Name: "legs", Type: arrow.ListOf(arrow.StructOf(
		arrow.Field{Name: "leg_type", Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: "master", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	)), Nullable: true},
	{Name: "deleted", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
}, nil)

// call is one row of the test table; empty members are null.
type call struct {
	id, start, result, modified string
	legs                        []string // nil: null
	deleted                     bool     // false: null
}

func page(t testing.TB, calls ...call) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, testSchema)
	for _, c := range calls {
		text(b.Field(0).(*array.StringBuilder), c.id)
		instant(t, b.Field(1).(*array.TimestampBuilder), c.start)
		text(b.Field(2).(*array.StringBuilder), c.result)
		if dead := b.Field(5).(*array.BooleanBuilder); c.deleted {
			dead.Append(true)
		} else {
			dead.AppendNull()
		}
		instant(t, b.Field(3).(*array.TimestampBuilder), c.modified)
		list := b.Field(4).(*array.ListBuilder)
		if c.legs == nil {
			list.AppendNull()
			continue
		}
		list.Append(true)
		for i, leg := range c.legs {
			s := list.ValueBuilder().(*array.StructBuilder)
			s.Append(true)
			text(s.FieldBuilder(0).(*array.StringBuilder), leg)
			s.FieldBuilder(1).(*array.BooleanBuilder).Append(i == 0)
		}
	}
	return b.NewRecordBatch()
}

func text(b *array.StringBuilder, s string) {
	if s == "" {
		b.AppendNull()
		return
	}
	b.Append(s)
}

func instant(t testing.TB, b *array.TimestampBuilder, s string) {
	if s == "" {
		b.AppendNull()
		return
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	b.Append(arrow.Timestamp(at.UnixMicro()))
}

const testDay = arrow.Date32(20778) // 2026-11-21

func at(clock string) string { return "2026-11-21T" + clock + "Z" }

// eachLake runs a test over a lake in memory and one in a directory.
func eachLake(t *testing.T, test func(t *testing.T, l *Lake)) {
	for _, name := range []string{"mem", "file"} {
		t.Run(name, func(t *testing.T) {
			url, dir := "mem://", ""
			if name == "file" {
				dir = t.TempDir()
				at := neturl.URL{Scheme: "file", Path: filepath.ToSlash(dir)}
				url = at.String()
			}
			bucket, err := blob.OpenBucket(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer bucket.Close()
			l, err := Open(t.Context(), bucket, &LakeOptions{LocalDir: dir, Scratch: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			test(t, l)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(l.Scratch()); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("scratch %s is still there", l.Scratch())
			}
		})
	}
}

func read(t testing.TB, pages ...arrow.RecordBatch) *Read {
	t.Helper()
	r := NewRead(testTable)
	for _, p := range pages {
		if err := r.Append(p); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func merge(r *Read, known LedgerDay) *Merge {
	return &Merge{AccountID: "1", Schema: testSchema, Read: r, Known: Ledger{testDay: known}}
}

// replaceDay merges a read and returns its outcome with the day as the next run would know it.
func replaceDay(t testing.TB, l *Lake, r *Read, known LedgerDay) (Outcome, LedgerDay) {
	t.Helper()
	o, err := l.ReplaceDay(t.Context(), merge(r, known), testDay)
	if err != nil {
		t.Fatal(err)
	}
	return o, LedgerDay{Rows: o.Rows, Bytes: o.Bytes, ContentHash: o.ContentHash, SHA256: o.SHA256, Closed: true}
}

// held reads the day's rows back as "id result legs".
func held(t testing.TB, l *Lake) []string {
	t.Helper()
	batch, found, err := l.readPartition(t.Context(), PartitionKey("call_log", "1", testDay))
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		return nil
	}
	var out []string
	for i := range int(batch.NumRows()) {
		out = append(out, fmt.Sprintf("%s %s %s", batch.Column(0).ValueStr(i), batch.Column(2).ValueStr(i), batch.Column(4).ValueStr(i)))
	}
	return out
}

func TestReplaceDay(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		first := page(t,
			call{id: "b", start: at("10:00:00"), result: "Accepted", modified: at("10:01:00"), legs: []string{"Accept", "FindMe"}},
			call{id: "a", start: at("09:00:00"), result: "Missed", modified: at("09:01:00"), legs: []string{}},
			call{id: "other day", start: "2026-11-22T00:00:00Z", result: "Missed"})
		o, known := replaceDay(t, l, read(t, first), LedgerDay{})
		if !o.Changed || o.Rows != 2 || o.Read != 2 {
			t.Errorf("first: %+v", o)
		}
		want := []string{`a Missed []`, `b Accepted [{"leg_type":"Accept","master":true},{"leg_type":"FindMe","master":false}]`}
		if diff := cmp.Diff(want, held(t, l)); diff != "" {
			t.Error(diff)
		}
		// The same read again, and again without what the ledger knows, replaces nothing.
		for _, k := range []LedgerDay{known, {}} {
			if o, again := replaceDay(t, l, read(t, first), k); o.Changed || again != known {
				t.Errorf("unchanged read, knowing %+v: %+v", k, o)
			}
		}
		// Fewer rows are no reason to forget; newer versions replace, older ones do not.
		second := page(t,
			call{id: "b", start: at("10:00:00"), result: "Voicemail", modified: at("10:02:00"), legs: []string{"Accept"}},
			call{id: "c", start: at("09:30:00"), result: "Busy"})
		o, known = replaceDay(t, l, read(t, second), known)
		if !o.Changed || o.Rows != 3 || o.Held != 2 || o.Read != 2 {
			t.Errorf("second: %+v", o)
		}
		want = []string{`a Missed []`, `c Busy (null)`, `b Voicemail [{"leg_type":"Accept","master":true}]`}
		if diff := cmp.Diff(want, held(t, l)); diff != "" {
			t.Error(diff)
		}
		if o, _ := replaceDay(t, l, read(t, first), known); o.Changed {
			t.Errorf("an older read changed the day: %+v", o)
		}
	})
}

func TestOrderOfVersions(t *testing.T) {
	for _, tc := range []struct {
		name   string
		older  call // read first
		newer  call
		result string // of the one that is kept
	}{
		{"modified later", call{modified: at("10:00:00"), result: "1"}, call{modified: at("10:00:01"), result: "2"}, "2"},
		{"modified earlier", call{modified: at("10:00:01"), result: "1"}, call{modified: at("10:00:00"), result: "2"}, "1"},
		{"absent is oldest", call{modified: at("10:00:01"), result: "1"}, call{result: "2", legs: []string{"x"}}, "1"},
		{"with legs before without", call{modified: at("10:00:00"), result: "1", legs: []string{"x"}}, call{modified: at("10:00:00"), result: "2"}, "1"},
		{"read later", call{modified: at("10:00:00"), result: "1"}, call{modified: at("10:00:00"), result: "2"}, "2"},
		{"neither says", call{result: "1"}, call{result: "2"}, "2"},
	} {
		eachLake(t, func(t *testing.T, l *Lake) {
			tc.older.id, tc.newer.id = "a", "a"
			tc.older.start, tc.newer.start = at("10:00:00"), at("10:00:00")
			_, known := replaceDay(t, l, read(t, page(t, tc.older)), LedgerDay{})
			replaceDay(t, l, read(t, page(t, tc.newer)), known)
			if got := held(t, l); len(got) != 1 || !strings.HasPrefix(got[0], "a "+tc.result+" ") {
				t.Errorf("%s, in two reads: %v", tc.name, got)
			}
		})
		eachLake(t, func(t *testing.T, l *Lake) {
			replaceDay(t, l, read(t, page(t, tc.older), page(t, tc.newer)), LedgerDay{})
			if got := held(t, l); len(got) != 1 || !strings.HasPrefix(got[0], "a "+tc.result+" ") {
				t.Errorf("%s, on two pages: %v", tc.name, got)
			}
		})
	}
}

// TestSameRowsSameBytes: the order of pages and rows does not matter to the object.
func TestSameRowsSameBytes(t *testing.T) {
	var calls []call
	for i := range 500 {
		calls = append(calls, call{id: fmt.Sprintf("id-%03d", i*7%500), start: at(fmt.Sprintf("%02d:00:00", i%24)), result: fmt.Sprint("r", i%3), legs: []string{"x", ""}[:i%3%2]})
	}
	sums := map[string]bool{}
	for turn := range 3 {
		eachLake(t, func(t *testing.T, l *Lake) {
			cut := 100 + 100*turn
			o, _ := replaceDay(t, l, read(t, page(t, calls[cut:]...), page(t, calls[:cut]...)), LedgerDay{})
			sums[o.SHA256] = true
		})
	}
	if len(sums) != 1 {
		t.Errorf("%d different objects of the same rows", len(sums))
	}
}

func TestEmptyDayHasNoObject(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		o, known := replaceDay(t, l, read(t), LedgerDay{})
		if o.Changed || o.Rows != 0 || known.ContentHash != "" || held(t, l) != nil {
			t.Errorf("%+v", o)
		}
	})
}

// TestObjectThatTheLedgerDoesNotKnow: a crash between partition and ledger, and an object that someone removed, both
// end in the same object.
func TestObjectThatTheLedgerDoesNotKnow(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		rows := page(t, call{id: "a", start: at("10:00:00"), result: "x"})
		first, known := replaceDay(t, l, read(t, rows), LedgerDay{})
		if err := l.bucket.Delete(t.Context(), first.Key); err != nil {
			t.Fatal(err)
		}
		if o, _ := replaceDay(t, l, read(t, rows), known); !o.Changed || o.SHA256 != first.SHA256 {
			t.Errorf("after the object was removed: %+v", o)
		}
	})
}

func TestUnplaced(t *testing.T) {
	r := read(t, page(t, call{start: at("10:00:00")}, call{id: "a"}, call{id: "b", start: at("10:00:00")}))
	var rows []int
	if err := r.EachUnplaced(func(_ arrow.RecordBatch, row int) error { rows = append(rows, row); return nil }); err != nil {
		t.Fatal(err)
	}
	day := testDay
	if diff := cmp.Diff([]int{0, 1}, rows); diff != "" || r.Rows(nil) != 3 || r.Rows(&day) != 1 {
		t.Errorf("%d rows, %d of the day, unplaced %s", r.Rows(nil), r.Rows(&day), diff)
	}
}

// TestFailedUploadPublishesNothing: a source that fails half-way leaves the object as it was.
func TestFailedUploadPublishesNothing(t *testing.T) {
	full := errors.New("disk full")
	eachLake(t, func(t *testing.T, l *Lake) {
		for _, before := range []string{"", "held"} {
			if before != "" {
				if err := l.putBytes(t.Context(), "k", []byte(before), "text/plain"); err != nil {
					t.Fatal(err)
				}
			}
			source := io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), failing{full})
			if err := l.put(t.Context(), "k", source, "text/plain"); !errors.Is(err, full) {
				t.Errorf("error %v, want %v", err, full)
			}
			b, err := l.bucket.ReadAll(t.Context(), "k")
			if before == "" && gcerrors.Code(err) != gcerrors.NotFound || before != "" && string(b) != before {
				t.Errorf("after a failed upload over %q: %q, %v", before, b, err)
			}
		}
		if files := filesBelow(t, l.localDir); l.localDir != "" && len(files) != 1 {
			t.Errorf("files left: %v", files)
		}
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func filesBelow(t testing.TB, dir string) []string {
	var out []string
	if dir == "" {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".trunkline.lock" {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLedger(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		ctx := t.Context()
		day := LedgerDay{ReadAt: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC), How: "list", Pages: 3, Records: 2, Rows: 2, Bytes: 10, ContentHash: "h", SHA256: "s", Closed: true}
		if g, err := l.Ledger(ctx, "1", "call_log"); err != nil || len(g) != 0 {
			t.Fatalf("empty: %v, %v", g, err)
		}
		want := Ledger{testDay: day, testDay + 15: day, testDay - 400: day}
		if err := l.WriteLedger(ctx, "1", "call_log", Ledger{testDay: day}, nil); err != nil {
			t.Fatal(err)
		}
		if err := l.WriteLedger(ctx, "1", "call_log", Ledger{testDay + 15: day, testDay - 400: day}, nil); err != nil {
			t.Fatal(err)
		}
		if err := l.WriteLedger(ctx, "22", "call_log", Ledger{testDay: day}, nil); err != nil {
			t.Fatal(err)
		}
		got, err := l.Ledger(ctx, "1", "call_log")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		accounts, err := l.Accounts(ctx)
		if diff := cmp.Diff([]string{"1", "22"}, accounts); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		for _, key := range []string{"_trunkline/format.json", "_trunkline/ledger/1/call_log/2026-11.json", "_trunkline/ledger/1/call_log/2026-12.json"} {
			if ok, err := l.bucket.Exists(ctx, key); !ok || err != nil {
				t.Errorf("%s is not there: %v", key, err)
			}
		}
	})
}

func TestLayoutOfTheFuture(t *testing.T) {
	bucket, err := blob.OpenBucket(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	if err := bucket.WriteAll(t.Context(), formatKey, []byte(`{"layout":2}`), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), bucket, &LakeOptions{Scratch: t.TempDir()}); !errors.Is(err, ErrLayout) {
		t.Errorf("error %v", err)
	}
}

func TestAccountNames(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		for _, account := range []string{"", "../x", "a b", "~", strings.Repeat("1", 65)} {
			m := merge(read(t), LedgerDay{})
			m.AccountID = account
			if _, err := l.ReplaceDay(t.Context(), m, testDay); err == nil {
				t.Errorf("account %q was accepted", account)
			}
			if err := l.WriteLedger(t.Context(), account, "call_log", Ledger{}, nil); err == nil {
				t.Errorf("account %q was accepted by the ledger", account)
			}
		}
	})
}

// TestCancelledReplaceLeavesTheDay: a day that is interrupted is the day as it was.
func TestCancelledReplaceLeavesTheDay(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		_, known := replaceDay(t, l, read(t, page(t, call{id: "a", start: at("10:00:00")})), LedgerDay{})
		before := held(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.ReplaceDay(ctx, merge(read(t, page(t, call{id: "b", start: at("10:00:00")})), known), testDay); err == nil {
			t.Error("a cancelled replace succeeded")
		}
		if diff := cmp.Diff(before, held(t, l)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestManyRowGroups: a day larger than a row group is read back whole.
func TestManyRowGroups(t *testing.T) {
	var calls []call
	for i := range rowGroupRows + 10 {
		calls = append(calls, call{id: fmt.Sprintf("%07d", i), start: at("10:00:00"), legs: []string{"x"}})
	}
	eachLake(t, func(t *testing.T, l *Lake) {
		big := page(t, calls...)
		_, known := replaceDay(t, l, read(t, big), LedgerDay{})
		o, _ := replaceDay(t, l, read(t, page(t, call{id: "one more", start: at("11:00:00")})), known)
		if o.Held != rowGroupRows+10 || o.Rows != rowGroupRows+11 {
			t.Errorf("%+v", o)
		}
	})
}

func TestMarts(t *testing.T) {
	eachLake(t, func(t *testing.T, l *Lake) {
		ctx := t.Context()
		file := filepath.Join(t.TempDir(), "m.parquet")
		if err := os.WriteFile(file, []byte("PAR1 one"), 0o600); err != nil {
			t.Fatal(err)
		}
		name := MartPath("1", "2026-11-21")
		p, changed, err := l.PublishMart(ctx, "calls_daily", name, file)
		if err != nil || !changed {
			t.Fatalf("%v, changed %v", err, changed)
		}
		if _, changed, err := l.PublishMart(ctx, "calls_daily", name, file); err != nil || changed {
			t.Errorf("the same bytes again: %v, changed %v", err, changed)
		}
		want := MartState{name: p}
		// What others have noted meanwhile stays.
		for _, noted := range []MartState{{"other": p, "gone": p}, want} {
			if err := l.WriteMartState(ctx, "calls_daily", noted, []string{"gone"}); err != nil {
				t.Fatal(err)
			}
		}
		want["other"] = p
		got, err := l.MartState(ctx, "calls_daily")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		files, err := l.Files(ctx, []Object{{Key: MartObject("calls_daily", name), SHA256: p.SHA256, Bytes: p.Bytes}})
		if err != nil || len(files) != 1 || !strings.HasSuffix(files[0], filepath.FromSlash("/marts/calls_daily/account_id=1/local_date=2026-11-21/calls_daily.parquet")) {
			t.Fatalf("%v %v", files, err)
		}
		if b, err := os.ReadFile(files[0]); err != nil || string(b) != "PAR1 one" {
			t.Errorf("%q %v", b, err)
		}
		if err := l.DropMart(ctx, "calls_daily", name); err != nil {
			t.Error(err)
		}
		if err := l.DropMart(ctx, "calls_daily", name); err != nil {
			t.Errorf("dropping twice: %v", err)
		}
	})
}
