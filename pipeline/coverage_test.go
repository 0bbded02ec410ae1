package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// TestCoverage: every day between the first and the last one is there, and near or past the horizon as of the last reading.
func TestCoverage(t *testing.T) {
	g := sinks.Ledger{
		day("2026-11-01"): {Closed: true, ReadAt: clock("2026-11-02T01:00:00Z")},
		day("2026-11-04"): {Closed: true, ReadAt: clock("2026-11-20T23:00:00Z")},
		day("2026-11-20"): {How: "imported"},
	}
	said := func(retention int) (out []string) {
		for _, c := range coverage(g, retention) {
			if c.near || c.past || c.held.Closed {
				out = append(out, fmt.Sprint(c.date(), " until ", c.retainedUntil.FormattedString(), " near ", c.near, " past ", c.past))
			}
		}
		return out
	}
	// Read last on the 20th, what is kept for 18 days is forgotten up to the 2nd, and soon up to the 16th.
	got := said(18)
	want := []string{"2026-11-01 until 2026-11-19 near false past true", "2026-11-02 until 2026-11-20 near false past true", "2026-11-03 until 2026-11-21 near true past false"}
	if diff := cmp.Diff(want, got[:3]); diff != "" || len(got) != 16 || !strings.HasPrefix(got[15], "2026-11-16 until 2026-12-04 near true") {
		t.Errorf("%s\n%v", diff, got)
	}
	if got := said(0); len(got) != 2 || !strings.HasSuffix(got[1], "near false past false") {
		t.Errorf("of what is kept for ever: %v", got)
	}
	if got := coverage(sinks.Ledger{}, 18); got != nil {
		t.Error(got)
	}
}

// TestArchiveCoverage: the mart says of each day whether it is safe; as time goes by only the days of which that changes are built again.
func TestArchiveCoverage(t *testing.T) {
	lake := openLake(t, t.TempDir())
	on := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.UTC) }
	extracted := func(d int) {
		broughtDay(t, lake, CallLogStream, on(d), fmt.Sprintf(`{"id":"%d","startTime":%q}`, d, on(d).Format(time.RFC3339)))
	}
	transformed := func() map[string]string {
		engine, err := sql.Open(t.Context(), &sql.Options{TempDir: t.TempDir(), Settings: &sql.Settings{MissedRecoveryDays: 7, RetentionDays: 20}})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		before := martInputs(t, lake)
		if _, err := Transform(t.Context(), lake, engine, time.UTC); err != nil {
			t.Fatal(err)
		}
		return rebuiltFor(before, martInputs(t, lake))
	}
	extracted(1)
	extracted(4)
	transformed()
	shown := func() []string {
		return queried(t, lake, "America/New_York", "select strftime(utc_date, '%d'), status, calls from marts.archive_coverage where local_date = utc_date order by utc_date")
	}
	if diff := cmp.Diff([]string{"01 ok 1", "02 missing 0", "03 missing 0", "04 ok 1"}, shown()); diff != "" {
		t.Error(diff)
	}
	extracted(8)
	if got := transformed()["archive_coverage"]; got != "01 02 05 06 07 08" {
		t.Errorf("a week later %s are built", got)
	}
	extracted(22)
	transformed()
	if diff := cmp.Diff("01 ok 1,02 lost 0,03 at_risk 0,04 at_risk 1,05 at_risk 0", strings.Join(shown()[:5], ",")); diff != "" {
		t.Error(diff)
	}
}
