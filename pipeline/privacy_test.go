package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// recordedCompany serves the records as they stand.
func recordedCompany(t testing.TB, records string) *company {
	t.Helper()
	sim, err := simulator.New(&simulator.Options{HeavyLimit: 6000, Now: driven.now, Recorded: []simulator.Recording{{Name: "r.json", Body: []byte(records)}}})
	if err != nil {
		t.Fatal(err)
	}
	return &company{sim, serveCompany(t, sim, nil)}
}

var privacyKey = []byte(strings.Repeat("k", schema.MinKey))

func rules(t testing.TB, words ...string) *schema.Policy {
	t.Helper()
	p, err := schema.NewPolicy(schema.CallLog(), words, schema.PolicyOptions{Key: privacyKey})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everyByte is all bytes of all objects of a local lake by key: as they lie there and, behind that, decompressed: archived
// pages, and every page of every column of Parquet files.
func everyByte(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		out[rel] = laidOpen(t, name, b)
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%v, %d objects", err, len(out))
	}
	return out
}

// laidOpen is an object's bytes and, behind them, what is compressed in them.
func laidOpen(t testing.TB, name string, b []byte) []byte {
	t.Helper()
	switch path.Ext(name) {
	case ".zst":
		b = append(b, decompressed(t, b)...)
	case ".parquet":
		b = append(b, parquetPages(t, b)...)
	}
	return b
}

func decompressed(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parquetPages(t testing.TB, b []byte) (out []byte) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for g := range r.NumRowGroups() {
		for c := range r.RowGroup(g).NumColumns() {
			pages, err := r.RowGroup(g).GetColumnPageReader(c)
			if err != nil {
				t.Fatal(err)
			}
			for pages.Next() {
				out = append(out, pages.Page().Data()...)
			}
			if err := pages.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// objectsWith lists the objects in which one of the texts stands.
func objectsWith(t testing.TB, dir string, texts ...string) []string {
	t.Helper()
	return whichHave(everyByte(t, dir), texts...)
}

func whichHave(objects map[string][]byte, texts ...string) (out []string) {
	for key, b := range objects {
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				out = append(out, fmt.Sprintf("%s: %s", key, text))
			}
		}
	}
	slices.Sort(out)
	return out
}

// spellings are the ways to write a North American number that is given by its ten digits.
func spellings(n string) []string {
	a, b, c := n[:3], n[3:6], n[6:]
	return []string{n, "1" + n, "+1" + n, "%2B1" + n, "(" + a + ") " + b + "-" + c, a + "-" + b + "-" + c, a + "." + b + "." + c, a + " " + b + " " + c,
		"+1 " + a + " " + b + " " + c, "+1-" + a + "-" + b + "-" + c, "(" + a + ")" + b + "-" + c, "(" + a + ")%20" + b + "-" + c}
}

func ledgerOf(t testing.TB, lake *sinks.Lake, account string) sinks.Ledger {
	t.Helper()
	g, err := lake.Ledger(t.Context(), account, CallLogStream)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const privateRecords = `{"id":"a","uri":"https://x/extension/5550001","startTime":"2026-11-18T10:00:00.000Z","lastModifiedTime":"2026-11-18T10:05:00.000Z","from":{"phoneNumber":"+14155550123","name":"Ann Quill"},"to":{"phoneNumber":"+18005550100"},"cnam":"Ann Quill",` +
	`"legs":[{"from":{"phoneNumber":"+14155550123","name":"Ann Quill"},"to":{"name":"Bob Rook"},"note":"call 415.555.0123"}]}
{"id":"b","startTime":"2026-11-19T10:00:00.000Z","to":{"phoneNumber":"(415) 555-0123","name":"Ann Quill"},"from":{"phoneNumber":"+18005550100"}}
{"id":"c","startTime":"2026-11-19T11:00:00.000Z","from":{"phoneNumber":"+14155550199","name":"Cy Stone"}}
{"startTime":"2026-11-19T12:00:00.000Z","from":{"phoneNumber":"+1 415 555 0123","name":"Ann Quill"}}`

// TestPolicyReachesEverything: what a policy takes away is in no byte of the lake, rejected records included, no page is kept,
// and ledger and files name the policy.
func TestPolicyReachesEverything(t *testing.T) {
	c, dir := recordedCompany(t, privateRecords), t.TempDir()
	lake, p := openLake(t, dir), rules(t, "phone_numbers=hmac", "names=drop")
	x := reading(&fourDays)
	x.Policy = p
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	if err != nil || len(tally.Done) != 4 {
		t.Fatalf("%v %+v", err, tally)
	}
	secret := append(spellings("4155550123"), append(spellings("8005550100"), "Ann Quill", "Bob Rook", "Cy Stone", "https://x")...)
	if found := objectsWith(t, dir, secret...); len(found) > 0 {
		t.Error(found)
	}
	if reads, err := lake.ArchivedReads(t.Context(), c.AccountID(), CallLogStream); err != nil || len(reads) > 0 {
		t.Errorf("archived: %v %v", reads, err)
	}
	if n := len(slices.Collect(maps.Keys(everyByte(t, filepath.Join(dir, "_trunkline/rejected"))))); n != 1 {
		t.Errorf("%d objects of rejected records", n)
	}
	g := ledgerOf(t, lake, c.AccountID())
	if others := UnderAnotherPolicy(g, p.ID()); len(others) > 0 || len(UnderAnotherPolicy(g, "")) != 2 {
		t.Errorf("under another: %v, of %v", others, g)
	}
	before := sums(t, dir)
	if tally, err = runExtract(t.Context(), c.client(t), lake, x); err != nil || len(tally.Changed) > 0 {
		t.Errorf("read again: %v, changed %v", err, tally.Changed)
	}
	if diff := cmp.Diff(before, sums(t, dir)); diff != "" {
		t.Error(diff)
	}
	dumped := strings.Join(dumpAll(t, lake, Dumping{AccountID: OwnAccount}), "\n")
	if strings.Count(dumped, "hmac:1:") != 6 { // three of a and its leg, two of b, one of c
		t.Error(dumped)
	}
}

// TestPolicyBringsHeldRowsUnderIt: rows that a read under a policy does not bring stay, and lose what it takes away.
func TestPolicyBringsHeldRowsUnderIt(t *testing.T) {
	dir := t.TempDir()
	lake := openLake(t, dir)
	full, short := recordedCompany(t, privateRecords), recordedCompany(t, strings.Split(privateRecords, "\n")[2])
	x := reading(&fourDays)
	x.AccountID, x.NoArchive = full.AccountID(), true
	if _, err := runExtract(t.Context(), full.client(t), lake, x); err != nil {
		t.Fatal(err)
	}
	x.Policy = rules(t, "names=drop")
	if _, err := runExtract(t.Context(), short.client(t), lake, x); err != nil {
		t.Fatal(err)
	}
	g := ledgerOf(t, lake, x.AccountID)
	if others := UnderAnotherPolicy(g, x.Policy.ID()); len(others) > 0 { // also the day of which nothing came
		t.Errorf("under another: %v", Ranges(others))
	}
	lines := dumpAll(t, lake, Dumping{AccountID: OwnAccount})
	if len(lines) != 3 || strings.Contains(strings.Join(lines, ""), "name") {
		t.Error(lines)
	}
}

// TestRedact: held days come under the policy, and their records leave the archive; the others stay in both.
func TestRedact(t *testing.T) {
	c, dir := newCompany(t, 1, 60, nil), t.TempDir()
	lake := openLake(t, dir)
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	p := rules(t, "phone_numbers=hmac", "names=mask", "locations=drop")
	want := map[string][]string{}
	for _, day := range fourDays.Days() {
		batch, _, err := lake.ReadDay(t.Context(), CallLogStream, c.AccountID(), day)
		if err != nil {
			t.Fatal(err)
		}
		if day < fourDays.To-1 {
			if batch, err = p.Apply(batch); err != nil {
				t.Fatal(err)
			}
		}
		want[day.FormattedString()] = encode(t, batch)
	}
	x := Redacting{AccountID: OwnAccount, Window: Window{fourDays.From, fourDays.To - 1}, Policy: p, Now: simulated}
	done, err := Redact(t.Context(), lake, x)
	if err != nil || len(done.Changed) != 3 || done.Archived+done.Removed == 0 {
		t.Fatalf("%v %+v", err, done)
	}
	for _, day := range fourDays.Days() {
		batch, _, err := lake.ReadDay(t.Context(), CallLogStream, c.AccountID(), day)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[day.FormattedString()], encode(t, batch)); diff != "" {
			t.Errorf("%s: %s", day.FormattedString(), diff)
		}
	}
	g := ledgerOf(t, lake, c.AccountID())
	if others := Ranges(UnderAnotherPolicy(g, p.ID())); !slices.Equal(others, []string{"2026-11-20"}) {
		t.Errorf("under another: %v", others)
	}
	for day, entry := range g {
		if entry.Writing || !entry.Closed {
			t.Errorf("%s: %+v", day.FormattedString(), entry)
		}
	}
	if days := archivedStarts(t, dir); !slices.Equal(days, []string{"2026-11-20"}) {
		t.Errorf("the archive has records of %v", days)
	}
	before := sums(t, dir)
	if done, err = Redact(t.Context(), lake, x); err != nil || len(done.Changed)+done.Archived+done.Removed > 0 {
		t.Errorf("again: %v %+v", err, done)
	}
	if diff := cmp.Diff(before, sums(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// archivedStarts lists the days of which the archive has records.
func archivedStarts(t testing.TB, dir string) []string {
	t.Helper()
	lake := openLake(t, dir)
	seen := map[string]bool{}
	accounts, err := lake.ArchivedAccounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range accounts {
		reads, err := lake.ArchivedReads(t.Context(), account, CallLogStream)
		if err != nil {
			t.Fatal(err)
		}
		d := schema.NewDecoder(schema.CallLog())
		for _, read := range reads {
			err := lake.ReadArchive(t.Context(), read, func(page sinks.ArchivedPage) error {
				if _, err := d.Append(page.Body); err != nil {
					return err
				}
				rows := sinks.NewRead(calls.Table)
				err := rows.Append(d.Batch())
				for _, day := range rows.Days() {
					seen[day.FormattedString()] = true
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// TestErase: after an erasure the person is in no byte of the lake, in no spelling, and neither later readings nor the archive
// bring the person back; all rows stay.
func TestErase(t *testing.T) {
	c, dir := newCompany(t, 3, 60, nil), t.TempDir()
	lake := openLake(t, dir)
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	odd, x := recordedCompany(t, privateRecords), reading(&fourDays)
	x.RunID = "odd"
	if _, err := runExtract(t.Context(), odd.client(t), lake, x); err != nil {
		t.Fatal(err)
	}
	saved := writeFile(t, filepath.Join(t.TempDir(), "p.ndjson"), []byte(`{"records":[`+strings.ReplaceAll(privateRecords, "\n", ",")+`]}`))
	if _, err := runReplay(t, lake, Replaying{AccountID: "7", Paths: []string{saved}, Archive: true, RunID: "imported", Now: simulated}); err != nil {
		t.Fatal(err)
	}
	runTransform(t, lake, "UTC")
	number := busiestCaller(t, lake, c.AccountID())
	gone := append(spellings(strings.TrimPrefix(number, "+1")), append(spellings("4155550123"), "Ann Quill")...)
	rows := len(heldRecords(t, dir))
	if len(objectsWith(t, dir, gone...)) < 6 {
		t.Fatal("nobody to erase")
	}
	for _, phone := range []string{number, "+14155550123"} {
		done, err := Erase(t.Context(), lake, Erasing{Phones: []string{phone}, Now: simulated})
		if err != nil || done.Rows == 0 || done.Archived == 0 || len(done.Left) > 0 {
			t.Fatalf("%v %+v", err, done)
		}
	}
	runTransform(t, lake, "UTC")
	checkGone := func(when string) {
		t.Helper()
		if found := objectsWith(t, dir, gone...); len(found) > 0 {
			t.Errorf("%s: %v", when, found)
		}
		if n := len(heldRecords(t, dir)); n != rows {
			t.Errorf("%s: %d rows, %d before", when, n, rows)
		}
	}
	checkGone("after the erasure")
	for account, company := range map[string]*company{c.AccountID(): c, odd.AccountID(): odd} {
		before := sums(t, dir)
		x := reading(&fourDays)
		x.AccountID, x.RunID = account, "again"
		if tally, err := runExtract(t.Context(), company.client(t), lake, x); err != nil || len(tally.Changed) > 0 {
			t.Errorf("read again: %v, changed %v", err, tally.Changed)
		}
		if diff := cmp.Diff(before, sums(t, dir)); diff != "" {
			t.Error(diff)
		}
		if err := os.RemoveAll(filepath.Join(dir, "call_log", "account_id="+account)); err != nil {
			t.Fatal(err)
		}
		if tally, err := runExtract(t.Context(), company.client(t), lake, x); err != nil || len(tally.Changed) == 0 {
			t.Errorf("read anew: %v, changed %v", err, tally.Changed)
		}
		if diff := cmp.Diff(before, sums(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
	checkGone("after reading anew, with the pages in the archive")
	for _, account := range []string{c.AccountID(), odd.AccountID(), "7"} {
		if err := os.RemoveAll(filepath.Join(dir, "call_log", "account_id="+account)); err != nil {
			t.Fatal(err)
		}
		for _, err := range Rebuild(t.Context(), lake, Rebuilding{AccountID: account, Terms: reading(nil).Terms, Now: simulated}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	checkGone("after building it again from the archive")
}

// busiestCaller is the outside number that most calls come from.
func busiestCaller(t testing.TB, lake *sinks.Lake, account string) string {
	t.Helper()
	times := map[string]int{}
	for _, day := range fourDays.Days() {
		batch, _, err := lake.ReadDay(t.Context(), CallLogStream, account, day)
		if err != nil {
			t.Fatal(err)
		}
		numbers := batch.Column(batch.Schema().FieldIndices("from_phone_number")[0]).(*array.String)
		outside := batch.Column(batch.Schema().FieldIndices("from_extension_id")[0])
		for row := range numbers.Len() {
			if numbers.IsValid(row) && outside.IsNull(row) && strings.HasPrefix(numbers.Value(row), "+1") && len(numbers.Value(row)) == 12 {
				times[numbers.Value(row)]++
			}
		}
	}
	best := ""
	for n, k := range times {
		if k > times[best] || k == times[best] && n < best {
			best = n
		}
	}
	return best
}

// TestEraseExtension: the person behind an extension goes from all columns, legs and addresses.
func TestEraseExtension(t *testing.T) {
	c, dir := newCompany(t, 5, 60, nil), t.TempDir()
	lake := openLake(t, dir)
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	batch, _, err := lake.ReadDay(t.Context(), CallLogStream, c.AccountID(), fourDays.From)
	if err != nil {
		t.Fatal(err)
	}
	ids := batch.Column(batch.Schema().FieldIndices("extension_id")[0]).(*array.String)
	id := ""
	for row := 0; id == ""; row++ {
		if ids.IsValid(row) {
			id = ids.Value(row)
		}
	}
	done, err := Erase(t.Context(), lake, Erasing{Extensions: []string{id}, Now: simulated})
	if err != nil || done.Rows == 0 || done.Archived == 0 {
		t.Fatalf("%v %+v", err, done)
	}
	if found := objectsWith(t, dir, id); len(found) > 0 {
		t.Error(found)
	}
}
