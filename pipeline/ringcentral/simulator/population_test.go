package simulator_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

func newSimulator(t *testing.T, o simulator.Options) *simulator.Simulator {
	t.Helper()
	if o.Now == nil {
		o.Now = noon
	}
	s, err := simulator.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }

// week returns Monday to Sunday of an ordinary week.
func week(t *testing.T, s *simulator.Simulator) []json.RawMessage {
	t.Helper()
	return truth(s, day(2), day(9))
}

func texts(records []json.RawMessage) []string {
	var all []string
	for _, r := range records {
		all = append(all, string(r))
	}
	return all
}

func TestSameSeedSameBytes(t *testing.T) {
	a, b := newSimulator(t, small()), newSimulator(t, small())
	// The other one reads its days in another order, one of them twice, with another clock and another address.
	o := small()
	o.Now = func() time.Time { return noon().AddDate(5, 0, 0) }
	c := newSimulator(t, o)
	for _, n := range []int{8, 3, 5, 3, 2, 4, 6, 7} {
		truth(c, day(n), day(n+1))
	}
	var dayByDay []json.RawMessage
	for n := 2; n < 9; n++ {
		dayByDay = append(dayByDay, truth(c, day(n), day(n+1))...)
	}
	want := texts(week(t, a))
	if len(want) < 500 {
		t.Fatalf("%d records in a week", len(want))
	}
	if diff := cmp.Diff(want, texts(week(t, b))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, texts(dayByDay)); diff != "" {
		t.Error(diff)
	}
	// Who may log in is the same, too.
	idA, secretA, jwtA := a.Credentials()
	idB, secretB, jwtB := b.Credentials()
	if idA != idB || secretA != secretB || jwtA != jwtB || a.AccountID() != b.AccountID() {
		t.Error("credentials or account differ")
	}
}

func TestAnotherPopulationOtherCalls(t *testing.T) {
	base := week(t, newSimulator(t, small()))
	for name, change := range map[string]func(*simulator.Options){
		"seed":       func(o *simulator.Options) { o.Seed++ },
		"extensions": func(o *simulator.Options) { o.Extensions++ },
		"calls":      func(o *simulator.Options) { o.CallsPerDay++ },
		"location":   func(o *simulator.Options) { o.Location = time.FixedZone("Elsewhere", 3600) },
	} {
		o := small()
		change(&o)
		other := week(t, newSimulator(t, o))
		if cmp.Equal(texts(base)[:10], texts(other)[:10]) {
			t.Errorf("another %s, same calls", name)
		}
	}
}

// A week of a middling company, looked at from all sides.
func TestPopulation(t *testing.T) {
	o := small()
	o.CallsPerDay = 500
	records := week(t, newSimulator(t, o))
	calls := decodeAll[call](t, records)
	t.Run("records are consistent", func(t *testing.T) { checkConsistent(t, calls) })
	t.Run("it looks like a company", func(t *testing.T) { checkCompany(t, calls, records) })
	t.Run("RingOut is two records", func(t *testing.T) { checkRingOut(t, calls) })
}

func checkConsistent(t *testing.T, calls []call) {
	ids, sessions, telephony := map[string]bool{}, map[string]bool{}, map[string]call{}
	for i, c := range calls {
		checkTimes(t, c)
		if i > 0 && c.StartTime < calls[i-1].StartTime {
			t.Errorf("%s comes after a later call", c.ID)
		}
		if ids[c.ID] || sessions[c.SessionID] {
			t.Errorf("%s: id or sessionId %s came before", c.ID, c.SessionID)
		}
		ids[c.ID], sessions[c.SessionID] = true, true
		telephony[c.TelephonySessionID] = c
	}
	for _, c := range calls {
		if c.TransferTarget != nil {
			other := telephony[c.TransferTarget.TelephonySessionID]
			if other.Transferee == nil || other.Transferee.TelephonySessionID != c.TelephonySessionID {
				t.Errorf("%s: its transfer target does not point back", c.ID)
			}
		}
	}
}

func checkTimes(t *testing.T, c call) {
	t.Helper()
	start := c.start(t)
	end := start.Add(time.Duration(c.DurationMs) * time.Millisecond)
	modified, err := time.Parse(time.RFC3339, c.LastModifiedTime)
	if err != nil || !modified.After(end) {
		t.Errorf("%s: ends %v, modified %v, %v", c.ID, end, modified, err)
	}
	if len(c.Legs) < 1 || len(c.Legs) > 4 {
		t.Errorf("%s: %d legs", c.ID, len(c.Legs))
	}
	last, cost, masters := start, 0.0, 0
	for _, l := range c.Legs {
		legEnd := l.start(t).Add(time.Duration(l.DurationMs) * time.Millisecond)
		if l.start(t).Before(start) || legEnd.After(end) || l.TelephonySessionID != c.TelephonySessionID {
			t.Errorf("%s: a leg outside its call", c.ID)
		}
		if l.Recording != nil && (c.Recording == nil || *l.Recording != *c.Recording) {
			t.Errorf("%s: a leg with another recording", c.ID)
		}
		if l.Master {
			masters++
		}
		if legEnd.After(last) {
			last = legEnd
		}
		cost += l.Billing.CostIncluded + l.Billing.CostPurchased
	}
	if !last.Equal(end) || masters != 1 {
		t.Errorf("%s: legs end %v, call %v; %d masters", c.ID, last, end, masters)
	}
	if sum := c.Billing.CostIncluded + c.Billing.CostPurchased; fmt.Sprintf("%.3f", sum) != fmt.Sprintf("%.3f", cost) {
		t.Errorf("%s: costs %v, its legs %v", c.ID, sum, cost)
	}
	if off := c.DurationMs - 1000*c.Duration; off > 500 || off < -500 {
		t.Errorf("%s: %d s are not %d ms", c.ID, c.Duration, c.DurationMs)
	}
}

// traits name what the population must have.
func traits() map[string]func(c call, text string) bool {
	has := func(part string) func(call, string) bool {
		return func(_ call, text string) bool { return strings.Contains(text, part) }
	}
	result := func(want string) func(call, string) bool {
		return func(c call, _ string) bool { return c.Result == want }
	}
	legs := func(n int) func(call, string) bool { return func(c call, _ string) bool { return len(c.Legs) == n } }
	return map[string]func(call, string) bool{
		"one leg": legs(1), "two legs": legs(2), "three legs": legs(3), "four legs": legs(4),
		"missed": result("Missed"), "abandoned": result("Abandoned"), "blocked": result("Blocked"),
		"voicemail": func(c call, _ string) bool {
			return c.Result == "Voicemail" && c.Message != nil && c.Message.Type == "VoiceMail"
		},
		"fax received": func(c call, _ string) bool { return c.Type == "Fax" && c.Result == "Received" && c.Message != nil },
		"fax sent":     func(c call, _ string) bool { return c.Type == "Fax" && c.Result == "Sent" && c.Message != nil },
		"internal": func(c call, _ string) bool {
			return c.From.ExtensionNumber != "" && c.To.ExtensionNumber != "" && c.From.PhoneNumber == ""
		},
		"ringing together": func(c call, _ string) bool {
			return len(c.Legs) == 4 && c.Legs[2].Result == "Missed" && c.Legs[3].Result == "Missed" &&
				c.Legs[2].StartTime == c.Legs[3].StartTime
		},
		"leg without extension": func(c call, _ string) bool { return c.Legs[0].Extension == nil },
		"blind transfer":        has(`"legType":"TransferCall"`),
		"warm transfer":         has(`"transferTarget"`),
		"transferee":            has(`"transferee"`),
		"follow me":             has(`"legType":"FindMe"`),
		"automatic recording":   has(`"type":"Automatic"`),
		"recording on demand":   has(`"type":"OnDemand"`),
		"short recording":       has(`"shortRecording":true`),
		"categories":            has(`"metadataCategories":["Support","Escalated"]`),
		"queue's delegate":      has(`"delegationType":"QueueForwarding"`),
		"coworker":              has(`"delegationType":"Coworker"`),
		"masked number":         func(c call, _ string) bool { return strings.HasSuffix(c.From.PhoneNumber, "XXXX") },
		"no number":             func(c call, _ string) bool { return c.From.PhoneNumber == "" && c.From.Name == "Anonymous" },
		"purchased":             func(c call, _ string) bool { return c.Billing.CostPurchased > 0 },
		"unknown on record":     has(`"routingHints"`),
		"unknown on party":      has(`"verificationLevel"`),
		"unknown on leg":        has(`"mediaNodeId":9007`),
		"unknown action":        has(`"action":"Assistant Call"`),
		"unknown leg type":      has(`"legType":"AssistantScreen"`),
		"id with -":             func(c call, _ string) bool { return strings.Contains(c.ID, "-") },
		"id with _":             func(c call, _ string) bool { return strings.Contains(c.ID, "_") },
		"number id":             has(`/extension/4`),
		"first second of a day": func(c call, _ string) bool { return strings.Contains(c.StartTime, "T00:00:00.") },
		"last second of a day":  func(c call, _ string) bool { return strings.Contains(c.StartTime, "T23:59:59.") },
		"past midnight": func(c call, _ string) bool {
			start, _ := time.Parse(time.RFC3339, c.StartTime)
			return start.Add(time.Duration(c.DurationMs)*time.Millisecond).Day() != start.Day()
		},
	}
}

func checkCompany(t *testing.T, calls []call, records []json.RawMessage) {
	found, callers, size := map[string]bool{}, map[string]int{}, 0
	wanted := traits()
	for i, c := range calls {
		for name, holds := range wanted {
			found[name] = found[name] || holds(c, string(records[i]))
		}
		if c.Direction == "Inbound" {
			callers[c.From.PhoneNumber]++
		}
		size += len(records[i])
	}
	for name := range wanted {
		if !found[name] {
			t.Errorf("%s: none in %d records", name, len(records))
		}
	}
	again, frequent := 0, 0
	for _, n := range callers {
		if n > 1 {
			again++
		}
		frequent = max(frequent, n)
	}
	if again < 100 || frequent < 10 {
		t.Errorf("%d outside numbers called again, the most frequent %d times", again, frequent)
	}
	if mean := size / len(records); mean < 2000 || mean > 4000 {
		t.Errorf("%d bytes a record", mean)
	}
}

func checkRingOut(t *testing.T, calls []call) {
	bySession := map[string]call{}
	for _, c := range calls {
		bySession[c.SessionID] = c
	}
	pairs := 0
	for _, c := range calls {
		if !strings.HasPrefix(c.Action, "RingOut") {
			continue
		}
		n, err := strconv.ParseInt(c.SessionID, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		other := bySession[strconv.FormatInt(n+1000, 10)]
		if c.Direction != "Outbound" || other.Direction != "Inbound" ||
			c.From.PhoneNumber != other.To.PhoneNumber || c.To.PhoneNumber != other.From.PhoneNumber {
			t.Errorf("%s: %+v is not mirrored by %+v", c.ID, c, other)
		}
		pairs++
	}
	if pairs < 15 {
		t.Errorf("%d pairs", pairs)
	}
}

func TestWorkingDaysAndHours(t *testing.T) {
	s := newSimulator(t, simulator.Options{})
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	count := func(from, to time.Time) int { return len(truth(s, from, to)) }
	for n := 3; n <= 4; n++ {
		if got := count(day(n), day(n+1)); got < 1900 || got > 2100 {
			t.Errorf("working day %v: %d calls, want about 2000", day(n), got)
		}
	}
	if got := count(day(8), day(9)); got < 100 || got > 400 {
		t.Errorf("Sunday: %d calls", got)
	}
	// Daylight saving time ended on 2026-11-01: nine o'clock is 13:00 UTC before and 14:00 after.
	for _, utc := range []time.Time{time.Date(2026, 10, 30, 13, 0, 0, 0, time.UTC), time.Date(2026, 11, 3, 14, 0, 0, 0, time.UTC)} {
		if utc.In(newYork).Hour() != 9 {
			t.Fatalf("%v is not nine o'clock", utc)
		}
		opening, early := count(utc, utc.Add(time.Hour)), count(utc.Add(-2*time.Hour), utc.Add(-time.Hour))
		if opening < 150 || early > opening/2 {
			t.Errorf("%v: %d calls in the hour from nine, %d in the hour from seven", utc, opening, early)
		}
	}
	if got := count(time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2015, 1, 5, 0, 0, 0, 0, time.UTC)); got != 0 {
		t.Errorf("%d calls before the company was founded", got)
	}
}

func TestACallIsSeenTwentySecondsAfterItsEnd(t *testing.T) {
	b := open(t, small())
	b.clock.advance(3 * time.Hour) // into the working day
	seen := func() []json.RawMessage { return truth(b.Simulator, day(18), day(19)) }
	before := seen()
	b.clock.advance(time.Hour)
	after := seen()
	if len(before) < 10 || len(after) <= len(before) {
		t.Fatalf("%d calls, an hour later %d", len(before), len(after))
	}
	var latest call
	for _, c := range decodeAll[call](t, after) {
		if latest.ID == "" || c.start(t).Add(time.Duration(c.DurationMs)*time.Millisecond).After(
			latest.start(t).Add(time.Duration(latest.DurationMs)*time.Millisecond)) {
			latest = c
		}
	}
	visible := latest.start(t).Add(time.Duration(latest.DurationMs)*time.Millisecond + 20*time.Second)
	b.clock.advance(visible.Sub(b.clock.Now()) - time.Millisecond)
	b.token = b.login() // the first token has expired meanwhile
	b.get(callLog+"/"+latest.ID).mustBe(t, 404, "CMN-102")
	if latest.LastModifiedTime > b.clock.Now().Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("modified at %s, after it can be seen", latest.LastModifiedTime)
	}
	if n := len(seen()); n != len(after)-1 {
		t.Errorf("a millisecond before: %d, want %d", n, len(after)-1)
	}
	b.clock.advance(time.Millisecond)
	if n := len(seen()); n != len(after) {
		t.Errorf("then: %d, want %d", n, len(after))
	}
	if answer := b.get(callLog + "/" + latest.ID); answer.StatusCode != 200 {
		t.Errorf("then: %s", answer.Status)
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for want, o := range map[string]simulator.Options{
		"extensions":    {Population: simulator.Population{Extensions: 4}},
		"calls per day": {Population: simulator.Population{CallsPerDay: 100_001}},
		"heavy limit":   {HeavyLimit: -1},
		"light limit":   {LightLimit: -1},
		"window":        {Penalty: -time.Second},
		"base url":      {BaseURL: "platform"},
	} {
		if _, err := simulator.New(&o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if s, err := simulator.New(nil); err != nil || s.AccountID() == "" {
		t.Errorf("nil options: %v", err)
	}
}
