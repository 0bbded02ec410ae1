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
		got := Ranges(Owed(tc.ledger, lookback, lookback, now))
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
		{"about five full pages", week, nil, 2000, []int{2, 2, 2, 1}, []int{4, 4, 4, 2}},
		{"sparse days", week, nil, 10, []int{7}, []int{1}},
		{"a day larger than a unit stays one", week[:2], nil, 40000, []int{1, 1}, []int{40, 40}},
		{"what a day brought when it was read", week[:2], sinks.Ledger{day("2026-11-01"): closed("2026-11-05T00:00:00Z", 4999), day("2026-11-02"): closed("2026-11-05T00:00:00Z", 1)}, 9,
			[]int{2}, []int{5}},
		{"the mean of the same weekday", []arrow.Date32{day("2026-11-15")}, sinks.Ledger{
			day("2026-11-01"): closed("2026-11-05T00:00:00Z", 100), day("2026-11-08"): closed("2026-11-12T00:00:00Z", 3100), day("2026-11-09"): closed("2026-11-12T00:00:00Z", 9000)}, 9,
			[]int{1}, []int{2}},
		{"a day read before its end says little", []arrow.Date32{day("2026-11-15")}, sinks.Ledger{day("2026-11-01"): closed("2026-11-01T12:00:00Z", 100)}, 0, []int{1}, []int{-1}},
		{"what other weekdays brought says little of many days", week, sinks.Ledger{day("2026-10-31"): closed("2026-11-05T00:00:00Z", 10)}, 0, []int{2, 2, 3}, []int{1, 1, 1}},
		{"unless the caller knows better", week, sinks.Ledger{day("2026-10-31"): closed("2026-11-05T00:00:00Z", 10)}, 2000, []int{2, 2, 3}, []int{4, 4, 5}},
		{"a gap between days ends a unit", []arrow.Date32{week[0], week[2]}, nil, 10, []int{1, 1}, []int{1, 1}},
	} {
		var units, requests []int
		for _, u := range Units(tc.days, tc.ledger, Sizing{CallsPerDay: tc.calls}, now) {
			units = append(units, len(u.Days))
			if u.Requests == nil {
				requests = append(requests, -1)
			} else {
				requests = append(requests, *u.Requests)
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
		if got := strings.Join(Ranges(utcDays(tc.date, zone)), ", "); got != tc.want {
			t.Errorf("%s in %s: %s, want %s", tc.date, tc.zone, got, tc.want)
		}
	}
}
