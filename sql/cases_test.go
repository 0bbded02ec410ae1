package sql

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// caseDates tell which case each local date of testdata/marts/cases holds, and no other: so the date of a row says what it is about.
//
//	2026-03-08  spring night     a call goes over the hour that is left out
//	2026-11-01  autumn night     one call in each of the two hours from 01:00 to 02:00; the first goes on into the second
//	2026-11-09  plain            a call from outside, recorded, and one back
//	2026-11-10  queue fan-out    two phones ring in vain, the third is answered
//	2026-11-11  abandoned        in the queue, and in the menu before it, by a caller who withholds the number; a holiday
//	2026-11-12  warm transfer    a customer is handed on after a call between the colleagues
//	2026-11-13  blind transfer   a customer is handed on without one
//	2026-11-16  voicemail        the message is in the message store, too; the caller is called back
//	2026-11-17  internal         one extension calls another
//	2026-11-18  masked           a caller whose number is blotted out is missed
//	2026-11-19  messages         an SMS, and a fax of call log and message store that was not delivered
//	2026-11-20  midnight UTC     a customer is handed on after a call between colleagues, which starts on the next UTC day
var caseDates = map[string]string{
	"2026-03-08": "spring night", "2026-11-01": "autumn night", "2026-11-09": "plain", "2026-11-10": "queue fan-out",
	"2026-11-11": "abandoned", "2026-11-12": "warm transfer", "2026-11-13": "blind transfer", "2026-11-16": "voicemail",
	"2026-11-17": "internal", "2026-11-18": "masked", "2026-11-19": "messages", "2026-11-20": "midnight UTC",
}

// unseen are the cases that a mart has no row of, with the reason; every other case has one in every mart.
var unseen = map[string]map[string]string{
	"billing_contact_daily":  withoutContact,
	"billing_contact_hourly": withoutContact,
	"billing_items":          {"messages": "only voice is charged"},
	"crm_contacts": {
		"messages": "only voice is here yet", "internal": "nobody outside took part", "masked": "a masked number cannot be told from another",
	},
	"crm_interactions": {"messages": "only voice is here yet", "internal": "nobody outside took part"},
	"missed_recovery":  allBut("nobody outside was missed", "abandoned", "voicemail", "masked"),
	"number_daily":     {"internal": "no number of the company's took part"},
	"queue_daily":      allBut("no queue took part", "queue fan-out", "abandoned"),
	"queue_hourly":     allBut("no queue took part", "queue fan-out", "abandoned"),
	"volume_hourly":    {"messages": "only voice is counted"},
}

var withoutContact = map[string]string{"messages": "only voice is charged", "masked": "a masked number is no contact's"}

func allBut(reason string, seen ...string) map[string]string {
	out := map[string]string{}
	for _, name := range caseDates {
		if !slices.Contains(seen, name) {
			out[name] = reason
		}
	}
	return out
}

// openOnWeekdays are the settings of testdata/marts/cases: open from nine to five but for one holiday; acme pays by the minute, all others by
// six seconds after the first thirty, calls between colleagues included.
func openOnWeekdays() Settings {
	s := DefaultSettings()
	for day := time.Monday; day <= time.Friday; day++ {
		s.BusinessHours = append(s.BusinessHours, BusinessHours{Weekday: day, FromMinute: 9 * 60, ToMinute: 17 * 60})
	}
	s.Holidays = []Holiday{{Date: "2026-11-11", Name: "Veterans Day"}}
	all := RateCard{Currency: "USD", CurrencyDigits: 2, RatePerMinute: "0.60", InitialS: 30, IncrementS: 6, MissedFree: true, VoicemailFree: true}
	acme := all
	acme.ContactID, acme.RatePerMinute, acme.InitialS, acme.IncrementS = "acme", "1.25", 60, 60
	s.RateCards = []RateCard{all, acme}
	s.Contacts = []Contact{
		{Digits: "14155550101", ContactID: "acme", Matter: "m-1"}, {Digits: "14155550102", ContactID: "acme", Matter: "m-2"},
		{Digits: "14155550103", ContactID: "zenith"}, {Digits: "14155550104", ContactID: "zenith"}, {Digits: "14155550105", ContactID: "zenith"},
		{Digits: "14155550106", ContactID: "acme"}, {Digits: "14155550107", ContactID: "zenith"},
		{Digits: "14155550108", ContactID: "acme"}, {Digits: "14155550109", ContactID: "acme"},
	}
	return s
}

// TestGoldenCases holds every mart by the same cases, and that every mart shows each of them or has a reason not to.
func TestGoldenCases(t *testing.T) {
	const dir = "testdata/marts/cases"
	e := goldenBy(t, dir, &Options{Timezone: "America/New_York", Settings: goldenSettings(dir)})
	for _, m := range onFloor(e.models, "marts") {
		t.Run(m.Name, func(t *testing.T) {
			compareGolden(t, filepath.Join(dir, m.Name+".csv"), asCSV(t, e, "select * from "+m.Relation()+" order by "+quoteNames(m.Key)))
			seen := map[string]bool{}
			for _, row := range queryRows(t, e, "select distinct cast(local_date as varchar) from "+m.Relation()) {
				seen[row[0]] = true
			}
			for date, name := range caseDates {
				if reason := unseen[m.Name][name]; seen[date] == (reason != "") {
					t.Errorf("%s, %s: has rows %t; reason to have none: %q", date, name, seen[date], reason)
				}
			}
		})
	}
	checkUnseen(t, e)
}

// checkUnseen: no reason is given for a mart or a case that is not there.
func checkUnseen(t *testing.T, e *Engine) {
	t.Helper()
	cases := slices.Collect(maps.Values(caseDates))
	for mart, reasons := range unseen {
		if err := checkMart(onFloor(e.models, "marts"), mart); err != nil {
			t.Error(err)
		}
		for name := range reasons {
			if !slices.Contains(cases, name) {
				t.Errorf("%s: case %q is none of %v", mart, name, cases)
			}
		}
	}
}
