package pipeline

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// fromFeed makes an extraction that follows the change feed.
func fromFeed(now time.Time) Extraction {
	x := reading(nil)
	x.Strategy, x.Now = StrategyAuto, now
	return x
}

// ledgerAndFeed is what the lake knows of the company.
func ledgerAndFeed(t *testing.T, lake *sinks.Lake, account string) (sinks.Ledger, sinks.FeedState) {
	t.Helper()
	ledger, err := lake.Ledger(t.Context(), account, CallLogStream)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := lake.Feed(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return ledger, feed
}

// TestFeedBeginsBeforeTheList: the chain of the feed begins ten minutes before the first list request, and makes no day held.
func TestFeedBeginsBeforeTheList(t *testing.T) {
	c, lake := newCompany(t, 1, 60, nil), openLake(t, t.TempDir())
	tally, err := runExtract(t.Context(), c.client(t), lake, fromFeed(simulated))
	if err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	_, feed := ledgerAndFeed(t, lake, c.AccountID())
	if feed.SyncToken == "" || !feed.Since.Equal(simulated.Add(-feedMargin)) {
		t.Errorf("%+v", feed)
	}
}

// TestFeedThatIsDown: where the feed fails and the list does not, days are read from the list, the failure is told, and the token is kept.
func TestFeedThatIsDown(t *testing.T) {
	down := false
	c, dir := newCompany(t, 1, 60, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down && strings.HasSuffix(r.URL.Path, "/call-log-extract-sync") {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			h.ServeHTTP(w, r)
		})
	}), t.TempDir()
	lake := openLake(t, dir)
	if _, err := runExtract(t.Context(), c.client(t), lake, fromFeed(simulated)); err != nil {
		t.Fatal(err)
	}
	_, before := ledgerAndFeed(t, lake, c.AccountID())
	down = true
	later := simulated.Add(25 * time.Hour)
	tally, err := runExtract(t.Context(), c.client(t), lake, fromFeed(later))
	if err != nil || len(tally.Errs) != 1 || !strings.Contains(tally.Errs[0].Error(), "change feed") {
		t.Fatal(err, tally.Errs)
	}
	// Without the feed the days within the lookback are owed again.
	if want := []string{"2026-11-20 to 2026-11-25"}; !slices.Equal(Ranges(tally.Done), want) {
		t.Errorf("read: %v", Ranges(tally.Done))
	}
	if _, after := ledgerAndFeed(t, lake, c.AccountID()); after != before {
		t.Errorf("the feed was at %+v and is at %+v", before, after)
	}
}

// TestFeedTokenThatIsRefused: one line says so, a new chain begins, and every day since a lookback before the last reading of the
// feed is read again.
func TestFeedTokenThatIsRefused(t *testing.T) {
	c, lake := newCompany(t, 1, 60, nil), openLake(t, t.TempDir())
	if _, err := runExtract(t.Context(), c.client(t), lake, fromFeed(simulated)); err != nil {
		t.Fatal(err)
	}
	c.ExpireFeedTokens()
	driven.waited.Add(int64(time.Minute))
	x := fromFeed(simulated.Add(20 * time.Hour))
	x.Clock = driven.now
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	if err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	if len(tally.Warnings) != 1 || !strings.Contains(tally.Warnings[0], "no longer accepted") || !strings.Contains(tally.Warnings[0], "days since 2026-11-20") {
		t.Errorf("%q", tally.Warnings)
	}
	if want := []string{"2026-11-20 to 2026-11-25"}; !slices.Equal(Ranges(tally.Done), want) {
		t.Errorf("read: %v", Ranges(tally.Done))
	}
	ledger, feed := ledgerAndFeed(t, lake, c.AccountID())
	for _, d := range tally.Done {
		if feed.SyncToken == "" || feed.GapFrom.IsZero() || ledger[d].ReadAt.Before(feed.GapTo) {
			t.Errorf("%+v; day %s was read at %s", feed, d.FormattedString(), ledger[d].ReadAt)
		}
	}
}

// TestFeedThatIsNotThere: an account without the feed, or without leave for it, is read from the list, and is not asked for the feed again for a
// day.
func TestFeedThatIsNotThere(t *testing.T) {
	for mode, words := range map[simulator.Feed]string{simulator.FeedMissing: "has no change feed", simulator.FeedRefused: "is not permitted"} {
		asked := 0
		sim, err := simulator.New(&simulator.Options{Population: simulator.Population{Seed: 1, Extensions: 12, CallsPerDay: 60},
			HeavyLimit: 6000, Now: driven.now, Feed: mode})
		if err != nil {
			t.Fatal(err)
		}
		c := &company{sim, serveCompany(t, sim, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/call-log-extract-sync") {
					asked++
				}
				h.ServeHTTP(w, r)
			})
		})}
		lake := openLake(t, t.TempDir())
		for turn, wanted := range []int{1, 1, 2} {
			x := fromFeed(simulated.Add(time.Duration(turn) * 13 * time.Hour))
			tally, err := runExtract(t.Context(), c.client(t), lake, x)
			if err != nil || len(tally.Errs) > 0 || asked != wanted {
				t.Fatalf("%s, turn %d: %v %v, asked %d times", mode, turn, err, tally.Errs, asked)
			}
			if told := len(tally.Warnings) == 1 && strings.Contains(tally.Warnings[0], words); told != (turn != 1) {
				t.Errorf("%s, turn %d: %q", mode, turn, tally.Warnings)
			}
		}
	}
}

// TestFeedThatEndsInTheMiddle: a reading that does not come to the feed's end keeps how far it came, and does not say that all until then was
// told: if the token is lost then, the list is read again from a lookback before the last whole reading.
func TestFeedThatEndsInTheMiddle(t *testing.T) {
	now := simulated
	g := visit(t, host(t, quiet, &now), &now)
	lake, x := g.open(), reading(nil)
	x.Strategy, x.PerPage, x.PollAnyway = StrategyAuto, 5, false // the chain keeps the size of its first page
	if _, err := g.extract(lake, x); err != nil {
		t.Fatal(err)
	}
	_, before := ledgerAndFeed(t, lake, g.sim.AccountID())
	now = now.Add(60 * time.Hour)
	asked := 0
	g.fails = func(u *url.URL) bool {
		if strings.HasSuffix(u.Path, "/call-log-extract-sync") {
			asked++
		}
		return asked > feedPages+1
	}
	if _, err := g.extract(lake, x); err == nil || asked <= feedPages+1 {
		t.Fatalf("%d requests, %v", asked, err)
	}
	_, after := ledgerAndFeed(t, lake, g.sim.AccountID())
	if after.SyncToken == before.SyncToken || !after.SyncTime.Equal(before.SyncTime) {
		t.Errorf("%+v became %+v", before, after)
	}
	g.fails = nil
	if _, err := g.extract(lake, x); err != nil {
		t.Fatal(err)
	}
	if _, whole := ledgerAndFeed(t, lake, g.sim.AccountID()); !whole.SyncTime.After(after.SyncTime) {
		t.Errorf("%+v became %+v", after, whole)
	}
}
