package sql

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// officeHours are those of a company that is open on Mondays with a break, and on Sundays in the hour that comes twice when summer
// time ends, and in the one that is left out when it begins.
func officeHours() Settings {
	s := DefaultSettings()
	s.BusinessHours = []BusinessHours{
		{Weekday: time.Monday, FromMinute: 9 * 60, ToMinute: 12 * 60}, {Weekday: time.Monday, FromMinute: 13 * 60, ToMinute: 17 * 60},
		{Weekday: time.Thursday, FromMinute: 0, ToMinute: 24 * 60}, {Weekday: time.Sunday, FromMinute: 60, ToMinute: 120},
	}
	s.Holidays = []Holiday{{Date: "2026-11-26", Name: "Thanksgiving Day"}, {Date: "2027-01-01"}}
	return s
}

// TestGoldenBusiness holds business hours, on days of 23 and 25 hours, too.
func TestGoldenBusiness(t *testing.T) {
	const dir = "testdata/marts/business"
	s := officeHours()
	e := goldenBy(t, dir, &Options{Timezone: "America/New_York", Settings: &s})
	for mart, columns := range map[string]string{
		"sessions":        "local_date, session_key, start_at, is_business_day, is_after_hours",
		"volume_hourly":   "local_date, local_hour, hour_start_at, calls, is_business_day, after_hours",
		"extension_daily": "local_date, extension_id, calls, inbound, outbound, after_hours",
		"number_daily":    "local_date, company_digits, offered, outbound, faxes, after_hours",
		"queue_daily":     "local_date, queue_extension_id, offered, in_progress, after_hours",
		"queue_hourly":    "local_date, local_hour, queue_extension_id, offered, in_progress, after_hours",
	} {
		m := e.models[slices.IndexFunc(e.models, func(m Model) bool { return m.Relation() == "marts."+mart })]
		compareGolden(t, filepath.Join(dir, mart+".csv"), asCSV(t, e, "select "+columns+" from marts."+mart+" order by "+quoteNames(m.Key)))
	}
	for table, want := range map[string]string{
		"business_hours": "[[1 540 720] [1 780 1020] [4 0 1440] [7 60 120]]", "holidays": "[[2026-11-26 Thanksgiving Day] [2027-01-01 null]]",
	} {
		if got := fmt.Sprint(queryRows(t, e, "select * from staging."+table+" order by all")); got != want {
			t.Errorf("%s: %s", table, got)
		}
	}
}

// TestSettingOn: what a mart depends on is what counts on its day.
func TestSettingOn(t *testing.T) {
	s := officeHours()
	s.RateCards = []RateCard{
		{Currency: "EUR", CurrencyDigits: 2, RatePerMinute: "1", IncrementS: 1, ValidTo: "2026-06-30"},
		{Currency: "EUR", CurrencyDigits: 2, RatePerMinute: "2", IncrementS: 1, ValidFrom: "2026-07-01"},
	}
	s.Contacts = []Contact{{Digits: "1", ContactID: "a"}, {Digits: "2", ContactID: "b", ValidFrom: "2026-07-01", ValidTo: "2026-07-01"}}
	setting := func(change func(*Settings)) func(name, date string) string {
		changed := s
		changed.RateCards, changed.Contacts = slices.Clone(s.RateCards), slices.Clone(s.Contacts)
		change(&changed)
		return open(t, &Options{Settings: &changed}).Setting
	}
	base := setting(func(*Settings) {})
	for _, tc := range []struct {
		name, date string
		change     func(*Settings)
		differs    bool
	}{
		{"rate_card", "2026-06-30", func(s *Settings) { s.RateCards[0].RatePerMinute = "3" }, true},
		{"rate_card", "2026-07-01", func(s *Settings) { s.RateCards[0].RatePerMinute = "3" }, false},
		{"rate_card", "2026-06-30", func(s *Settings) { slices.Reverse(s.RateCards) }, false},
		{"rate_card", "2026-07-01", func(s *Settings) { s.Contacts = nil }, false},
		{"contact_map", "2026-06-30", func(s *Settings) { s.Contacts[1].ContactID = "c" }, false},
		{"contact_map", "2026-07-01", func(s *Settings) { s.Contacts[1].ContactID = "c" }, true},
		{"contact_map", "2026-07-02", func(s *Settings) { s.Contacts[1].ContactID = "c" }, false},
		{"contact_map", "2026-07-01", func(s *Settings) { s.Contacts[1].Matter = "m" }, true},
		{"business_hours", "2026-11-16", func(s *Settings) { s.BusinessHours = s.BusinessHours[1:] }, true}, // a Monday
		{"business_hours", "2026-11-17", func(s *Settings) { s.BusinessHours = s.BusinessHours[1:] }, false},
		{"business_hours", "2026-11-17", func(s *Settings) { s.BusinessHours = nil }, true}, // nothing is known any more
		{"holidays", "2026-11-26", func(s *Settings) { s.Holidays = s.Holidays[1:] }, true},
		{"holidays", "2026-11-27", func(s *Settings) { s.Holidays = s.Holidays[1:] }, false},
		{"service_level_s", "2026-11-27", func(s *Settings) { s.ServiceLevelS = 30 }, true},
	} {
		got := setting(tc.change)(tc.name, tc.date)
		if got == "" || (got != base(tc.name, tc.date)) != tc.differs {
			t.Errorf("%s on %s: differs %t, want %t", tc.name, tc.date, !tc.differs, tc.differs)
		}
	}
	if base("nothing", "2026-07-01") != "" {
		t.Error("a name that is not known")
	}
}

// TestManySettingRows: more rows than one statement takes, with characters that SQL has for itself.
func TestManySettingRows(t *testing.T) {
	s := DefaultSettings()
	for i := range 2*insertedRows + 1 {
		s.Contacts = append(s.Contacts, Contact{Digits: fmt.Sprint(i), ContactID: "O'Neill); --"})
	}
	e := loaded(t, newLake(t, ""), &Options{Settings: &s})
	got := queryRows(t, e, "select count(*), count(distinct phone_digits), max(contact_id), max(matter), min(valid_from), max(valid_to) from staging.contact_map")
	if want := "[[2001 2001 O'Neill); --  0001-01-01 9999-12-31]]"; fmt.Sprint(got) != want {
		t.Error(got)
	}
}

func TestOpenRefusesRateCards(t *testing.T) {
	good := RateCard{Currency: "EUR", CurrencyDigits: 2, RatePerMinute: "999999.9999", IncrementS: 1}
	for name, change := range map[string]func(*RateCard){
		"no rate":        func(c *RateCard) { c.RatePerMinute = "" },
		"five digits":    func(c *RateCard) { c.RatePerMinute = "1.00001" },
		"large":          func(c *RateCard) { c.RatePerMinute = "1000000" },
		"negative":       func(c *RateCard) { c.RatePerMinute = "-1" },
		"no increment":   func(c *RateCard) { c.IncrementS = 0 },
		"negative grace": func(c *RateCard) { c.GraceS = -1 },
		"more digits":    func(c *RateCard) { c.CurrencyDigits = 5 },
	} {
		bad := good
		change(&bad)
		if e, err := Open(t.Context(), &Options{Settings: &Settings{MissedRecoveryDays: 1, RateCards: []RateCard{good, bad}}}); err == nil {
			t.Errorf("%s: opened", name)
			_ = e.Close()
		}
	}
	open(t, &Options{Settings: &Settings{MissedRecoveryDays: 1, RateCards: []RateCard{good}}})
}

// TestPeriods: what is asked of each date in a row is what is asked of it alone.
func TestPeriods(t *testing.T) {
	s := officeHours()
	s.Contacts = []Contact{
		{Digits: "1", ContactID: "a", ValidTo: "2026-11-03"}, {Digits: "1", ContactID: "b", ValidFrom: "2026-11-04", ValidTo: "2026-11-04"},
		{Digits: "2", ContactID: "c", ValidFrom: "2026-11-03"}, {Digits: "3", ContactID: "d"},
	}
	asked := open(t, &Options{Settings: &s})
	seen := map[string][]string{}
	for day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC); day.Month() == time.November; day = day.AddDate(0, 0, 1) {
		for _, name := range []string{"contact_map", "business_hours", "holidays"} {
			date := day.Format(time.DateOnly)
			got, alone := asked.Setting(name, date), hashOn(asked.rows[name], date, isoWeekday(day.Weekday()))
			if got != alone {
				t.Errorf("%s on %s: %s, alone %s", name, date, got, alone)
			}
			if !slices.Contains(seen[name], got) {
				seen[name] = append(seen[name], got)
			}
		}
	}
	// Until the 2nd, the 3rd, the 4th, and after; no hours, Mondays, Thursdays, Sundays; the holiday and the others.
	if got := fmt.Sprint(len(seen["contact_map"]), len(seen["business_hours"]), len(seen["holidays"])); got != "4 4 2" {
		t.Error(got)
	}
}
