package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// alive is a small company whose calls have a history.
func alive() simulator.Options {
	return simulator.Options{Population: simulator.Population{Seed: 7, Extensions: 20, CallsPerDay: 60, Alive: true}}
}

func histories(s *simulator.Simulator, from, to time.Time) [][]simulator.Version {
	return slices.Collect(s.Histories(from, to))
}

// long after everything that happens to the calls of the tests' days.
func longAfter() time.Time { return noon().AddDate(0, 1, 0) }

// happenings name what must happen to calls, each by two versions that follow on each other.
func happenings() map[string]func(a, b call, before, after simulator.Version) bool {
	has := func(v simulator.Version, part string) bool { return bytes.Contains(v.JSON, []byte(part)) }
	return map[string]func(a, b call, before, after simulator.Version) bool{
		"in progress": func(a, b call, before, after simulator.Version) bool {
			start := before.Start
			return a.Result == "In Progress" && len(a.Legs) == 1 && !has(before, `"duration`) && !has(before, `"finished"`) &&
				before.At.Sub(start) < 5*time.Second && has(after, `"durationMs"`) && has(after, `"finished"`)
		},
		"direction flips": func(a, b call, _, _ simulator.Version) bool {
			return a.Result == "In Progress" && a.Direction == "Outbound" && b.Direction == "Inbound" && a.Action != b.Action
		},
		"recording attached": func(a, b call, before, after simulator.Version) bool {
			return a.Result == b.Result && a.Recording == nil && b.Recording != nil && after.At.Sub(before.At) > time.Minute
		},
		"billing updated": func(a, b call, before, after simulator.Version) bool {
			return a.Result == b.Result && a.Billing.CostIncluded+a.Billing.CostPurchased == 0 &&
				b.Billing.CostIncluded+b.Billing.CostPurchased > 0 && after.At.Sub(before.At) > time.Hour
		},
		"legs grow": func(a, b call, _, _ simulator.Version) bool {
			return a.Result == b.Result && len(a.Legs) > 0 && len(a.Legs) == len(b.Legs)-1
		},
		"start moves": func(_, _ call, before, after simulator.Version) bool { return !before.Start.Equal(after.Start) },
		"start moves to the next day": func(_, _ call, before, after simulator.Version) bool {
			return before.Start.Day()+1 == after.Start.Day()
		},
		"start moves to the day before": func(_, _ call, before, after simulator.Version) bool {
			return before.Start.Day()-1 == after.Start.Day()
		},
		"deleted": func(_, _ call, before, after simulator.Version) bool { return !before.Deleted && after.Deleted },
		"undeleted": func(_, b call, before, after simulator.Version) bool {
			return before.Deleted && !after.Deleted && len(b.Legs) > 0
		},
		"same modification": func(a, b call, before, after simulator.Version) bool {
			return a.LastModifiedTime == b.LastModifiedTime && after.At.After(before.At) && a.Legs == nil && b.Legs != nil
		},
		"unknown value later": func(a, b call, _, _ simulator.Version) bool {
			return a.Result != "Screened" && b.Result == "Screened"
		},
		"unknown member later": func(_, _ call, before, after simulator.Version) bool {
			return !before.Deleted && !has(before, `"routingHints"`) && has(after, `"routingHints"`)
		},
	}
}

func TestEverythingHappens(t *testing.T) {
	o := alive()
	o.Now = longAfter
	s := newSimulator(t, o)
	found, late := map[string]int{}, 0
	wanted := happenings()
	atOnce := map[int64]int{}
	for _, versions := range histories(s, day(2), day(17)) {
		checkVersions(t, versions, 60*time.Hour)
		first := decode[call](t, versions[0].JSON)
		if first.Result != "In Progress" && versions[0].At.Sub(first.start(t).Add(time.Duration(first.DurationMs)*time.Millisecond)) > time.Hour {
			late++
		}
		for i, after := range versions {
			atOnce[after.At.UnixMilli()]++
			if i == 0 {
				continue
			}
			a, b := decode[call](t, versions[i-1].JSON), decode[call](t, after.JSON)
			for name, holds := range wanted {
				if holds(a, b, versions[i-1], after) {
					found[name]++
				}
			}
		}
	}
	for name := range wanted {
		if found[name] == 0 {
			t.Errorf("%s: never", name)
		}
	}
	if late == 0 {
		t.Error("no call appears late")
	}
	shared := 0
	for _, n := range atOnce {
		if n > 1 {
			shared++
		}
	}
	if shared < 10 {
		t.Errorf("%d instants have several changes", shared)
	}
	t.Logf("%v, late %d, shared instants %d", found, late, shared)
}

// checkVersions holds what is true of every history.
func checkVersions(t *testing.T, versions []simulator.Version, within time.Duration) {
	t.Helper()
	for i, v := range versions {
		c := decode[call](t, v.JSON)
		modified, err := time.Parse(time.RFC3339, c.LastModifiedTime)
		if err != nil || v.At.Before(modified) || c.ID != v.ID || c.ID != versions[0].ID || !c.start(t).Equal(v.Start) {
			t.Errorf("%+v: %v", v, err)
		}
		if lag := v.At.Sub(modified); lag != 0 && (i == 0 || lag > time.Minute || modified.After(versions[i-1].At)) {
			t.Errorf("%s: served %v after its lastModifiedTime", v.ID, lag)
		}
		if i > 0 && !v.At.After(versions[i-1].At) {
			t.Errorf("%s: version %d at %v, after %v", v.ID, i, v.At, versions[i-1].At)
		}
		end := v.Start.Truncate(24*time.Hour).AddDate(0, 0, 1)
		if v.At.Before(v.Start) || v.At.Sub(end) > within {
			t.Errorf("%s: starts %v, changed %v", v.ID, v.Start, v.At)
		}
		if moved := v.Start.Sub(versions[0].Start).Abs(); moved > 3*time.Hour {
			t.Errorf("%s: moved by %v", v.ID, moved)
		}
		if v.Deleted {
			var members []string
			for name := range decode[map[string]any](t, v.JSON) {
				members = append(members, name)
			}
			slices.Sort(members)
			want := []string{"action", "deleted", "direction", "id", "lastModifiedTime", "sessionId", "startTime", "type", "uri"}
			if diff := cmp.Diff(want, members); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestChangesWithin(t *testing.T) {
	o := alive()
	o.ChangesWithin = 240 * time.Hour
	o.Now = longAfter
	latest := time.Duration(0)
	for _, versions := range histories(newSimulator(t, o), day(2), day(9)) {
		checkVersions(t, versions, o.ChangesWithin)
		last := versions[len(versions)-1]
		latest = max(latest, last.At.Sub(last.Start))
	}
	if latest < 9*24*time.Hour {
		t.Errorf("the last change comes after %v", latest)
	}
}

// A population that is alive has the calls of one that is not, with a past.
func TestAliveEndsAsStatic(t *testing.T) {
	o := alive()
	o.Now = longAfter
	living := newSimulator(t, o)
	o.Alive = false
	static, texts := map[string]call{}, map[string]string{}
	for _, r := range truth(newSimulator(t, o), day(1), day(10)) {
		c := decode[call](t, r)
		static[c.ID], texts[c.ID] = c, string(r)
	}
	same := 0
	for _, versions := range histories(living, day(2), day(9)) {
		first, last := versions[0], versions[len(versions)-1]
		of, ok := static[first.ID]
		if !ok || !of.start(t).Equal(first.Start) {
			t.Errorf("%s is not of the population", first.ID)
		}
		modified := decode[call](t, last.JSON).LastModifiedTime
		if strings.Replace(string(last.JSON), modified, of.LastModifiedTime, 1) == texts[first.ID] {
			same++
		}
	}
	if same < len(static)/2 {
		t.Errorf("%d of %d calls end like those of the static population", same, len(static))
	}
}

// What the log serves follows the histories at every instant.
func TestLogFollowsHistories(t *testing.T) {
	b := open(t, alive())
	end := histories(newSimulator(t, simulator.Options{Population: alive().Population, Now: longAfter}), day(14), day(19))
	for hours := 0; hours < 120; hours += 11 {
		b.clock.advance(11*time.Hour + time.Duration(hours)*time.Second)
		b.token = b.login()
		now := b.clock.Now()
		want, withDeleted := map[string]string{}, map[string]string{}
		for _, versions := range end {
			current, ok := at(versions, now)
			if !ok || current.Start.Before(day(15)) || !current.Start.Before(day(18)) {
				continue
			}
			withDeleted[current.ID] = string(current.JSON)
			if !current.Deleted {
				want[current.ID] = string(current.JSON)
			}
		}
		path := callLog + "?view=Detailed&perPage=50&" + window(day(15), day(18).Add(-time.Millisecond))
		if got := byID(t, b.all(path)); !maps.Equal(got, want) {
			t.Errorf("%v: %s", now, cmp.Diff(want, got))
		}
		if got := byID(t, b.all(path+"&showDeleted=true")); !maps.Equal(got, withDeleted) {
			t.Errorf("%v: with deleted ones: %s", now, cmp.Diff(withDeleted, got))
		}
		if got := byID(t, truth(b.Simulator, day(15), day(18))); !maps.Equal(got, want) {
			t.Errorf("%v: Records: %s", now, cmp.Diff(want, got))
		}
	}
}

func at(versions []simulator.Version, now time.Time) (current simulator.Version, ok bool) {
	for _, v := range versions {
		if !v.At.After(now) {
			current, ok = v, true
		}
	}
	return current, ok
}

// byID also checks that no id comes twice.
func byID(t *testing.T, records []json.RawMessage) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range records {
		id := decode[struct{ ID string }](t, r).ID
		if all[id] != "" {
			t.Errorf("%s came twice", id)
		}
		all[id] = string(r)
	}
	return all
}

func TestVersionsOfOneRecord(t *testing.T) {
	b := open(t, alive())
	future := histories(newSimulator(t, simulator.Options{Population: alive().Population, Now: longAfter}), day(19), day(27))
	i := slices.IndexFunc(future, func(versions []simulator.Version) bool {
		n := len(versions)
		return n > 2 && versions[n-2].Deleted
	})
	if i < 0 {
		t.Fatal("no call is deleted and comes back")
	}
	for n, v := range future[i] {
		b.clock.advance(v.At.Sub(b.clock.Now()) - time.Millisecond)
		b.token = b.login()
		path := callLog + "/" + v.ID + "?view=Detailed"
		before := b.get(path)
		b.clock.advance(time.Millisecond)
		answer := b.get(path)
		switch {
		case v.Deleted:
			answer.mustBe(t, 404, "CMN-102")
		case string(answer.body) != string(v.JSON):
			t.Errorf("version %d: %s, want %s", n, answer.body, v.JSON)
		}
		switch {
		case n == 0 || future[i][n-1].Deleted:
			before.mustBe(t, 404, "CMN-102")
		case string(before.body) != string(future[i][n-1].JSON):
			t.Errorf("before version %d: %s", n, before.body)
		}
		session := b.page(callLog + "?view=Detailed&sessionId=" + decode[call](t, v.JSON).SessionID)
		if len(session.Records) != 1 != v.Deleted {
			t.Errorf("version %d by its session: %s", n, session.Records)
		}
		for _, query := range []string{"", "&showDeleted=true"} {
			b.page(fmt.Sprintf("%s/extension/~/call-log?%s%s", account, window(day(18), day(20)), query))
		}
	}
}

func TestAliveIsDeterministic(t *testing.T) {
	o := alive()
	o.Now = longAfter
	a, b := newSimulator(t, o), newSimulator(t, o)
	all := func(s *simulator.Simulator) string {
		var text strings.Builder
		for _, v := range slices.Concat(histories(s, day(2), day(16))...) {
			fmt.Fprintf(&text, "%s %v %v %t %s\n", v.ID, v.At, v.Start, v.Deleted, v.JSON)
		}
		return text.String()
	}
	for n := 16; n > 1; n-- { // the other way round
		histories(b, day(n), day(n+1))
	}
	if all(a) != all(b) || len(all(a)) < 1_000_000 {
		t.Error("the same seed, another past")
	}
	o.Seed++
	if all(newSimulator(t, o)) == all(a) {
		t.Error("another seed, the same past")
	}
}

func TestRetention(t *testing.T) {
	for _, o := range []simulator.Options{alive(), small()} {
		o.Retention = 72 * time.Hour
		b := open(t, o)
		var kept, lost []string
		for _, c := range decodeAll[call](t, truth(b.Simulator, day(10), day(18))) {
			if c.start(t).Before(noon().Add(-o.Retention)) {
				lost = append(lost, c.ID)
			} else {
				kept = append(kept, c.ID)
			}
		}
		slices.Reverse(kept)
		var got []string
		for _, c := range decodeAll[call](t, b.all(callLog+"?"+window(day(10), day(18).Add(-time.Millisecond)))) {
			got = append(got, c.ID)
		}
		if diff := cmp.Diff(kept, got); diff != "" || len(lost) == 0 {
			t.Errorf("%d lost: %s", len(lost), diff)
		}
		b.get(callLog+"/"+lost[len(lost)-1]).mustBe(t, 404, "CMN-102")
		if answer := b.get(callLog + "/" + kept[len(kept)-1]); answer.StatusCode != 200 {
			t.Errorf("kept: %s", answer.Status)
		}
		for _, r := range b.feed("syncType=FSync&dateFrom=2026-11-10T00:00:00Z&view=Detailed") {
			if c := decode[call](t, r); c.start(t).Before(noon().Add(-o.Retention)) {
				t.Errorf("the feed has %s", c.StartTime)
			}
		}
	}
}

func TestShowDeletedRefused(t *testing.T) {
	o := alive()
	o.RefuseShowDeleted = true
	b := open(t, o)
	b.get(callLog+"?showDeleted=true").mustBe(t, 400, "CMN-101")
	b.get(callLog+"?showDeleted=false").mustBe(t, 400, "CMN-101")
	for _, path := range []string{ownLog + "?showDeleted=true", callLog} {
		if answer := b.get(path); answer.StatusCode != 200 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

// A tombstone is in the log of every extension that had the call.
func TestTombstonesOfExtensions(t *testing.T) {
	o := alive()
	o.Now = longAfter
	b := open(t, o)
	checked := 0
	for _, versions := range histories(b.Simulator, day(2), day(9)) {
		n := len(versions)
		if n < 2 || !versions[n-1].Deleted {
			continue
		}
		c := decode[call](t, versions[n-2].JSON)
		path := fmt.Sprintf("%s/extension/%d/call-log?%s", account, c.Extension.ID, window(day(2), day(9)))
		if all := strings.Join(texts(b.all(path)), ""); strings.Contains(all, c.ID) {
			t.Errorf("%s is deleted and in the log of its extension", c.ID)
		}
		if all := strings.Join(texts(b.all(path+"&showDeleted=true")), ""); !strings.Contains(all, c.ID) {
			t.Errorf("%s is not among the deleted ones of its extension", c.ID)
		}
		checked++
	}
	if checked == 0 {
		t.Error("nothing was deleted")
	}
}
