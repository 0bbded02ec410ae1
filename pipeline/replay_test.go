package pipeline

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/memblob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// savedPages reads the company's log of the window page by page, as lines.
func (c *company) savedPages(t testing.TB, w Window) [][]byte {
	t.Helper()
	var out [][]byte
	for page, err := range c.client(t).CallLog(t.Context(), OwnAccount, dayStart(w.From), dayStart(w.To), &ringcentral.CallLogOptions{PerPage: 50}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.ReplaceAll(page.Body, []byte("\n"), []byte(" ")))
	}
	return out
}

func writeFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func runReplay(t testing.TB, lake *sinks.Lake, x Replaying) (Tally, error) {
	t.Helper()
	x.RunID, x.Now = "test", simulated
	var tally Tally
	for event, err := range Replay(t.Context(), lake, x) {
		if err != nil {
			return tally, err
		}
		tally.Add(event)
	}
	return tally, nil
}

// TestReplayEqualsExtract: pages that were saved from the API give the partitions that an extraction gives, byte for byte,
// in whatever order, files and compression they lie, and dump gives the records back.
func TestReplayEqualsExtract(t *testing.T) {
	c, extracted := newCompany(t, 1, 60, nil), t.TempDir()
	if _, err := runExtract(t.Context(), c.client(t), openLake(t, extracted), reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	pages := c.savedPages(t, fourDays)
	if len(pages) < 4 {
		t.Fatalf("only %d pages", len(pages))
	}
	reversed := slices.Clone(pages)
	slices.Reverse(reversed)
	saved := t.TempDir()
	writeFile(t, filepath.Join(saved, "plain"), bytes.Join(pages[:2], []byte("\n")))
	writeFile(t, filepath.Join(saved, "named.json"), gzipped(t, bytes.Join(reversed, []byte("\r\n"))))
	zst := writeFile(t, filepath.Join(t.TempDir(), "all"), zstandard(t, append(bytes.Join(pages, []byte("\n\n")), '\n')))
	for name, paths := range map[string][]string{"directory": {saved}, "file": {zst}, "both": {zst, saved}} {
		dir := t.TempDir()
		lake := openLake(t, dir)
		tally, err := runReplay(t, lake, Replaying{AccountID: c.AccountID(), Paths: paths})
		if err != nil || len(tally.Errs) > 0 || len(tally.Done) != 4 {
			t.Fatalf("%s: %v %+v", name, err, tally)
		}
		if diff := cmp.Diff(sums(t, extracted), sums(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		ledger, err := lake.Ledger(t.Context(), c.AccountID(), CallLogStream)
		if err != nil || ledger[fourDays.From].How != "imported" || ledger[fourDays.From].Closed || len(Owed(ledger, sinks.FeedState{}, Terms{}, simulated)) != 1 {
			t.Errorf("%s: %v: imported days are not closed and owe nothing: %+v", name, err, ledger[fourDays.From])
		}
		if diff := cmp.Diff(sorted(c.truth(t, fourDays)), sorted(dumpAll(t, lake, Dumping{AccountID: OwnAccount}))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func dumpAll(t testing.TB, lake *sinks.Lake, d Dumping) []string {
	t.Helper()
	var out []string
	for line, err := range Dump(t.Context(), lake, d) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	return out
}

// TestReplayAfterExtract: an import never takes back what was read later, and keeps the booking of closed days.
func TestReplayAfterExtract(t *testing.T) {
	c, dir := newCompany(t, 1, 60, nil), t.TempDir()
	lake := openLake(t, dir)
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	before, err := lake.Ledger(t.Context(), c.AccountID(), CallLogStream)
	if err != nil {
		t.Fatal(err)
	}
	page := bytes.Join(c.savedPages(t, fourDays), []byte("\n"))
	older := bytes.ReplaceAll(page, []byte(`"result":"Accepted"`), []byte(`"result":"Older"`))
	for _, p := range [][]byte{page, older} {
		tally, err := runReplay(t, lake, Replaying{AccountID: c.AccountID(), Paths: []string{writeFile(t, filepath.Join(t.TempDir(), "p"), p)}})
		if err != nil || len(tally.Changed) != 0 {
			t.Errorf("%v, changed %v", err, tally.Changed)
		}
	}
	after, err := lake.Ledger(t.Context(), c.AccountID(), CallLogStream)
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestReplayTies: of versions that nothing tells apart but their content, the same one is taken in any order.
func TestReplayTies(t *testing.T) {
	a := `{"records":[{"id":"x","startTime":"2026-11-18T10:00:00.000Z","result":"A","lastModifiedTime":"2026-11-18T11:00:00.000Z"}]}`
	b := strings.Replace(a, `"A"`, `"B"`, 1)
	legs := strings.Replace(a, `"A"`, `"A","legs":[]`, 1)
	newer := strings.Replace(a, "T11:00", "T12:00", 1)
	for _, tc := range []struct{ pages, want string }{
		{a + "\n" + b, "B"}, {b + "\n" + a, "B"}, {legs + "\n" + b, "A"}, {b + "\n" + legs, "A"}, {newer + "\n" + legs, "12:00"}, {legs + "\n" + newer, "12:00"},
	} {
		lake := openLake(t, t.TempDir())
		if _, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{writeFile(t, filepath.Join(t.TempDir(), "p"), []byte(tc.pages))}}); err != nil {
			t.Fatal(err)
		}
		if got := dumpAll(t, lake, Dumping{AccountID: "1"}); len(got) != 1 || !strings.Contains(got[0], tc.want) {
			t.Errorf("%s: %v", tc.pages, got)
		}
	}
}

// TestReplayBadPages: the error names file, line and byte; nothing is replaced, unless bad pages are to be skipped.
func TestReplayBadPages(t *testing.T) {
	good := `{"records":[{"id":"x","startTime":"2026-11-18T10:00:00.000Z"}]}` + "\n"
	page := []byte(strings.Repeat(good, 2))
	cut := gzipped(t, []byte(strings.Repeat(good, 200)))
	for _, tc := range []struct {
		name string
		file []byte
		want string
	}{
		{"not a page", append(bytes.Clone(page), "{}\n"...), fmt.Sprintf(": line 3, byte %d: the page lacks `records`", len(page)+2)},
		{"not JSON", append(bytes.Clone(page), "hello\n"...), fmt.Sprintf(": line 3, byte %d: a page is a JSON object", len(page))},
		{"cut short", page[:len(page)-10], fmt.Sprintf(": line 2, byte %d:", len(page)-10)},
		{"cut gzip", cut[:len(cut)/2], "unexpected EOF"},
		{"not gzip", []byte("\x1f\x8bxxxxxxxxxxxxxxxx"), ": line 1, byte 0: gzip"},
	} {
		name := writeFile(t, filepath.Join(t.TempDir(), "pages"), tc.file)
		dir := t.TempDir()
		lake := openLake(t, dir)
		_, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{name}})
		var bad *BadPageError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), name) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
		if files := sums(t, dir); len(files) != 0 {
			t.Errorf("%s: %v was written", tc.name, files)
		}
		second := writeFile(t, filepath.Join(t.TempDir(), "more"), []byte(strings.ReplaceAll(good, "-18T", "-19T")))
		tally, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{name, second}, SkipBadPages: true})
		if err != nil || len(tally.Errs) != 1 || !errors.As(tally.Errs[0], &bad) || !slices.Contains(Ranges(tally.Done), "2026-11-18 to 2026-11-20") && !slices.Contains(Ranges(tally.Done), "2026-11-19") {
			t.Errorf("%s, skipping: %v %+v", tc.name, err, tally)
		}
	}
	if _, err := runReplay(t, openLake(t, t.TempDir()), Replaying{AccountID: "1", Paths: []string{"/nowhere"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path: %v", err)
	}
}

// TestReplayRejected: records without a place are kept, the others land.
func TestReplayRejected(t *testing.T) {
	dir := t.TempDir()
	name := writeFile(t, filepath.Join(t.TempDir(), "p"), []byte(`{"records":[{"id":"x","startTime":"2026-11-18T10:00:00.000Z"},{"id":"no time"}]}`))
	tally, err := runReplay(t, openLake(t, dir), Replaying{AccountID: "1", Paths: []string{name}})
	if err != nil || len(tally.Errs) != 1 || !errors.Is(tally.Errs[0], ErrRejected) || len(tally.Done) != 1 {
		t.Fatalf("%v %+v", err, tally)
	}
	files, err := filepath.Glob(filepath.Join(dir, "_trunkline/rejected/1/call_log/*.ndjson"))
	if err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}
}

// TestDumpSelects: by day, by id and by account.
func TestDumpSelects(t *testing.T) {
	lake := openLake(t, t.TempDir())
	for account, pages := range map[string]string{
		"1": `{"records":[{"id":"a","startTime":"2026-11-18T10:00:00.000Z"},{"id":"b","startTime":"2026-11-19T10:00:00.000Z"}]}`,
		"2": `{"records":[{"id":"c","startTime":"2026-11-18T10:00:00.000Z"}]}`,
	} {
		if _, err := runReplay(t, lake, Replaying{AccountID: account, Paths: []string{writeFile(t, filepath.Join(t.TempDir(), "p"), []byte(pages))}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		d    Dumping
		want string
	}{
		{Dumping{AccountID: OwnAccount}, "a b c"}, {Dumping{AccountID: "1"}, "a b"}, {Dumping{AccountID: OwnAccount, IDs: []string{"c", "b", "z"}}, "b c"},
		{Dumping{AccountID: OwnAccount, Window: &Window{day("2026-11-18"), day("2026-11-19")}}, "a c"},
	} {
		var ids []string
		for _, line := range dumpAll(t, lake, tc.d) {
			ids = append(ids, line[len(`{"id":"`):len(`{"id":"`)+1])
		}
		if got := strings.Join(ids, " "); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.d, got, tc.want)
		}
	}
}

// TestRemoteLakeIsCopiedWithinTheLimit: what a query needs of a lake that is not a local directory is copied here first, once,
// and not if it is more than permitted.
func TestRemoteLakeIsCopiedWithinTheLimit(t *testing.T) {
	bucket, err := blob.OpenBucket(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	cache := t.TempDir()
	lake, err := sinks.Open(t.Context(), bucket, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer lake.Close()
	page := `{"records":[{"id":"a","startTime":"2026-11-18T10:00:00.000Z"},{"id":"b","startTime":"2026-11-19T10:00:00.000Z"}]}`
	if _, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{writeFile(t, filepath.Join(t.TempDir(), "p"), []byte(page))}}); err != nil {
		t.Fatal(err)
	}
	engine, err := sql.Open(t.Context(), &sql.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if err := View(t.Context(), lake, engine, nil, 10); !errors.Is(err, ErrCacheLimit) || len(sums(t, cache)) != 0 {
		t.Errorf("over the limit: %v, copied %v", err, sums(t, cache))
	}
	if err := View(t.Context(), lake, engine, &Window{day("2026-11-18"), day("2026-11-19")}, 1<<20); err != nil || len(sums(t, cache)) != 1 {
		t.Errorf("one day: %v, copied %v", err, sums(t, cache))
	}
	if err := View(t.Context(), lake, engine, nil, 1<<20); err != nil || len(sums(t, cache)) != 2 {
		t.Errorf("all: %v, copied %v", err, sums(t, cache))
	}
	if err := View(t.Context(), lake, engine, nil, 0); err != nil {
		t.Errorf("what is copied costs nothing: %v", err)
	}
}

// TestReadLineIsBounded: a file without line ends does not fill the memory.
func TestReadLineIsBounded(t *testing.T) {
	r := bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 300)), 16)
	if line, err := readLine(r, nil, 200); err == nil || !strings.Contains(err.Error(), "longer than 200") || len(line) > 216 {
		t.Errorf("%d bytes, error %v", len(line), err)
	}
}
