package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sinks/storetest"
	"github.com/trunkline/trunkline/sql"
)

func TestMain(m *testing.M) {
	options := []goleak.Option{goleak.Cleanup(func(code int) {
		storetest.End()
		os.Exit(code)
	})}
	if storetest.On() { // the clouds' libraries keep their connections
		options = append(options, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
	}
	goleak.VerifyTestMain(m, options...)
}

var simulated = clock("2026-11-23T06:00:00Z")

var fourDays = Window{day("2026-11-17"), day("2026-11-21")}

// driven is the clock of the simulated companies and their clients: it stands at the simulated time, and waiting moves it.
var driven clockwork

type clockwork struct{ waited atomic.Int64 }

func (c *clockwork) now() time.Time { return simulated.Add(time.Duration(c.waited.Load())) }

func (c *clockwork) sleep(ctx context.Context, d time.Duration) error {
	c.waited.Add(int64(d))
	return ctx.Err()
}

// company is a small simulated one behind HTTP. Its clock, and with it its rate, is the test's.
type company struct {
	*simulator.Simulator
	url string
}

func newCompany(t testing.TB, seed int64, calls int, wrap func(http.Handler) http.Handler) *company {
	t.Helper()
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: seed, Extensions: 12, CallsPerDay: calls},
		HeavyLimit: 6000, Now: driven.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &company{sim, serveCompany(t, sim, wrap)}
}

func serveCompany(t testing.TB, h http.Handler, wrap func(http.Handler) http.Handler) string {
	if wrap != nil {
		h = wrap(h)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func (c *company) client(t testing.TB) *ringcentral.Client {
	t.Helper()
	return c.clientAt(t, driven.now)
}

// clientAt is a client with another clock.
func (c *company) clientAt(t testing.TB, now func() time.Time) *ringcentral.Client {
	t.Helper()
	id, secret, jwt := c.Credentials()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := ringcentral.New(ringcentral.Credentials{ServerURL: c.url, ClientID: id, ClientSecret: secret, JWT: jwt},
		&ringcentral.Options{HTTPClient: &http.Client{Transport: transport}, Tries: 2, Clock: ringcentral.Clock{
			Now: now, Sleep: driven.sleep,
		}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// openLake opens a lake in a directory.
func openLake(t testing.TB, dir string) *sinks.Lake {
	t.Helper()
	bucket, err := blob.OpenBucket(t.Context(), "file://"+filepath.ToSlash(dir))
	if err != nil {
		t.Fatal(err)
	}
	lake, err := sinks.Open(t.Context(), bucket, &sinks.LakeOptions{LocalDir: dir, Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(lake.Close(), bucket.Close()) })
	return lake
}

func reading(w *Window) Extraction {
	return Extraction{AccountID: OwnAccount, Window: w, Strategy: StrategyList, Terms: Terms{Since: 96 * time.Hour, Lookback: 72 * time.Hour},
		Sizing: Sizing{CallsPerDay: 60}, RunID: "test", Now: simulated, PollAnyway: true}
}

// runExtract runs an extraction to its end and adds up its events; errors of single days are in the tally.
func runExtract(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, x Extraction) (Tally, error) {
	var tally Tally
	for event, err := range Extract(ctx, c, lake, x) {
		if err != nil {
			return tally, err
		}
		tally.Add(event)
	}
	return tally, nil
}

// heldRecords writes every record of the table as JSON, day by day in order.
func heldRecords(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "call_log/*/*/call_log.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var out []string
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := sinks.ReadParquet(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, encode(t, batch)...)
	}
	return out
}

func encode(t testing.TB, batch arrow.RecordBatch) []string {
	t.Helper()
	enc, err := schema.NewEncoder(schema.CallLog(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for row := range int(batch.NumRows()) {
		out = append(out, string(enc.Append(nil, row)))
	}
	return out
}

// truth is what the company's log holds of the window, through the same decoder.
func (c *company) truth(t testing.TB, w Window) []string {
	t.Helper()
	var page bytes.Buffer
	page.WriteString(`{"records":[`)
	for record := range c.Records(dayStart(w.From), dayStart(w.To)) {
		if page.Len() > len(`{"records":[`) {
			page.WriteByte(',')
		}
		page.Write(record)
	}
	page.WriteString(`]}`)
	d := schema.NewDecoder(schema.CallLog())
	if _, err := d.Append(page.Bytes()); err != nil {
		t.Fatal(err)
	}
	return encode(t, d.Batch())
}

// sums is the SHA-256 of every file below a directory but the ledger, which notes when it was read.
func sums(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "_trunkline") || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

// TestExtractBringsEveryRecord: what is in the lake is what the company's log holds, every member of it; a second run
// changes nothing but the ledger.
func TestExtractBringsEveryRecord(t *testing.T) {
	c, dir := newCompany(t, 1, 60, nil), t.TempDir()
	tally, err := runExtract(t.Context(), c.client(t), openLake(t, dir), reading(&fourDays))
	if err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	if len(tally.Done) != 4 || len(tally.Changed) != 4 || tally.AccountID != c.AccountID() {
		t.Errorf("%+v", tally)
	}
	want := c.truth(t, fourDays)
	if len(want) < 200 {
		t.Fatalf("the company has only %d calls", len(want))
	}
	if diff := cmp.Diff(sorted(want), sorted(heldRecords(t, dir))); diff != "" {
		t.Error(diff)
	}
	before := sums(t, dir)
	again, err := runExtract(t.Context(), c.client(t), openLake(t, dir), reading(&fourDays))
	if err != nil || len(again.Changed) != 0 || len(again.Done) != 4 {
		t.Errorf("again: %v, %+v", err, again)
	}
	if diff := cmp.Diff(before, sums(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestOwedDaysOnly: without a window an empty lake gets the last days, and after that only what is owed.
func TestOwedDaysOnly(t *testing.T) {
	c, lake := newCompany(t, 1, 60, nil), openLake(t, t.TempDir())
	first, err := runExtract(t.Context(), c.client(t), lake, reading(nil))
	if want := []string{"2026-11-19 to 2026-11-24"}; err != nil || !slices.Equal(Ranges(first.Done), want) {
		t.Fatalf("%v, %v", err, Ranges(first.Done))
	}
	x := reading(nil)
	x.Now = simulated.Add(25 * time.Hour)
	second, err := runExtract(t.Context(), c.client(t), lake, x)
	// The 19th settled when the first run read it; the others are inside their lookback and were read over a day ago.
	if want := []string{"2026-11-20 to 2026-11-25"}; err != nil || !slices.Equal(Ranges(second.Planned), want) {
		t.Errorf("%v, planned %v", err, Ranges(second.Planned))
	}
}

// TestStoppedAnywhere: a run that is stopped at any page leaves whole days, and the next run ends as an undisturbed one.
func TestStoppedAnywhere(t *testing.T) {
	c, undisturbed := newCompany(t, 1, 60, nil), t.TempDir()
	x := reading(&fourDays)
	x.PerPage = 40 // two pages a day, two units
	if _, err := runExtract(t.Context(), c.client(t), openLake(t, undisturbed), x); err != nil {
		t.Fatal(err)
	}
	want := sums(t, undisturbed)
	for stopAt := 1; stopAt <= 8; stopAt++ {
		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		stopping := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/call-log") {
					if pages++; pages == stopAt {
						cancel()
					}
				}
				h.ServeHTTP(w, r)
			})
		}
		dir := t.TempDir()
		disturbed := &company{c.Simulator, serveCompany(t, c.Simulator, stopping)}
		_, err := runExtract(ctx, disturbed.client(t), openLake(t, dir), x)
		if stopAt < 8 && !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at page %d: %v", stopAt, err)
		}
		for name, sum := range sums(t, dir) {
			if want[name] != sum {
				t.Errorf("stopped at page %d: %s is not the day as it should be", stopAt, name)
			}
		}
		if _, err := runExtract(t.Context(), c.client(t), openLake(t, dir), x); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, sums(t, dir)); diff != "" {
			t.Errorf("stopped at page %d, then run again: %s", stopAt, diff)
		}
		cancel()
	}
}

// TestBadPageFailsItsDays: a page that cannot be trusted fails the days of its unit; the others land, and what the lake
// held stays.
func TestBadPageFailsItsDays(t *testing.T) {
	for name, body := range map[string]string{
		"not JSON": "<html>busy</html>", "cut short": `{"records":[{"id":"a"`, "without records": `{"paging":{}}`, "records not objects": `{"records":[1]}`,
	} {
		bad := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Query().Get("dateFrom"), "2026-11-18") {
					w.Header().Set("rcrequestid", "req-77")
					_, _ = io.WriteString(w, body)
					return
				}
				h.ServeHTTP(w, r)
			})
		}
		c, dir := newCompany(t, 1, 60, bad), t.TempDir()
		x := reading(&fourDays)
		x.CallsPerDay = 5000 // a unit a day
		tally, err := runExtract(t.Context(), c.client(t), openLake(t, dir), x)
		if err != nil || len(tally.Done) != 3 || !slices.Equal(Ranges(tally.Failed), []string{"2026-11-18"}) || len(tally.Errs) != 1 {
			t.Fatalf("%s: %v, %+v", name, err, tally)
		}
		for _, want := range []string{"2026-11-18", "page 1", "req-77"} {
			if !strings.Contains(tally.Errs[0].Error(), want) {
				t.Errorf("%s: the error lacks %q: %v", name, want, tally.Errs[0])
			}
		}
		if files := sums(t, dir); len(files) != 3 {
			t.Errorf("%s: %d partitions", name, len(files))
		}
	}
}

// TestRejected: records without id or start time are kept aside and counted; the others land.
func TestRejected(t *testing.T) {
	sim, err := simulator.New(&simulator.Options{HeavyLimit: 6000, Now: driven.now, Recorded: []simulator.Recording{{Name: "odd.json", Body: []byte(
		`[{"id":"ok","startTime":"2026-11-18T10:00:00.000Z","x":1},{"startTime":"2026-11-18T11:00:00.000Z","result":"no id"},{"id":"no time"}]`)}}})
	if err != nil {
		t.Fatal(err)
	}
	c, dir := &company{sim, serveCompany(t, sim, nil)}, t.TempDir()
	tally, err := runExtract(t.Context(), c.client(t), openLake(t, dir), reading(&fourDays))
	if err != nil || len(tally.Errs) != 1 || !errors.Is(tally.Errs[0], ErrRejected) || len(tally.Done) != 4 {
		t.Fatalf("%v, %+v", err, tally)
	}
	files, err := filepath.Glob(filepath.Join(dir, "_trunkline/rejected", c.AccountID(), "call_log", "*-test.ndjson"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"id":"no time"}`, `{"startTime":"2026-11-18T11:00:00.000Z","result":"no id"}`}
	if diff := cmp.Diff(want, sorted(strings.Split(strings.TrimSpace(string(b)), "\n"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`{"id":"ok","startTime":"2026-11-18T10:00:00.000Z","x":1}`}, heldRecords(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestAnotherAccountIsRefused: a page of another account than the one that was asked for is written nowhere.
func TestAnotherAccountIsRefused(t *testing.T) {
	other := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "/account/42/", "/account/~/", 1)
			h.ServeHTTP(w, r)
		})
	}
	c, dir := newCompany(t, 1, 60, other), t.TempDir()
	x := reading(&fourDays)
	x.AccountID = "42"
	tally, err := runExtract(t.Context(), c.client(t), openLake(t, dir), x)
	if err != nil || len(tally.Failed) != 4 || !strings.Contains(errors.Join(tally.Errs...).Error(), "answers for account "+c.AccountID()) {
		t.Errorf("%v, %+v", err, tally)
	}
	if files := sums(t, dir); len(files) != 0 {
		t.Errorf("%v", files)
	}
}

// TestAccountsShareALake: two accounts in one lake do not touch each other, and their marts stand side by side.
func TestAccountsShareALake(t *testing.T) {
	a, b, dir := newCompany(t, 1, 60, nil), newCompany(t, 2, 60, nil), t.TempDir()
	lake := openLake(t, dir)
	for _, c := range []*company{a, b} {
		if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
			t.Fatal(err)
		}
	}
	done := runTransform(t, lake, "UTC")
	if done.Stale != 8 || len(done.Changed) != 8*(len(sql.Marts())-2) { // no contact is charged
		t.Errorf("%+v", done)
	}
	status, err := Status(t.Context(), lake, Terms{}, simulated)
	if err != nil || len(status) != 2 || status[0].Days != 4 || status[1].Days != 4 || status[0].Rows+status[1].Rows != int64(len(heldRecords(t, dir))) {
		t.Errorf("%v %+v", err, status)
	}
}

func runTransform(t testing.TB, lake *sinks.Lake, zone string) Transformed {
	t.Helper()
	return runTransformBy(t, lake, zone, nil)
}

func runTransformBy(t testing.TB, lake *sinks.Lake, zone string, settings *sql.Settings) Transformed {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := sql.Open(t.Context(), &sql.Options{Timezone: zone, TempDir: t.TempDir(), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	done, err := Transform(t.Context(), lake, engine, location)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestMartsFollowTheDaysThatChanged: marts are built from what changed, and a sequence of small builds ends in the bytes
// of one full build.
func TestMartsFollowTheDaysThatChanged(t *testing.T) {
	const zone = "America/New_York"
	c, dir, full := newCompany(t, 1, 60, nil), t.TempDir(), t.TempDir()
	lake := openLake(t, dir)
	for half, w := range []Window{{fourDays.From, fourDays.From + 2}, {fourDays.From + 2, fourDays.To}} {
		if _, err := runExtract(t.Context(), c.client(t), lake, reading(&w)); err != nil {
			t.Fatal(err)
		}
		// Two UTC days touch three local dates. The second time the date that both halves share is built again, and of the
		// marts that look ahead the two before it.
		done := runTransform(t, lake, zone)
		var changed []Partition
		for _, p := range done.Changed {
			if p.Table == "marts/calls_daily" {
				changed = append(changed, p)
			}
		}
		if done.Stale != []int{3, 5}[half] || len(changed) != 3 {
			t.Errorf("%s: %+v", w, done)
		}
	}
	if done := runTransform(t, lake, zone); done.Stale != 0 || len(done.Changed) != 0 {
		t.Errorf("nothing changed: %+v", done)
	}
	whole := openLake(t, full)
	if _, err := runExtract(t.Context(), c.client(t), whole, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	runTransform(t, whole, zone)
	if diff := cmp.Diff(sums(t, full), sums(t, dir)); diff != "" {
		t.Error(diff)
	}
	// Another zone has other local dates: all are rebuilt, and those that exist no more are gone.
	runTransform(t, lake, "UTC")
	names := sums(t, dir)
	if _, ok := names[filepath.FromSlash("marts/calls_daily/account_id="+c.AccountID()+"/local_date=2026-11-16/calls_daily.parquet")]; ok {
		t.Error("a partition of a local date that no day overlaps any more is still there")
	}
}
