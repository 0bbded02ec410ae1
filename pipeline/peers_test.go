package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// What connectors to call logs are known to do wrong, and the test that each would have failed. Those without a package are in this
// one; scripts are in cmd/trunkline/testdata/script.
//
//	a list without a window is the last 24 hours                      TestEveryListNamesItsWindow
//	one extension's calls are taken for the company's                 TestCompanyLogNotAnExtensions
//	extensions are read one by one, most of them for nothing          TestCompanyLogNotAnExtensions, TestRequestsForRecords
//	no view asked for: no legs, no time of modification, no billing   TestDetailedViewAlways
//	100 records a page where 1,000 are permitted                      TestRequestsForRecords
//	paging by totals that are not there, or wrong                     ringcentral.TestWhereTheLogEnds
//	the next page is asked of whichever host the answer names         ringcentral.TestPages, whose nextPage is elsewhere; ringcentral.TestRedirectsStayAtHome
//	a cache of what was seen hides later versions of a record         TestReadAgainIsTakenAgain
//	of a page that is newest first only the first record is taken     TestExtractBringsEveryRecord
//	late edits and late calls are never read                          TestReadAgainIsTakenAgain, TestSimulation
//	deletions are not asked for, or remove the row                    TestDeletionsLeaveTombstones, sinks.TestTombstones
//	a bookmark moves on over days that failed                         TestFailedDaysStayOwed, TestOwed
//	a stream that another stream should have fed ends empty, well     TestAnotherAccountIsRefused, TestFailedDaysStayOwed
//	a pasted token expires in the middle                              ringcentral.TestExpiredTokenIsRenewedOnce, ringcentral.TestTokenIsRenewedBeforeItExpires
//	a refresh token is rewritten, and parallel tasks lose theirs      ringcentral.TestLoginRequest, ringcentral.TestRefusedTwice
//	a missing permission is tried again with new logins               ringcentral.TestNotRepeated, script permission
//	a fixed sleep between requests, above the permitted rate          ringcentral.TestTwentyFiveRequestsTakeTheLeastTime
//	requests during a penalty, which begin it anew                    ringcentral.TestPenaltyHoldsAllAndIsExtended
//	the rate is counted in one process only                           TestProcessesShareTheRate, TestProcessesThatKnowEachOtherEarnNoPenalty
//	members that the schema does not know are dropped                 schema.TestLaw, schema.TestLawGenerated
//	nested members become text                                        sinks.TestEveryReaderReadsBack
//	ids and numbers pass through a float or lose their form           TestNumbersAreText
//	partitioned by the time of the run, or of a batch's first row     TestPartitionIsTheDayOfTheCall
//	a partition cannot be replaced, only added to                     sinks.TestReplaceDay
//	a retried run repeats rows                                        TestStoppedAnywhere, cmd's TestKilledAgainAndAgain, script kill
//	a lost state makes the next run append everything again           TestLostStateRepeatsNothing
//	state is kept although the data was not                           sinks.TestFailedUploadPublishesNothing, TestSimulation
//	the same object is written by two runs, and one is lost           sinks.TestRacingMerges, disk.TestRace
//	many small files                                                  TestOneObjectPerDay
//	memory grows with history                                         TestMemoryDoesNotGrowWithHistory
//	durations without a unit, times without a zone                    cmd's TestSpan; all scripts run in a zone far from UTC
//	an answer that RingCentral has forgotten overwrites what is held  TestDoubt, sinks.TestReplaceDay, script risk
//	nobody compares two ways to the same calls                        TestFeedAndListGiveEqualRows

// guest is a lake that visits a company again and again, in memory and in simulated time.
type guest struct {
	t     testing.TB
	sim   *simulator.Simulator
	now   *time.Time
	store *memory
	asked []*url.URL
	fails func(*url.URL) bool // nil: no request
}

// host is a company whose time stands at now.
func host(t testing.TB, o simulator.Options, now *time.Time) *simulator.Simulator {
	t.Helper()
	o.Now, o.Sleep = func() time.Time { return *now }, func(d time.Duration) { *now = now.Add(d) }
	sim, err := simulator.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

func visit(t testing.TB, sim *simulator.Simulator, now *time.Time) *guest {
	return &guest{t: t, sim: sim, now: now, store: newMemory()}
}

func (g *guest) step(operation string) error {
	if uri, ok := strings.CutPrefix(operation, "request "); ok {
		u, err := url.Parse(uri)
		if err != nil {
			return err
		}
		if g.asked = append(g.asked, u); g.fails != nil && g.fails(u) {
			return errors.New("connection refused")
		}
	}
	return nil
}

func (g *guest) open() *sinks.Lake {
	g.t.Helper()
	bucket := g.store.open(func(string) error { return nil }, func() bool { return false })
	lake, err := sinks.Open(g.t.Context(), bucket, &sinks.LakeOptions{Scratch: g.t.TempDir()})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = errors.Join(lake.Close(), bucket.Close()) })
	return lake
}

// run is one execution of the command, without a window.
func (g *guest) run(lake *sinks.Lake, strategy Strategy) (Tally, error) {
	x := reading(nil)
	x.Strategy, x.RunID = strategy, fmt.Sprintf("run-%d", len(g.asked))
	return g.extract(lake, x)
}

// extract is one extraction that begins now; its error is all that failed.
func (g *guest) extract(lake *sinks.Lake, x Extraction) (Tally, error) {
	client := g.client()
	defer func() { _ = client.Logout(g.t.Context()) }() // for information
	x.Now, x.Clock = *g.now, func() time.Time { return *g.now }
	tally, err := runExtract(g.t.Context(), client, lake, x)
	return tally, errors.Join(append(tally.Errs, err)...)
}

func (g *guest) client() *ringcentral.Client {
	g.t.Helper()
	id, secret, jwt := g.sim.Credentials()
	clock := ringcentral.Clock{
		Now:   func() time.Time { return *g.now },
		Sleep: func(ctx context.Context, d time.Duration) error { *g.now = g.now.Add(d); return ctx.Err() },
	}
	client, err := ringcentral.New(ringcentral.Credentials{ServerURL: "http://127.0.0.1:1", ClientID: id, ClientSecret: secret, JWT: jwt},
		&ringcentral.Options{HTTPClient: &http.Client{Transport: direct{g.sim, g.step}}, Clock: clock})
	if err != nil {
		g.t.Fatal(err)
	}
	return client
}

func (g *guest) mustRun(lake *sinks.Lake, strategy Strategy) Tally {
	g.t.Helper()
	tally, err := g.run(lake, strategy)
	if err != nil {
		g.t.Fatal(err)
	}
	return tally
}

// lists are the requests for pages of the call log.
func (g *guest) lists() []*url.URL {
	var out []*url.URL
	for _, u := range g.asked {
		if strings.Contains(u.Path, "/call-log") && u.Query().Get("syncType") == "" {
			out = append(out, u)
		}
	}
	return out
}

// rows are the records held of each day, and which of them are tombstones.
func (g *guest) rows() (byDay map[string][]string, dead map[string]bool) {
	g.t.Helper()
	byDay, dead = map[string][]string{}, map[string]bool{}
	for key, o := range g.store.objects {
		_, date, ok := strings.Cut(key, "start_date=")
		if !ok {
			continue
		}
		batch, err := sinks.ReadParquet(g.t.Context(), o.bytes)
		if err != nil {
			g.t.Fatal(err)
		}
		lines := encode(g.t, batch)
		byDay[date[:len(time.DateOnly)]] = lines
		deleted := batch.Column(batch.Schema().FieldIndices("deleted")[0]).(*array.Boolean)
		for i, line := range lines {
			dead[line] = deleted.IsValid(i) && deleted.Value(i)
		}
	}
	return byDay, dead
}

var busy = simulator.Options{Population: simulator.Population{Seed: 3, Extensions: 12, CallsPerDay: 1500}, HeavyLimit: 6000}
var quiet = simulator.Options{Population: simulator.Population{Seed: 3, Extensions: 12, CallsPerDay: 40, Alive: true}, HeavyLimit: 6000}

// TestEveryListNamesItsWindow: without dateFrom and dateTo the API answers with the last 24 hours, and a full refresh is one day.
func TestEveryListNamesItsWindow(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	lake := g.open()
	for range 3 {
		g.mustRun(lake, StrategyAuto)
		now = now.Add(26 * time.Hour)
	}
	for _, u := range g.lists() {
		from, e1 := time.Parse(time.RFC3339, u.Query().Get("dateFrom"))
		to, e2 := time.Parse(time.RFC3339, u.Query().Get("dateTo"))
		if e1 != nil || e2 != nil || !from.Before(to) {
			t.Errorf("no window: %s", u)
		}
	}
	if byDay, _ := g.rows(); len(g.lists()) < 3 || len(byDay) < 6 {
		t.Errorf("%d requests brought %d days", len(g.lists()), len(byDay))
	}
}

// TestCompanyLogNotAnExtensions: what one extension's log has, the user's own above all, is a small part of the company's calls.
func TestCompanyLogNotAnExtensions(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	g.mustRun(g.open(), StrategyAuto)
	for _, u := range g.asked {
		if strings.Contains(u.Path, "/extension") {
			t.Errorf("asked of an extension: %s", u)
		}
	}
	who := map[string]bool{}
	byDay, _ := g.rows()
	for _, lines := range byDay {
		for _, line := range lines {
			if _, rest, ok := strings.Cut(line, `"extensionId":"`); ok {
				who[rest[:strings.IndexByte(rest, '"')]] = true
			}
		}
	}
	if len(who) < 5 {
		t.Errorf("calls of %d extensions only", len(who))
	}
}

// TestDetailedViewAlways: the default view has no legs, no lastModifiedTime and no billing, so nothing can be updated or rated.
func TestDetailedViewAlways(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	g.mustRun(g.open(), StrategyAuto)
	for _, u := range g.lists() {
		if u.Query().Get("view") != "Detailed" || u.Query().Get("showDeleted") != "true" {
			t.Errorf("%s", u)
		}
	}
	byDay, _ := g.rows()
	all := strings.Join(byDay["2026-11-19"], "\n")
	for _, member := range []string{`"legs":[{`, `"lastModifiedTime":"`, `"billing":{`} {
		if !strings.Contains(all, member) {
			t.Errorf("no %s in the lake", member)
		}
	}
}

// TestRequestsForRecords: pages of 100 records, or a walk over all extensions, take ten times the requests and more, of the ten a minute
// that there are.
func TestRequestsForRecords(t *testing.T) {
	now := simulated
	g := visit(t, host(t, busy, &now), &now)
	tally := g.mustRun(g.open(), StrategyList)
	units := 0
	for _, u := range g.lists() {
		if u.Query().Get("perPage") != "1000" {
			t.Errorf("%s", u)
		}
		if u.Query().Get("page") == "1" {
			units++
		}
	}
	if least, spent := tally.Records/1000+units, len(g.lists()); tally.Records < 3000 || spent > least || units > 3 {
		t.Errorf("%d requests, %d windows, for %d records", spent, units, tally.Records)
	}
}

// TestReadAgainIsTakenAgain: a cache of seen records, or a filter by start, takes nothing from a window that is read again, so recordings,
// costs and corrections that come hours later never arrive.
func TestReadAgainIsTakenAgain(t *testing.T) {
	began := clock("2026-11-18T20:00:00Z")
	now := began
	g := visit(t, host(t, quiet, &now), &now)
	lake := g.open()
	g.mustRun(lake, StrategyList)
	first, _ := g.rows()
	for range 5 {
		now = now.Add(25 * time.Hour)
		g.mustRun(lake, StrategyList)
	}
	held, _ := g.rows()
	edited := 0
	for record := range g.sim.Histories(clock("2026-11-16T00:00:00Z"), began.Add(-time.Hour)) {
		last := record[len(record)-1]
		if last.Deleted {
			continue
		}
		date := last.Start.Format(time.DateOnly)
		_, modified, _ := strings.Cut(string(last.JSON), `"lastModifiedTime":"`)
		modified = modified[:strings.IndexByte(modified, '"')]
		same := slices.ContainsFunc(held[date], func(line string) bool {
			return strings.Contains(line, `"id":"`+last.ID+`"`) && strings.Contains(line, `"lastModifiedTime":"`+modified+`"`)
		})
		if !same {
			t.Errorf("%s is not held as of %s", last.ID, modified)
		}
		if last.At.After(began) {
			edited++
		}
	}
	if edited < 5 || cmp.Equal(first["2026-11-18"], held["2026-11-18"]) {
		t.Errorf("only %d records were edited after the first reading", edited)
	}
}

// TestDeletionsLeaveTombstones: a deletion that is not asked for keeps the call for ever; one that removes the row loses what was known.
func TestDeletionsLeaveTombstones(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	lake := g.open()
	for range 5 {
		g.mustRun(lake, StrategyList)
		now = now.Add(25 * time.Hour)
	}
	held, dead := g.rows()
	deleted := 0
	for record := range g.sim.Histories(clock("2026-11-19T00:00:00Z"), clock("2026-11-23T00:00:00Z")) {
		last := record[len(record)-1]
		if !last.Deleted || last.At.After(now.Add(-26*time.Hour)) {
			continue
		}
		deleted++
		at := slices.IndexFunc(held[last.Start.Format(time.DateOnly)], func(line string) bool { return strings.Contains(line, `"id":"`+last.ID+`"`) })
		if at < 0 || !dead[held[last.Start.Format(time.DateOnly)][at]] {
			t.Errorf("%s has no tombstone", last.ID)
		}
	}
	if deleted == 0 {
		t.Error("nothing was deleted")
	}
}

// TestFailedDaysStayOwed: a bookmark that stands at the start of the last window leaves out for ever the days that could not be read.
func TestFailedDaysStayOwed(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	lake := g.open()
	g.mustRun(lake, StrategyList)
	now = now.Add(4 * 24 * time.Hour)
	g.fails = func(u *url.URL) bool { return strings.HasSuffix(u.Path, "/call-log") }
	if tally, err := g.run(lake, StrategyList); err == nil || len(tally.Done) != 0 {
		t.Fatalf("%v, done %v", err, tally.Done)
	}
	now = now.Add(24 * time.Hour)
	g.fails = nil
	g.mustRun(lake, StrategyList)
	byDay, _ := g.rows()
	for d := day("2026-11-19"); d < day("2026-11-28"); d++ {
		if len(byDay[d.FormattedString()]) == 0 {
			t.Errorf("day %s was left out", d.FormattedString())
		}
	}
}

// TestNumbersAreText: ids beyond 2^53 become other ids in a float, and phone numbers lose plus signs, zeros and words.
func TestNumbersAreText(t *testing.T) {
	now := simulated
	records := []string{
		`{"id":"9007199254740993","sessionId":"12345678901234567890","startTime":"2026-11-21T10:00:00.000Z","from":{"phoneNumber":"+1 (650) 555-0100"},"to":{"phoneNumber":"0044020"}}`,
		`{"id":"9007199254740992","sessionId":"00123","startTime":"2026-11-21T11:00:00.000Z","from":{"phoneNumber":"anonymous"},"to":{"phoneNumber":"+1855201XXXX"}}`,
	}
	o := simulator.Options{Recorded: []simulator.Recording{{Name: "numbers.json", Body: []byte("[" + strings.Join(records, ",") + "]")}}}
	g := visit(t, host(t, o, &now), &now)
	g.mustRun(g.open(), StrategyList)
	byDay, _ := g.rows()
	if diff := cmp.Diff(sorted(records), sorted(byDay["2026-11-21"])); diff != "" {
		t.Error(diff)
	}
}

// TestPartitionIsTheDayOfTheCall: partitions by the time of the run, or by the first row of a batch, put calls where nobody looks.
func TestPartitionIsTheDayOfTheCall(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	lake := g.open()
	for range 30 { // over a midnight
		g.mustRun(lake, StrategyAuto)
		now = now.Add(time.Hour)
	}
	byDay, _ := g.rows()
	for date, lines := range byDay {
		for _, line := range lines {
			if !strings.Contains(line, `"startTime":"`+date+"T") {
				t.Errorf("in %s lies %s", date, line)
			}
		}
	}
	if len(byDay) != 6 {
		t.Errorf("%d days", len(byDay))
	}
}

// TestOneObjectPerDay: a file for each run, and after a day of hourly runs there are two dozen for each day.
func TestOneObjectPerDay(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	lake := g.open()
	for range 30 {
		g.mustRun(lake, StrategyAuto)
		now = now.Add(time.Hour)
	}
	perDay := map[string]int{}
	for key := range g.store.objects {
		if strings.HasPrefix(key, "call_log/") {
			perDay[key[:strings.LastIndexByte(key, '/')]]++
		}
	}
	for dir, n := range perDay {
		if n != 1 {
			t.Errorf("%s has %d objects", dir, n)
		}
	}
}

// TestLostStateRepeatsNothing: where state is apart from the data and lost, what is held is appended once more.
func TestLostStateRepeatsNothing(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	g.mustRun(g.open(), StrategyAuto)
	before, _ := g.rows()
	for key := range g.store.objects {
		if strings.HasPrefix(key, "_trunkline/ledger/") || strings.HasPrefix(key, "_trunkline/feed/") {
			delete(g.store.objects, key)
		}
	}
	g.mustRun(g.open(), StrategyAuto)
	after, _ := g.rows()
	if diff := cmp.Diff(before, after); diff != "" || len(before) == 0 {
		t.Error(diff)
	}
}

// TestFeedAndListGiveEqualRows: two ways to the same calls must agree, for all that changes within the lookback; connectors have one way
// and nothing to compare it with. Days whose lookback is over are compared, tombstones by what they tell.
func TestFeedAndListGiveEqualRows(t *testing.T) {
	for between, days := range map[time.Duration]int{time.Hour: 6, 24 * time.Hour: 9} {
		t.Run("every "+between.String(), func(t *testing.T) {
			if underRace && between == time.Hour {
				t.Skip("it takes minutes with the race detector: .ci/run runs it without")
			}
			now := simulated
			sim := host(t, quiet, &now)
			list, feed := visit(t, sim, &now), visit(t, sim, &now)
			listLake, feedLake := list.open(), feed.open()
			for end := now.AddDate(0, 0, days); now.Before(end); now = now.Add(between) {
				list.mustRun(listLake, StrategyList)
				feed.mustRun(feedLake, StrategyAuto)
			}
			byList, listDead := list.rows()
			byFeed, feedDead := feed.rows()
			compared := 0
			for d := day("2026-11-19"); dayStart(d + 1).Add(72*time.Hour + between).Before(now); d++ {
				date := d.FormattedString()
				compared += len(byList[date])
				if diff := cmp.Diff(toldLines(byList[date], listDead), toldLines(byFeed[date], feedDead)); diff != "" {
					t.Errorf("day %s (-list +feed):\n%s", date, diff)
				}
			}
			if compared < 100 {
				t.Errorf("only %d rows were compared", compared)
			}
			if n := len(feed.lists()); between == time.Hour && n >= len(list.lists()) {
				t.Errorf("the feed saved nothing: %d lists, %d without it", n, len(list.lists()))
			}
		})
	}
}

// toldLines are the rows; of a tombstone what it says of itself, since what lies under it is what each had seen before.
func toldLines(lines []string, dead map[string]bool) []string {
	out := slices.Clone(lines)
	for i, line := range out {
		if dead[line] {
			_, id, _ := strings.Cut(line, `"id":"`)
			_, at, _ := strings.Cut(line, `"lastModifiedTime":"`)
			out[i] = "deleted " + id[:strings.IndexByte(id, '"')] + " at " + at[:strings.IndexByte(at, '"')]
		}
	}
	return out
}
