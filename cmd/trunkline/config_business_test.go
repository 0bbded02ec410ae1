package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sql"
)

// businessOf reads a configuration, and a contact file beside it.
func businessOf(t *testing.T, text, contacts string) (sql.Settings, error) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string]string{"trunkline.yaml": text, "contacts.csv": contacts} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var settings sql.Settings
	f, err := readConfigFile([]string{"--config", filepath.Join(dir, "trunkline.yaml")}, os.LookupEnv)
	if err == nil {
		err = f.business(&settings)
	}
	return settings, err
}

func TestBusiness(t *testing.T) {
	got, err := businessOf(t, `
business-hours:
  monday: 09:00-17:30
  tuesday: [08:00-12:00, "13:00 - 24:00"]
  saturday: closed
  sunday: 10:00-11:00
holidays:
  - 2026-12-25
  - {name: New Year's Day, date: 2027-01-01}
billing:
  contacts: contacts.csv
  rate-cards:
    - {currency: EUR, rate-per-minute: 1.50, initial: 30s, increment: 6s, minimum: 1m, grace: 5s, valid-to: 2026-06-30}
    - {currency: JPY, rate-per-minute: "200", valid-from: 2026-07-01, free: [missed]}
    - {contact: acme, currency: KWD, rate-per-minute: 0.0125, free: []}
`, "\ufeffcontact_id,number,valid_to,valid_from\nacme,+1 (415) 555-0101,2026-06-30,\nzenith,+14155550101,,2026-07-01\n")
	want := sql.Settings{
		BusinessHours: []sql.BusinessHours{
			{Weekday: time.Monday, FromMinute: 540, ToMinute: 1050},
			{Weekday: time.Tuesday, FromMinute: 480, ToMinute: 720}, {Weekday: time.Tuesday, FromMinute: 780, ToMinute: 1440},
			{Weekday: time.Sunday, FromMinute: 600, ToMinute: 660},
		},
		Holidays: []sql.Holiday{{Date: "2026-12-25"}, {Date: "2027-01-01", Name: "New Year's Day"}},
		RateCards: []sql.RateCard{
			{Currency: "EUR", CurrencyDigits: 2, RatePerMinute: "1.50", InitialS: 30, IncrementS: 6, MinimumS: 60, GraceS: 5,
				InternalFree: true, MissedFree: true, VoicemailFree: true, ValidTo: "2026-06-30"},
			{Currency: "JPY", RatePerMinute: "200", IncrementS: 1, MissedFree: true, ValidFrom: "2026-07-01"},
			{ContactID: "acme", Currency: "KWD", CurrencyDigits: 3, RatePerMinute: "0.0125", IncrementS: 1},
		},
		Contacts: []sql.Contact{
			{Digits: "14155550101", ContactID: "acme", ValidTo: "2026-06-30"},
			{Digits: "14155550101", ContactID: "zenith", ValidFrom: "2026-07-01"},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestBusinessRefuses: what is wrong is named by file, line and key, with what was expected.
func TestBusinessRefuses(t *testing.T) {
	const hours = "business-hours:\n  monday: 09:00-17:00\n"
	for _, tc := range []struct{ text, want string }{
		{"business-hours: 09:00-17:00", ":1: business-hours: expected keys with values: monday, tuesday"},
		{"business-hours: {}", ":1: business-hours: expected at least one weekday"},
		{"business-hours:\n  Monday: 09:00-17:00", ":2: business-hours.Monday: unknown key; expected one of monday, "},
		{hours + "  monday: 10:00-11:00", ":3: business-hours.monday: the key is there twice, first in line 2"},
		{"business-hours:\n  monday: 9-17", `:2: business-hours.monday: "9-17": expected hours such as 09:00-17:30`},
		{"business-hours:\n  monday: 17:00-09:00", `:2: business-hours.monday: "17:00-09:00" ends before it starts`},
		{"business-hours:\n  monday: 09:00-09:00", "ends before it starts"},
		{"business-hours:\n  monday: 09:00-24:01", "expected times from 00:00 to 24:00"},
		{"business-hours:\n  monday: 09:60-17:00", "expected times from 00:00 to 24:00"},
		{"business-hours:\n  monday: {from: 09:00}", ":2: business-hours.monday: expected hours such as"},
		{"business-hours:\n  monday:\n    - 09:00-12:00\n    - 11:00-13:00", `:4: business-hours.monday: "11:00-13:00" overlaps`},
		{"holidays: [2026-12-25]", ":1: holidays: holidays are days without business hours; expected the key business-hours"},
		{hours + "holidays: 2026-12-25", ":3: holidays: expected a list: dates such as"},
		{hours + "holidays:\n  - 25.12.2026", `:4: holidays: "25.12.2026": expected a date such as 2026-12-31`},
		{hours + "holidays:\n  - 2026-02-29", "expected a date"},
		{hours + "holidays:\n  - {name: Easter}", ":4: holidays: expected a date beside the name"},
		{hours + "holidays:\n  - {day: 2026-12-25}", ":4: holidays.day: unknown key; expected one of date, name"},
		{hours + "holidays:\n  - 2026-12-25\n  - {date: 2026-12-25, name: again}", ":5: holidays: 2026-12-25 is there twice, first in line 4"},
		{"billing:\n  rates: []", ":2: billing.rates: unknown key; expected one of contacts, rate-cards"},
		{"billing:\n  contacts: [a]", ":2: billing.contacts: expected the name of a CSV file"},
		{"billing:\n  contacts: none.csv", "none.csv: no such file"},
		{"billing:\n  rate-cards: {currency: EUR}", ":2: billing.rate-cards: expected a list"},
		{"billing:\n  rate-cards:\n    - EUR", ":3: billing.rate-cards: expected keys with values: contact, currency"},
		{cards("{currency: EUR}"), ":3: billing.rate-cards: expected currency and rate-per-minute in every card"},
		{cards("{rate-per-minute: 1}"), ":3: billing.rate-cards: expected currency and rate-per-minute"},
		{cards("{currency: EURO, rate-per-minute: 1}"), `:3: billing.rate-cards.currency: "EURO": expected a code of ISO 4217`},
		{cards("{currency: eur, rate-per-minute: 1}"), "expected a code of ISO 4217 in capitals"},
		{cards("{currency: EUR, rate-per-minute: 1e3}"), `rate-per-minute: "1e3": expected a decimal number such as 1.50`},
		{cards("{currency: EUR, rate-per-minute: -1}"), "expected a decimal number"},
		{cards("{currency: EUR, rate-per-minute: 1.23456}"), "at most four digits"},
		{cards("{currency: EUR, rate-per-minute: 1, initial: 30}"), `:3: billing.rate-cards.initial: "30": expected whole seconds with a unit`},
		{cards("{currency: EUR, rate-per-minute: 1, grace: 1500ms}"), "expected whole seconds"},
		{cards("{currency: EUR, rate-per-minute: 1, increment: 0s}"), "expected an increment of at least 1s"},
		{cards("{currency: EUR, rate-per-minute: 1, free: missed}"), "free: expected a list: kinds of calls that are free"},
		{cards("{currency: EUR, rate-per-minute: 1, free: [fax]}"), `free: "fax": expected each once, of internal, missed, voicemail`},
		{cards("{currency: EUR, rate-per-minute: 1, free: [missed, missed]}"), "expected each once"},
		{cards("{currency: EUR, rate-per-minute: 1, valid-from: tomorrow}"), `valid-from: "tomorrow": expected a date`},
		{cards("{currency: EUR, rate-per-minute: 1, valid-from: 2026-02-01, valid-to: 2026-01-31}"), "valid-to 2026-01-31 is before valid-from 2026-02-01"},
		{cards("{currency: EUR, rate-per-minute: 1, valid-to: 2026-01-31}", "{currency: EUR, rate-per-minute: 2, valid-from: 2026-01-31}"),
			":4: billing.rate-cards: the default has another card for some of the same days, in line 3"},
		{cards("{contact: acme, currency: EUR, rate-per-minute: 1}", "{contact: acme, currency: USD, rate-per-minute: 2, valid-from: 2026-01-31}"),
			":4: billing.rate-cards: acme has another card"},
	} {
		_, err := businessOf(t, tc.text, "")
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "trunkline.yaml:") {
			t.Errorf("%s\n%v, want %s", tc.text, err, tc.want)
		}
	}
}

func cards(entries ...string) string {
	return "billing:\n  rate-cards:\n    - " + strings.Join(entries, "\n    - ")
}

// TestContactsRefuses: what is wrong in a contact file is named by file, line and column.
func TestContactsRefuses(t *testing.T) {
	const header = "number,contact_id,matter,valid_from,valid_to\n"
	for _, tc := range []struct{ text, want string }{
		{"", "contacts.csv:1: no column number; expected a first line such as number,contact_id"},
		{"number,matter\n", "contacts.csv:1: no column contact_id"},
		{"number;contact_id\n", `contacts.csv:1: column "number;contact_id": expected each once, of number,contact_id,matter`},
		{"number,contact_id,number\n", "expected each once"},
		{header + "+14155550101,acme,,,\n4155550102,acme,,,\n", `contacts.csv:3:1: number: "4155550102": expected a number with + and country code`},
		{header + "+1415555XXXX,acme,,,\n", "expected a number with +"},
		{header + "+14155550101,,,,\n", "contacts.csv:2:14: contact_id: expected the id of a contact"},
		{header + "+14155550101,acme,m,01/02/2026,\n", `contacts.csv:2:21: valid_from: "01/02/2026": expected a date such as 2026-12-31, or nothing`},
		{header + "+14155550101,acme,m,2026-02-01,2026-01-31\n", "contacts.csv:2:32: valid_to: 2026-01-31 is before valid_from 2026-02-01"},
		{header + "+14155550101,acme\n", "contacts.csv: record on line 2: wrong number of fields; expected 5 columns a line"},
		{header + "+14155550101,\"acme,,,\n", "contacts.csv: "},
		{header + "+14155550101,acme,,,2026-06-30\n+14155550102,acme,,,\n+1 415 555 0101,zenith,,2026-06-30,\n",
			"contacts.csv:4:1: number: the number is there twice for some days, first in line 2; expected one contact at a time"},
		{header + "+14155550101,acme,,,\n+14155550101,acme,other,,\n", "twice"},
	} {
		_, err := businessOf(t, "billing: {contacts: contacts.csv}", tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "trunkline.yaml:1: billing.contacts: ") {
			t.Errorf("%q\n%v, want %s", tc.text, err, tc.want)
		}
	}
}

// TestConfigurationDocument: the example in docs/configuration.md is one that the program takes, and shows every key of its own.
func TestConfigurationDocument(t *testing.T) {
	b, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		_, rest, _ := strings.Cut(string(b), "```"+language+"\n")
		text, _, found := strings.Cut(rest, "```")
		if !found {
			t.Fatalf("no example of %s", language)
		}
		return text
	}
	got, err := businessOf(t, block("yaml"), block("csv"))
	if err != nil || len(got.BusinessHours) != 6 || len(got.Holidays) != 2 || len(got.RateCards) != 3 || len(got.Contacts) != 3 {
		t.Errorf("%v %+v", err, got)
	}
	for _, key := range append(append([]string{}, structured...), cardKeys...) {
		if !strings.Contains(block("yaml"), key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
	file := filepath.Join(t.TempDir(), "trunkline.yaml")
	if err := os.WriteFile(file, []byte(block("yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	parseLine(t, []string{"transform", "--config=" + file})
}
