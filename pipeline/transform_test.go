package pipeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// slowMarts skips what builds marts many times, one build at a time, under the race detector.
func slowMarts(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("it builds marts many times, in one goroutine: .ci/run tries it without the race detector")
	}
}

// TestAnySequenceOfBuildsEndsInTheSameBytes: days come and change in random order, marts are brought up to date now and then, and
// end in the bytes of one build of all. The calls are such that conversations reach over midnights, and the zone such that its
// days are not UTC's.
func TestAnySequenceOfBuildsEndsInTheSameBytes(t *testing.T) {
	slowMarts(t)
	zones := []string{"America/New_York", "Asia/Tokyo"} // the simulation does the like in UTC
	for seed, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			dir, pages := t.TempDir(), t.TempDir()
			lake, settings := openLake(t, dir), chargingSettings()
			for step := range 8 {
				page := filepath.Join(pages, fmt.Sprint(step))
				randomStreams(t, rng, lake)
				if _, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{writeFile(t, page, randomPage(t, rng, step))}}); err != nil {
					t.Fatal(err)
				}
				if rng.IntN(3) > 0 {
					runTransformBy(t, lake, zone, settings)
				}
			}
			runTransformBy(t, lake, zone, settings)
			joined := queried(t, lake, zone, "select count(*) > 0, (select count(sl_rc) > 0 from marts.queue_daily) from marts.reconciliation_daily where seen_in = 'both'")
			if joined[0] != "true true" {
				t.Errorf("no fax is in call log and message store, or no queue has settings: %s", joined[0])
			}
			whole := t.TempDir()
			if err := os.CopyFS(whole, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			for _, marts := range []string{"marts", "_trunkline/marts"} {
				if err := os.RemoveAll(filepath.Join(whole, marts)); err != nil {
					t.Fatal(err)
				}
			}
			if done := runTransformBy(t, openLake(t, whole), zone, settings); len(done.Changed) < 80 {
				t.Fatalf("hardly anything to compare: %+v", done)
			}
			if diff := cmp.Diff(sums(t, whole), sums(t, dir)); diff != "" {
				t.Errorf("(-one build +many):\n%s", diff)
			}
		})
	}
}

// chargingSettings are those of a company that is open on some days and charges some of the numbers of randomPage, one of which changes
// hands.
func chargingSettings() *sql.Settings {
	s := sql.DefaultSettings()
	s.BusinessHours = []sql.BusinessHours{{Weekday: time.Monday, FromMinute: 540, ToMinute: 1020}, {Weekday: time.Sunday, ToMinute: 1440}}
	s.Holidays = []sql.Holiday{{Date: "2026-11-02"}}
	s.RateCards = []sql.RateCard{
		{Currency: "EUR", CurrencyDigits: 2, RatePerMinute: "0.35", InitialS: 30, IncrementS: 6, InternalFree: true},
		{ContactID: "b", Currency: "JPY", RatePerMinute: "7", IncrementS: 60, MissedFree: true, ValidFrom: "2026-11-03"},
	}
	s.Contacts = []sql.Contact{
		{Digits: "14155550100", ContactID: "a", ValidTo: "2026-11-01"}, {Digits: "14155550100", ContactID: "b", ValidFrom: "2026-11-02"},
		{Digits: "14155550101", ContactID: "b", Matter: "m"}, {Digits: "14155550102", ContactID: "c"},
	}
	return &s
}

// randomStreams brings now and then a snapshot of queues and of extensions, of a random day, and messages.
func randomStreams(t *testing.T, rng *rand.Rand, lake *sinks.Lake) {
	t.Helper()
	date := func() time.Time { return time.Date(2026, 10, 27+rng.IntN(13), 0, 0, 0, 0, time.UTC) }
	var queues, people []string
	for id := 8000; id < 8000+rng.IntN(3); id++ {
		queues = append(queues, fmt.Sprintf(`{"id":"%d","name":"Queue","serviceLevelSettings":{"slaGoal":80,"slaThresholdSeconds":%d,"includeAbandonedCalls":%t,"abandonedThresholdSeconds":5}}`,
			id, 10*rng.IntN(3), rng.IntN(2) == 0))
	}
	for id := 7000; id < 7000+rng.IntN(4); id++ {
		people = append(people, fmt.Sprintf(`{"id":%d,"name":"Person %d","type":"User"}`, id, rng.IntN(2)))
	}
	if rng.IntN(2) == 0 {
		broughtDay(t, lake, "call_queues", date(), queues...)
	}
	broughtDay(t, lake, ExtensionsStream, date(), people...)
	day := date()
	var messages []string
	for range 4 + rng.IntN(12) {
		at, kind, own := day.Add(time.Duration(rng.IntN(86400))*time.Second), rng.IntN(3), `{"phoneNumber":"+14155550000"}`
		other := fmt.Sprintf(`{"phoneNumber":"+1415555010%d"}`, rng.IntN(6))
		messages = append(messages, fmt.Sprintf(`{"id":%d,"type":%q,"direction":"Outbound","creationTime":%q,"messageStatus":"Sent","from":%s,"to":[%s]}`,
			100*day.YearDay()+rng.IntN(8), []string{"SMS", "Fax", "VoiceMail"}[kind], at.Format(time.RFC3339), own, other))
	}
	broughtDay(t, lake, MessagesStream, day, messages...)
}

// randomPage has calls of a few days around one of eleven: callers of few numbers, sessions that many records name, queues, and faxes that
// name messages of their day and the days beside it.
func randomPage(t *testing.T, rng *rand.Rand, step int) []byte {
	t.Helper()
	first := time.Date(2026, 10, 28+rng.IntN(11), 0, 0, 0, 0, time.UTC) // summer time ends on 1 November
	// A conversation goes on for two days at most, and over pages.
	session := func(start time.Time) string { return fmt.Sprintf("s-%d-%d", start.YearDay()-rng.IntN(2), rng.IntN(25)) }
	var records []map[string]any
	for range 30 {
		start := first.Add(time.Duration(rng.IntN(48*3600)) * time.Second)
		id, length := fmt.Sprintf("%s-%d", start.Format("0102"), rng.IntN(40)), rng.IntN(7200)
		stamp := func(after int) string {
			return start.Add(time.Duration(after) * time.Second).Format("2006-01-02T15:04:05.000Z")
		}
		number, own := fmt.Sprintf("+1415555010%d", rng.IntN(6)), map[string]any{"phoneNumber": "+14155550000"}
		record := map[string]any{
			"id": id, "sessionId": fmt.Sprint(1000 * rng.IntN(400)), "telephonySessionId": session(start), "startTime": stamp(0), "duration": length,
			"type": "Voice", "direction": "Inbound", "action": "Phone Call", "from": map[string]any{"phoneNumber": number}, "to": own,
			"result":    []string{"Accepted", "Missed", "Voicemail", "Abandoned"}[rng.IntN(4)],
			"extension": map[string]any{"id": 8000 + rng.IntN(2)}, "lastModifiedTime": first.AddDate(0, 0, 5+step).Format(time.RFC3339),
			"billing": map[string]any{"costIncluded": 0.1, "costPurchased": float64(rng.IntN(100)) / 1000},
			"legs": []map[string]any{{"legType": "PstnToSip", "startTime": stamp(length / 4), "duration": length * 3 / 4, "type": "Voice",
				"direction": "Outbound", "action": "VoIP Call", "result": "Accepted", "extension": map[string]any{"id": 7000 + rng.IntN(4)}}},
		}
		if rng.IntN(3) == 0 {
			record["direction"], record["action"], record["result"] = "Outbound", "RingOut Web", "Call connected"
			record["from"], record["to"] = own, map[string]any{"phoneNumber": number}
		}
		if rng.IntN(5) == 0 {
			record["type"], record["message"] = "Fax", map[string]any{"id": 100*(start.YearDay()+rng.IntN(3)-1) + rng.IntN(8)}
		}
		if rng.IntN(4) == 0 {
			record["transferTarget"] = map[string]any{"telephonySessionId": session(start)}
		}
		records = append(records, record)
	}
	page, err := json.Marshal(map[string]any{"records": records})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestOnlyWhatDependsIsStale: of each mart the partitions that a changed day reaches are built again, and no others.
func TestOnlyWhatDependsIsStale(t *testing.T) {
	slowMarts(t)
	lake := openLake(t, t.TempDir())
	first := time.Date(2026, 10, 1, 10, 0, 0, 0, time.UTC)
	replayed := func(records string) {
		page := `{"records":[` + records + `]}`
		if _, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{writeFile(t, filepath.Join(t.TempDir(), "p"), []byte(page))}}); err != nil {
			t.Fatal(err)
		}
	}
	// More days than are built together.
	var records []string
	for day := range 2 * buildDays {
		records = append(records, fmt.Sprintf(`{"id":"%d","startTime":%q}`, day, first.AddDate(0, 0, day).Format(time.RFC3339)))
	}
	replayed(strings.Join(records, ","))
	if done := runTransform(t, lake, "UTC"); done.Stale != 2*buildDays {
		t.Errorf("%d local days are stale", done.Stale)
	}
	inputs := func() map[string]sinks.MartState {
		found := map[string]sinks.MartState{}
		for _, m := range sql.Marts() {
			state, err := lake.MartState(t.Context(), m.Name)
			if err != nil {
				t.Fatal(err)
			}
			found[m.Name] = state
		}
		return found
	}
	before := inputs()
	replayed(`{"id":"more","startTime":"2026-11-12T11:00:00.000Z"}`)
	if done := runTransform(t, lake, "UTC"); done.Stale != 10 {
		t.Errorf("%d local days are stale: %+v", done.Stale, done)
	}
	want := map[string]string{
		"calls_daily": "12", "cost_daily": "12", "extension_daily": "12", "number_daily": "12", "queue_daily": "12", "queue_hourly": "12",
		"heatmap": "12 13", "volume_hourly": "12 13", "sessions": "11 12 13", "call_legs": "11 12 13",
		"archive_coverage": "12", "reconciliation_daily": "11 12 13",
		"missed_recovery": "04 05 06 07 08 09 10 11 12", // of sessions only those of the 12th changed
		"billing_items":   "11 12 13", "billing_contact_daily": "11 12 13", "billing_contact_hourly": "11 12 13",
		"crm_interactions": "11 12 13", "crm_contacts": "11 12 13",
	}
	got := map[string]string{}
	for mart, state := range inputs() {
		var days []string
		for day := range 2 * buildDays {
			date := first.AddDate(0, 0, day)
			name := sinks.MartPath("1", date.Format(time.DateOnly))
			if state[name].Inputs == "" {
				t.Errorf("%s was not built for %s", mart, date)
			}
			if state[name].Inputs != before[mart][name].Inputs {
				days = append(days, date.Format("02"))
			}
		}
		got[mart] = strings.Join(days, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSettingsMakeTheirMartsStale: a threshold that changes rebuilds the marts that use it.
func TestSettingsMakeTheirMartsStale(t *testing.T) {
	slowMarts(t)
	lake := openLake(t, t.TempDir())
	page := `{"records":[{"id":"a","startTime":"2026-11-12T10:00:00.000Z"}]}`
	if _, err := runReplay(t, lake, Replaying{AccountID: "1", Paths: []string{writeFile(t, filepath.Join(t.TempDir(), "p"), []byte(page))}}); err != nil {
		t.Fatal(err)
	}
	built := func(s sql.Settings) map[string]string {
		engine, err := sql.Open(t.Context(), &sql.Options{TempDir: t.TempDir(), Settings: &s})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		if _, err := Transform(t.Context(), lake, engine, time.UTC); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, m := range sql.Marts() {
			state, err := lake.MartState(t.Context(), m.Name)
			if err != nil {
				t.Fatal(err)
			}
			found[m.Name] = state[sinks.MartPath("1", "2026-11-12")].Inputs
		}
		return found
	}
	forgets := sql.DefaultSettings()
	forgets.RetentionDays = 365
	slower, longer := sql.DefaultSettings(), sql.DefaultSettings()
	slower.ServiceLevelS, longer.MissedRecoveryDays = 30, 14
	open, dearer, known := sql.DefaultSettings(), sql.DefaultSettings(), sql.DefaultSettings()
	open.BusinessHours = []sql.BusinessHours{{Weekday: time.Thursday, FromMinute: 540, ToMinute: 1020}}
	dearer.RateCards = []sql.RateCard{{Currency: "EUR", CurrencyDigits: 2, RatePerMinute: "2", IncrementS: 1}}
	known.Contacts = []sql.Contact{{Digits: "14155550101", ContactID: "acme"}}
	later := dearer
	later.RateCards = append(later.RateCards[:1:1], sql.RateCard{ContactID: "acme", Currency: "EUR", RatePerMinute: "3", IncrementS: 1, ValidFrom: "2026-11-13"})
	base, withSlower, withLonger, withForgets := built(sql.DefaultSettings()), built(slower), built(longer), built(forgets)
	withHours, withCard, withContact, withLater := built(open), built(dearer), built(known), built(later)
	for mart := range base {
		if queue := strings.HasPrefix(mart, "queue_"); (withSlower[mart] != base[mart]) != queue {
			t.Errorf("%s and the service level", mart)
		}
		if recovery := mart == "missed_recovery"; (withLonger[mart] != base[mart]) != recovery {
			t.Errorf("%s and the days of recovery", mart)
		}
		hourly := []string{"sessions", "volume_hourly", "heatmap", "extension_daily", "number_daily", "queue_daily", "queue_hourly",
			"missed_recovery"} // the last one by the rows of sessions
		if (withHours[mart] != base[mart]) != slices.Contains(hourly, mart) {
			t.Errorf("%s and the business hours", mart)
		}
		billing := strings.HasPrefix(mart, "billing_")
		if (withCard[mart] != base[mart]) != billing {
			t.Errorf("%s and the rate cards", mart)
		}
		if (withContact[mart] != base[mart]) != (billing || strings.HasPrefix(mart, "crm_")) {
			t.Errorf("%s and the contacts", mart)
		}
		if withLater[mart] != withCard[mart] {
			t.Errorf("%s and a card of other days", mart)
		}
		if archive := mart == "archive_coverage"; (withForgets[mart] != base[mart]) != archive {
			t.Errorf("%s and the days of retention", mart)
		}
	}
}
