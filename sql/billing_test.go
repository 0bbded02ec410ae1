package sql

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// charging is what the contacts of testdata/marts/billing are charged: acme by the minute until the 20th and then by six seconds, tokyo
// also for calls that nobody answered, in a currency without and kuwait in one with three digits behind the point.
func charging() Settings {
	s := DefaultSettings()
	free := RateCard{Currency: "EUR", CurrencyDigits: 2, InternalFree: true, MissedFree: true, VoicemailFree: true}
	card := func(contact, rate string, initialS, incrementS int) RateCard {
		c := free
		c.ContactID, c.RatePerMinute, c.InitialS, c.IncrementS = contact, rate, initialS, incrementS
		return c
	}
	standard, before, after := card("", "0.50", 30, 6), card("acme", "1.25", 60, 60), card("acme", "1.5000", 30, 6)
	standard.GraceS = 5
	before.ValidTo, after.ValidFrom, after.MinimumS = "2026-11-20", "2026-11-21", 60
	tokyo, kuwait := card("tokyo", "33", 0, 1), card("kuwait", "0.0125", 1, 1)
	tokyo.Currency, tokyo.CurrencyDigits, tokyo.MissedFree, tokyo.MinimumS = "JPY", 0, false, 10
	kuwait.Currency, kuwait.CurrencyDigits = "KWD", 3
	s.RateCards = []RateCard{standard, before, after, tokyo, kuwait}
	s.Contacts = []Contact{
		{Digits: "14155550101", ContactID: "acme", Matter: "m-1"}, {Digits: "14155550102", ContactID: "acme", Matter: "m-2"},
		{Digits: "14155550103", ContactID: "zenith", ValidTo: "2026-11-20"}, {Digits: "14155550103", ContactID: "omega", ValidFrom: "2026-11-21"},
		{Digits: "14155550104", ContactID: "acme"}, {Digits: "14155550104", ContactID: "zenith"},
		{Digits: "81312345678", ContactID: "tokyo"}, {Digits: "96522222222", ContactID: "kuwait", Matter: "k-1"},
	}
	return s
}

// charged is an engine with the marts of some calls.
func charged(t *testing.T, s Settings, lines string) *Engine {
	t.Helper()
	e := loaded(t, newLake(t, lines), &Options{Timezone: "America/New_York", Settings: &s})
	published(t, e)
	return e
}

func billingCalls(t *testing.T) string {
	t.Helper()
	return string(readFile(t, "testdata/marts/billing/calls.ndjson"))
}

// TestGoldenBilling holds what is charged to whom, and what customer relationship systems are told of the same calls.
func TestGoldenBilling(t *testing.T) {
	e := charged(t, charging(), billingCalls(t))
	for _, m := range onFloor(e.models, "marts") {
		if strings.HasPrefix(m.Name, "billing_") || strings.HasPrefix(m.Name, "crm_") {
			compareGolden(t, filepath.Join("testdata/marts/billing", m.Name+".csv"), asCSV(t, e, "select * from "+m.Relation()+" order by "+quoteNames(m.Key)))
		}
	}
}

// TestInteractionIDs: whoever has the key of a conversation and the number can make the id, as PostgreSQL's md5 does.
func TestInteractionIDs(t *testing.T) {
	e := charged(t, charging(), billingCalls(t))
	for party, query := range map[string]string{
		"plain-acme|number:14155550101":     "select interaction_id from marts.crm_interactions where source_key = 'plain-acme'",
		"masked|masked:+1415555XXXX":        "select interaction_id from marts.crm_interactions where source_key = 'masked'",
		"withheld|withheld":                 "select interaction_id from marts.crm_interactions where source_key = 'withheld'",
		"plain-acme|contact:acme":           "select item_id from marts.billing_items where session_key = 'plain-acme'",
		"unknown-number|number:14155550199": "select item_id from marts.billing_items where session_key = 'unknown-number'",
	} {
		sum := md5.Sum([]byte("100|" + party))
		if got := queryRows(t, e, query); len(got) != 1 || got[0][0] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %v", party, got)
		}
	}
}

// TestTokensAreNumbers: tokens that privacy puts in place of numbers tell parties apart by all of their characters, though they have few
// digits, and make no number of them.
func TestTokensAreNumbers(t *testing.T) {
	const call = `{"account_id":"100","id":"%s","start_time":"2026-11-20 1%d:00:00+00","duration_ms":1000,"type":"Voice","direction":"Inbound","result":"Missed","from_phone_number":"%s"}` + "\n"
	tokens := []string{"hmac:1:abcdefghijklmnopqrstuvwx23", "hmac:1:bbcdefghijklmnopqrstuvxx23", "erased:abcdefghijklmnopqrstuvwx23"}
	var lines string
	for i, token := range tokens {
		lines += fmt.Sprintf(call, fmt.Sprint("call-", i), i, token)
	}
	e := charged(t, DefaultSettings(), lines)
	got := queryRows(t, e, "select contact_digits, contact_e164, is_masked from marts.crm_interactions order by occurred_at")
	want := [][]string{{tokens[0], "null", "false"}, {tokens[1], "null", "false"}, {tokens[2], "null", "false"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := queryRows(t, e, "select count(*) from marts.crm_contacts where interactions = 1"); got[0][0] != "3" {
		t.Error(got)
	}
}

// TestTokensInEveryTable: numbers of messages and of the company keep their tokens, too, so that they join those of calls, and none is
// called masked for its letters.
func TestTokensInEveryTable(t *testing.T) {
	const token, erased = "hmac:1:bbcdefghijklmnopqrstuvxx23", "erased:abcdefghijklmnopqrstuvxx24"
	dir := t.TempDir()
	for table, line := range map[string]string{
		"calls": `{"account_id":"1","id":"c","start_time":"2026-11-20T15:00:00Z","type":"Fax","direction":"Outbound","result":"Sent","from_phone_number":"` + erased +
			`","to_phone_number":"` + token + `","message_id":"m"}`,
		"messages": `{"account_id":"1","start_date":"2026-11-20","id":"m","creation_time":"2026-11-20T15:00:00Z","type":"Fax","direction":"Outbound","message_status":"Sent","to":[{"phone_number":"` +
			token + `"},{"phone_number":"` + erased + `"}]}`,
		"phone_numbers":      `{"account_id":"1","start_date":"2026-11-20","id":"n","phone_number":"` + erased + `"}`,
		"snapshots_in_force": `{"account_id":"1","table_name":"phone_numbers","local_date":"2026-11-20","snapshot_date":"2026-11-20"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, table+".ndjson"), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := golden(t, dir, "")
	for query, want := range map[string]string{
		"select external_digits, company_digits, is_number_masked from staging.calls":                             "[[" + token + " " + erased + " false]]",
		"select external_digits from staging.messages":                                                            "[[" + token + "]]",
		"select external_digits, is_number_masked from staging.message_parties order by party_index":              "[[" + token + " false] [" + erased + " false]]",
		"select digits from staging.phone_numbers union all select digits from staging.phone_number_days":         "[[" + erased + "] [" + erased + "]]",
		"select contact, status, seen_in from marts.reconciliation_daily where interactions = 1 order by seen_in": "[[" + token + " sent both] [" + erased + " sent message_store]]",
	} {
		if got := fmt.Sprint(queryRows(t, e, query)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// TestSettledDays: queries see which days are settled, as was said last.
func TestSettledDays(t *testing.T) {
	e := loaded(t, newLake(t, ""), nil)
	for _, days := range []map[string][]string{{}, {"100": {"2026-11-20", "2026-11-21"}, "200": {"2026-11-20"}}, {"200": {"2026-11-22"}}} {
		if err := e.LoadSettled(t.Context(), days); err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, row := range queryRows(t, e, "select account_id, start_date from staging.settled_days order by all") {
			got[row[0]] = append(got[row[0]], row[1])
		}
		if diff := cmp.Diff(days, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestInternalIsCharged: where the default card does not make them free, calls between extensions cost their company something.
func TestInternalIsCharged(t *testing.T) {
	s := charging()
	s.RateCards[0].InternalFree = false
	e := charged(t, s, billingCalls(t))
	got := queryRows(t, e, "select session_key, reason, raw_s, rated_s, amount from marts.billing_items where kind = 'internal'")
	if diff := cmp.Diff([][]string{{"internal", "rated", "120", "120", "1.0000"}}, got); diff != "" {
		t.Error(diff)
	}
	got = queryRows(t, e, "select contact_id, items, amount from marts.billing_contact_daily where contact_id = ''")
	if diff := cmp.Diff([][]string{{"", "1", "1.0000"}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestNothingConfigured: without rate cards and contacts every conversation has an item, which says why it costs nothing.
func TestNothingConfigured(t *testing.T) {
	e := charged(t, DefaultSettings(), billingCalls(t))
	got := queryRows(t, e, "select is_billable, reason, sum(amount) from marts.billing_items group by all order by all")
	want := [][]string{
		{"false", "contact unknown", "0.0000"}, {"false", "in progress", "0.0000"},
		{"false", "no rate card", "0.0000"}, {"false", "number withheld", "0.0000"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := queryRows(t, e, "select count(*) from marts.billing_contact_daily"); got[0][0] != "0" {
		t.Error(got)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
