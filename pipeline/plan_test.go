package pipeline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sinks"
)

func day(s string) arrow.Date32 {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return arrow.Date32FromTime(at)
}

func clock(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return at
}

func closed(readAt string, records int) sinks.LedgerDay {
	return sinks.LedgerDay{Closed: true, ReadAt: clock(readAt), Records: records}
}

func TestOwed(t *testing.T) {
	const lookback = 72 * time.Hour
	for _, tc := range []struct {
		name   string
		ledger sinks.Ledger
		now    string
		want   []string
	}{
		{"an empty lake owes the last days", nil, "2026-11-23T06:00:00Z",
			[]string{"2026-11-20 to 2026-11-24"}},
		{"a settled day is not asked for again", sinks.Ledger{day("2026-11-10"): closed("2026-11-14T00:00:00Z", 1), day("2026-11-11"): closed("2026-11-15T00:00:00Z", 1)},
			"2026-11-12T00:00:30Z", []string{}},
		{"a day that was never read", sinks.Ledger{day("2026-11-10"): closed("2026-11-14T00:00:00Z", 1), day("2026-11-12"): closed("2026-11-16T00:00:00Z", 1)},
			"2026-11-13T00:00:10Z", []string{"2026-11-11"}},
		{"today, up to a minute ago", sinks.Ledger{day("2026-11-10"): closed("2026-11-14T00:00:00Z", 1)},
			"2026-11-11T00:02:00Z", []string{"2026-11-11"}},
		{"a day read before it ended", sinks.Ledger{day("2026-11-10"): closed("2026-11-10T23:59:59Z", 1)},
			"2026-11-11T00:00:01Z", []string{"2026-11-10"}},
		{"within the lookback after less than a day", sinks.Ledger{day("2026-11-10"): closed("2026-11-11T01:00:00Z", 1), day("2026-11-11"): closed("2026-11-12T00:00:00Z", 1)},
			"2026-11-12T00:00:30Z", []string{}},
		{"within the lookback after more than a day", sinks.Ledger{day("2026-11-10"): closed("2026-11-11T01:00:00Z", 1), day("2026-11-11"): closed("2026-11-12T01:00:00Z", 1)},
			"2026-11-12T02:00:00Z", []string{"2026-11-10", "2026-11-12"}},
		{"the lookback is over since the last read", sinks.Ledger{day("2026-11-10"): closed("2026-11-13T23:59:59Z", 1)},
			"2026-11-14T00:00:00Z", []string{"2026-11-10 to 2026-11-14"}},
	} {
		now := clock(tc.now)
		got := Ranges(Owed(tc.ledger, sinks.FeedState{}, Terms{Since: lookback, Lookback: lookback}, now))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

func TestSettled(t *testing.T) {
	d := day("2026-11-10")
	if Settled(d, clock("2026-11-13T23:59:59Z"), 72*time.Hour) || !Settled(d, clock("2026-11-14T00:00:00Z"), 72*time.Hour) {
		t.Error("a day is settled by a read that begins when its lookback is over")
	}
}

func TestUnits(t *testing.T) {
	now := clock("2026-11-23T06:00:30.5Z")
	week := Window{day("2026-11-01"), day("2026-11-08")}.Days()
	for _, tc := range []struct {
		name     string
		days     []arrow.Date32
		ledger   sinks.Ledger
		calls    int
		units    []int // days of each
		requests []int // -1: unknown
	}{
		{"nothing known: a day each", week[:3], nil, 0, []int{1, 1, 1}, []int{-1, -1, -1}},
		{"about five full pages, weekends being thin", week, nil, 2000, []int{3, 2, 2}, []int{5, 4, 3}},
		{"sparse days", week, nil, 10, []int{7}, []int{1}},
		{"a day larger than a unit stays one", week[1:3], nil, 40000, []int{1, 1}, []int{40, 40}},
		{"what a day brought when it was read", week[:2], sinks.Ledger{day("2026-11-01"): closed("2026-11-05T00:00:00Z", 4999), day("2026-11-02"): closed("2026-11-05T00:00:00Z", 1)}, 9,
			[]int{2}, []int{5}},
		{"the mean of the same weekday", []arrow.Date32{day("2026-11-15")}, sinks.Ledger{
			day("2026-11-01"): closed("2026-11-05T00:00:00Z", 100), day("2026-11-08"): closed("2026-11-12T00:00:00Z", 3100), day("2026-11-09"): closed("2026-11-12T00:00:00Z", 9000)}, 9,
			[]int{1}, []int{2}},
		{"a day read before its end says little", []arrow.Date32{day("2026-11-15")}, sinks.Ledger{day("2026-11-01"): closed("2026-11-01T12:00:00Z", 100)}, 0, []int{1}, []int{-1}},
		{"what other weekdays brought says little of many days", week, sinks.Ledger{day("2026-10-31"): closed("2026-11-05T00:00:00Z", 10)}, 0, []int{2, 2, 3}, []int{1, 1, 1}},
		{"unless the caller knows better", week, sinks.Ledger{day("2026-10-31"): closed("2026-11-05T00:00:00Z", 10)}, 2000, []int{3, 2, 2}, []int{5, 4, 2}},
		{"a gap between days ends a unit", []arrow.Date32{week[0], week[2]}, nil, 10, []int{1, 1}, []int{1, 1}},
	} {
		var units, requests []int
		for _, u := range Units(tc.days, tc.ledger, Sizing{CallsPerDay: tc.calls}, now) {
			units = append(units, len(u.Days))
			if u.Requests == nil {
				requests = append(requests, -1)
			} else {
				requests = append(requests, int(*u.Requests+0.05))
			}
		}
		if diff := cmp.Diff(tc.units, units); diff != "" {
			t.Errorf("%s: days of the units %s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.requests, requests); diff != "" {
			t.Errorf("%s: requests %s", tc.name, diff)
		}
	}
}

// TestTodayEndsAMinuteAgo: a window never asks for what may still be missing, and its edges are whole seconds.
func TestTodayEndsAMinuteAgo(t *testing.T) {
	u := Units([]arrow.Date32{day("2026-11-23")}, nil, Sizing{}, clock("2026-11-23T06:00:30.5Z"))[0]
	if want := clock("2026-11-23T05:59:30Z"); !u.To.Equal(want) || !u.From.Equal(clock("2026-11-23T00:00:00Z")) {
		t.Errorf("%s to %s", u.From, u.To)
	}
}

func TestParseWindow(t *testing.T) {
	now := clock("2026-11-23T06:00:00Z")
	for _, tc := range []struct {
		from, to string
		want     string
		note     string
	}{
		{"2026-11-01", "2026-11-08", "2026-11-01 to 2026-11-08", ""},
		{"2026-11-01", "", "2026-11-01 to 2026-11-24", ""},
		{"2026-11-01T06:00:00Z", "2026-11-08T00:00:01+01:00", "2026-11-01 to 2026-11-08", "widened"},
		{"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-01 to 2026-11-02", ""},
		{"2026-11-20", "2027-01-01", "2026-11-20 to 2026-11-24", "clamped"},
	} {
		w, notes, err := ParseWindow(tc.from, tc.to, now)
		if err != nil || w.String() != tc.want || !strings.Contains(strings.Join(notes, " "), tc.note) || (tc.note == "") != (notes == nil) {
			t.Errorf("%s to %s: %s, %v, %v", tc.from, tc.to, w, notes, err)
		}
	}
}

func TestParseWindowRefuses(t *testing.T) {
	now := clock("2026-11-23T06:00:00Z")
	for _, tc := range []struct {
		from, to, want string
		empty          bool
	}{
		{"2026-11-01", "2026-11-01", "not part of the window", true},
		{"2026-11-02", "2026-11-01", "lies after", true},
		{"2026-12-01", "2026-12-02", "future", true},
		{"01.11.2026", "", "expected a day such as", false},
		{"2026-11-01", "tomorrow", "--to", false},
		{"2026-02-30", "", "--from", false},
		{"", "2026-11-01", "--to needs --from", false},
	} {
		_, _, err := ParseWindow(tc.from, tc.to, now)
		if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, ErrEmptyWindow) != tc.empty {
			t.Errorf("%s to %s: error %v", tc.from, tc.to, err)
		}
	}
}

func TestPartitionRanges(t *testing.T) {
	got := PartitionRanges([]Partition{
		{"marts/b", "1", day("2026-11-01")}, {"call_log", "2", day("2026-11-03")}, {"call_log", "1", day("2026-11-02")}, {"call_log", "1", day("2026-11-01")}, {"call_log", "1", day("2026-11-04")},
	})
	want := []PartitionRange{
		{"call_log", "1", "2026-11-01", "2026-11-03"}, {"call_log", "1", "2026-11-04", "2026-11-05"}, {"call_log", "2", "2026-11-03", "2026-11-04"}, {"marts/b", "1", "2026-11-01", "2026-11-02"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLocalDays: which UTC days a local date needs, also in nights that are longer or shorter.
func TestLocalDays(t *testing.T) {
	for _, tc := range []struct{ zone, date, want string }{
		{"UTC", "2026-11-01", "2026-11-01"},
		{"America/New_York", "2026-11-01", "2026-11-01 to 2026-11-03"},
		{"America/New_York", "2026-03-08", "2026-03-08 to 2026-03-10"},
		{"Asia/Tokyo", "2026-11-01", "2026-10-31 to 2026-11-02"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30 to 2012-01-01"},
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(Ranges(stretchOf(tc.date, zone, 0, 0).utc.Days()), ", "); got != tc.want {
			t.Errorf("%s in %s: %s, want %s", tc.date, tc.zone, got, tc.want)
		}
	}
}

// TestOwedWithFeed: a day that a live feed tells the changes of is listed once after it ends and once after its lookback; where
// the feed missed something, days are listed again.
func TestOwedWithFeed(t *testing.T) {
	const lookback = 72 * time.Hour
	now := clock("2026-11-20T12:00:00Z")
	live := sinks.FeedState{SyncToken: "t", Since: clock("2026-11-17T12:00:00Z"), SyncTime: now}
	gap := sinks.FeedState{GapFrom: clock("2026-11-16T00:00:00Z"), GapTo: clock("2026-11-19T09:00:00Z")}
	for _, tc := range []struct {
		name string
		day  string
		held sinks.LedgerDay
		feed sinks.FeedState
		want bool
	}{
		{"today, followed since before it began", "2026-11-20", sinks.LedgerDay{}, live, false},
		{"today, read since the feed began", "2026-11-20", closed("2026-11-20T00:05:00Z", 1), live, false},
		{"the day in which the feed began", "2026-11-17", closed("2026-11-17T11:00:00Z", 1), live, true},
		{"ended and not read since", "2026-11-19", closed("2026-11-19T13:00:00Z", 1), live, true},
		{"ended, never read, though followed", "2026-11-19", sinks.LedgerDay{How: "feed", ContentHash: "x"}, live, true},
		{"read after its end, two days ago", "2026-11-17", closed("2026-11-18T01:00:00Z", 1), live, false},
		{"the same without a feed", "2026-11-17", closed("2026-11-18T01:00:00Z", 1), sinks.FeedState{}, true},
		{"its lookback is over", "2026-11-16", closed("2026-11-18T01:00:00Z", 1), live, true},
		{"its lookback is over, read since", "2026-11-16", closed("2026-11-20T01:00:00Z", 1), live, false},
		{"read before the feed began", "2026-11-16", closed("2026-11-20T01:00:00Z", 1), sinks.FeedState{SyncToken: "t", Since: clock("2026-11-20T02:00:00Z")}, false},
		{"settled, but the feed missed changes since", "2026-11-13", closed("2026-11-17T01:00:00Z", 1), gap, true},
		{"read after the gap", "2026-11-13", closed("2026-11-19T10:00:00Z", 1), gap, false},
		{"older than the gap's lookback", "2026-11-12", closed("2026-11-16T00:00:00Z", 1), gap, false},
		{"asked for, and forgotten", "2026-11-10", sinks.LedgerDay{Doubt: sinks.DoubtUnknown, ReadAt: clock("2026-11-18T00:00:00Z")}, live, false},
	} {
		if got := isOwed(day(tc.day), tc.held, tc.feed, lookback, now); got != tc.want {
			t.Errorf("%s: owed %v", tc.name, got)
		}
	}
}

// TestDoubt: an empty or short answer for a day near the horizon is no reason to call it held.
func TestDoubt(t *testing.T) {
	terms, now := Terms{Retention: 270 * 24 * time.Hour}, clock("2026-11-20T12:00:00Z") // the horizon is 2026-02-23T12:00:00Z
	older := sinks.Ledger{day("2026-02-01"): {Rows: 9}}
	for _, tc := range []struct {
		name     string
		day      string
		records  int
		earliest string
		ledger   sinks.Ledger
		want     string
	}{
		{"far from the horizon", "2026-03-01", 0, "", nil, ""},
		{"older than the retention, nothing", "2026-01-01", 0, "", older, sinks.DoubtUnknown},
		{"near the horizon, nothing", "2026-02-24", 0, "", older, sinks.DoubtUnknown},
		{"the day of the horizon, from it on", "2026-02-23", 5, "2026-02-23T12:00:00Z", older, sinks.DoubtPartial},
		{"the day of the horizon, from before it", "2026-02-23", 5, "2026-02-23T03:00:00Z", older, ""},
		{"where another horizon begins", "2026-01-15", 5, "2026-01-15T03:00:00Z", nil, sinks.DoubtPartial},
		{"beyond it, with calls of earlier days held", "2026-02-15", 5, "2026-02-15T03:00:00Z", older, ""},
		{"fewer than are held", "2026-02-15", 5, "2026-02-15T03:00:00Z", sinks.Ledger{day("2026-02-01"): {Rows: 9}, day("2026-02-15"): {Rows: 6}}, sinks.DoubtPartial},
		{"fewer than half of what is usual", "2026-02-15", 5, "2026-02-15T03:00:00Z",
			sinks.Ledger{day("2026-02-01"): {Rows: 9}, day("2026-11-01"): closed("2026-11-05T00:00:00Z", 11)}, sinks.DoubtPartial},
	} {
		b := brought{records: tc.records}
		if tc.earliest != "" {
			b.earliest = clock(tc.earliest)
		}
		if got := terms.doubt(day(tc.day), b, tc.ledger, now); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := (Terms{}).doubt(day("2020-01-01"), brought{}, nil, now); got != "" {
		t.Errorf("without a retention: %q", got)
	}
}

// TestAtRisk: days that RingCentral is about to forget are named until they are held, or were asked for in vain.
func TestAtRisk(t *testing.T) {
	terms, now := Terms{Retention: 270 * 24 * time.Hour}, clock("2026-11-20T12:00:00Z")
	held := sinks.Ledger{day("2026-02-24"): {Closed: true}, day("2026-02-25"): {Doubt: sinks.DoubtUnknown}, day("2026-02-26"): {How: "imported"}}
	if diff := cmp.Diff([]string{"2026-02-23", "2026-02-26 to 2026-03-10"}, Ranges(AtRisk(held, terms, now))); diff != "" {
		t.Error(diff)
	}
	if got := AtRisk(held, Terms{}, now); got != nil {
		t.Errorf("without a retention: %v", got)
	}
}
