package simulator_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

const feed = account + "/call-log-extract-sync"

type feedPage struct {
	URI      string
	Records  []json.RawMessage
	SyncInfo struct {
		SyncType, SyncToken, SyncTime string
		NewerRecordsExist             bool
	}
}

func (b *bench) feedPage(query string) feedPage {
	b.t.Helper()
	answer := b.get(feed + "?" + query)
	if answer.StatusCode != 200 {
		b.t.Fatalf("feed %s: %s: %s", query, answer.Status, answer.body)
	}
	return decode[feedPage](b.t, answer.body)
}

// feed walks the feed to its end.
func (b *bench) feed(query string) []json.RawMessage {
	b.t.Helper()
	p := b.feedPage(query)
	all := p.Records
	for p.SyncInfo.NewerRecordsExist {
		p = b.feedPage("syncType=ISync&syncToken=" + p.SyncInfo.SyncToken)
		all = append(all, p.Records...)
	}
	return all
}

const everything = "syncType=FSync&view=Detailed&recordCount=50&dateFrom=2026-11-10T00:00:00.000Z"

func TestFeedBringsEveryCurrentVersion(t *testing.T) {
	for name, o := range map[string]simulator.Options{"alive": alive(), "static": small()} {
		b := open(t, o)
		want := map[string]string{}
		for _, versions := range histories(b.Simulator, day(1), day(19)) {
			if v := versions[len(versions)-1]; !v.At.Before(day(10)) {
				want[v.ID] = string(v.JSON)
			}
		}
		if got := byID(t, b.feed(everything)); !maps.Equal(got, want) || len(want) < 200 {
			t.Errorf("%s: %d wanted: %s", name, len(want), cmp.Diff(want, got))
		}
	}
}

// Who reads the feed while time goes on ends with the state of the log.
func TestFeedWhileTimeGoesOn(t *testing.T) {
	b := open(t, alive())
	held := map[string]string{}
	add := func(records []json.RawMessage) {
		for id, r := range byID(t, records) {
			held[id] = r
		}
	}
	p := b.feedPage(strings.Replace(everything, "2026-11-10", "2026-10-01", 1))
	add(p.Records)
	for range 400 {
		b.clock.advance(17*time.Minute + 333*time.Millisecond)
		if b.get(account).StatusCode == 401 {
			b.token = b.login()
		}
		p = b.feedPage("syncType=ISync&syncToken=" + p.SyncInfo.SyncToken)
		add(p.Records)
	}
	for p.SyncInfo.NewerRecordsExist {
		p = b.feedPage("syncType=ISync&syncToken=" + p.SyncInfo.SyncToken)
		add(p.Records)
	}
	compared := 0
	for _, versions := range histories(b.Simulator, day(5), day(25)) {
		v := versions[len(versions)-1]
		if held[v.ID] != string(v.JSON) {
			t.Errorf("%s: %s, want %s", v.ID, held[v.ID], v.JSON)
		}
		compared++
	}
	if compared < 300 {
		t.Errorf("%d records", compared)
	}
}

// A page goes on until all that was changed in its last millisecond is there.
func TestFeedPageIsLongerAtTheBorder(t *testing.T) {
	b := open(t, alive())
	longer := 0
	last := ""
	p := b.feedPage("view=Detailed&recordCount=2&dateFrom=2026-11-10T00:00:00Z")
	for {
		if len(p.Records) > 2 {
			longer++
			calls := decodeAll[call](t, p.Records)
			if calls[1].LastModifiedTime != calls[len(calls)-1].LastModifiedTime {
				t.Errorf("%d records for no reason", len(calls))
			}
		}
		for _, c := range decodeAll[call](t, p.Records) {
			if c.LastModifiedTime < last && len(c.Legs) == 0 {
				t.Errorf("%s: %s comes after %s", c.ID, c.LastModifiedTime, last)
			}
			last = max(last, c.LastModifiedTime)
		}
		if !p.SyncInfo.NewerRecordsExist {
			break
		}
		p = b.feedPage("syncType=ISync&syncToken=" + p.SyncInfo.SyncToken)
	}
	if longer == 0 {
		t.Error("no page was longer than asked for")
	}
}

func TestFeedParameters(t *testing.T) {
	b := open(t, small())
	for query, code := range map[string]string{
		"syncType=Full": "CMN-101", "view=Full": "CMN-101", "recordCount=0": "CMN-101", "recordCount=x": "CMN-101",
		"dateFrom=yesterday": "CMN-101", "syncType=ISync": "CMN-101", "syncType=ISync&syncToken=": "CMN-101",
		"syncType=ISync&syncToken=x": "CLG-101", "syncType=ISync&syncToken=" + strings.Repeat("A", 40): "CLG-101",
	} {
		b.get(feed+"?"+query).mustBe(t, 400, code)
	}
	b.clock.advance(6 * time.Hour)
	b.token = b.login()
	p := b.feedPage("")
	lastHour := 0
	for _, versions := range histories(b.Simulator, day(17), day(19)) {
		if !versions[0].At.Before(b.clock.Now().Add(-time.Hour)) {
			lastHour++
		}
	}
	if len(p.Records) != lastHour || lastHour == 0 || strings.Contains(string(p.Records[0]), `"legs"`) {
		t.Errorf("%d records by default, want %d of the last hour", len(p.Records), lastHour)
	}
	if p.SyncInfo.SyncType != "FSync" || p.SyncInfo.SyncTime != b.clock.Now().Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("%+v", p.SyncInfo)
	}
	if n := len(b.feedPage("recordCount=5000&dateFrom=2026-11-01").Records); n != 1000 {
		t.Errorf("%d records on the largest page", n)
	}
	// The view and the count of the full sync stay.
	p = b.feedPage("recordCount=3&view=Detailed&metadataCategory=Sales&dateFrom=2026-11-01")
	p = b.feedPage("syncType=ISync&syncToken=" + p.SyncInfo.SyncToken + "&view=Simple&recordCount=9")
	if len(p.Records) != 3 || !strings.Contains(string(p.Records[0]), `"legs"`) || p.SyncInfo.SyncType != "ISync" {
		t.Errorf("%d records: %s", len(p.Records), p.Records)
	}
	for _, c := range decodeAll[call](t, p.Records) {
		if len(c.MetadataCategories) == 0 || c.MetadataCategories[0] != "Sales" {
			t.Errorf("%v", c.MetadataCategories)
		}
	}
}

func TestFeedTokensExpire(t *testing.T) {
	o := small()
	o.FeedTokenLifetime = 10 * time.Minute
	b := open(t, o)
	token := b.feedPage("").SyncInfo.SyncToken
	b.clock.advance(10*time.Minute - time.Millisecond)
	next := b.feedPage("syncType=ISync&syncToken=" + token).SyncInfo.SyncToken
	b.clock.advance(time.Millisecond)
	b.get(feed+"?syncType=ISync&syncToken="+token).mustBe(t, 400, "CLG-101")
	next = b.feedPage("syncType=ISync&syncToken=" + next).SyncInfo.SyncToken
	b.ExpireFeedTokens()
	answer := b.get(feed + "?syncType=ISync&syncToken=" + next)
	answer.mustBe(t, 400, "CLG-101")
	if !strings.Contains(string(answer.body), `"parameterName":"syncToken"`) {
		t.Errorf("%s", answer.body)
	}
	next = b.feedPage("").SyncInfo.SyncToken
	b.feedPage("syncType=ISync&syncToken=" + next)
	// That of another company is none.
	o.Seed++
	foreign := open(t, o).feedPage("").SyncInfo.SyncToken
	b.get(feed+"?syncType=ISync&syncToken="+foreign).mustBe(t, 400, "CLG-101")
}

func TestFeedOptions(t *testing.T) {
	o := alive()
	b := open(t, o)
	deleted := 0
	for _, r := range b.feed(everything) {
		if strings.Contains(string(r), `"deleted":true`) {
			deleted++
		}
	}
	o.FeedHidesDeleted = true
	hidden := open(t, o).feed(everything)
	if deleted == 0 || strings.Contains(fmt.Sprintf("%s", hidden), `"deleted":true`) {
		t.Errorf("%d tombstones, or some where they are hidden", deleted)
	}
	o.Feed = simulator.FeedMissing
	open(t, o).get(feed).mustBe(t, 404, "AGW-404")
	o.Feed = simulator.FeedRefused
	answer := open(t, o).get(feed)
	answer.mustBe(t, 403, "CMN-401")
	if !strings.Contains(string(answer.body), `"permissionName":"ReadCallLog"`) {
		t.Errorf("%s", answer.body)
	}
	o.Feed = "sometimes"
	if _, err := simulator.New(&o); err == nil || !strings.Contains(err.Error(), `feed: "sometimes" is unknown`) {
		t.Errorf("%v", err)
	}
}

func TestFeedOfRecordings(t *testing.T) {
	one := `{"id":"a","startTime":"2026-03-01T10:00:00.000Z","lastModifiedTime":"2026-03-05T10:00:00.000Z"}`
	two := `{"id":"b","startTime":"2026-03-02T10:00:00.000Z"}`
	b := recorded(t, file("x", one+two))
	if diff := cmp.Diff([]string{two, one}, texts(b.feedPage("dateFrom=2026-03-01").Records)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{one}, texts(b.feed("dateFrom=2026-03-03"))); diff != "" {
		t.Error(diff)
	}
}
