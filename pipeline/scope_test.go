package pipeline

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// ownReading is an extraction of the call log, extension by extension.
func ownReading(w *Window) Extraction {
	x := reading(w)
	x.Scope, x.Streams = ScopeExtension, []string{CallLogStream}
	return x
}

// twins are one company as its administrator and as a user of no rights see it.
func twins(t testing.TB, wrap func(http.Handler) http.Handler) (all, own *company) {
	t.Helper()
	o := simulator.Options{Population: simulator.Population{Seed: 5, Extensions: 12, CallsPerDay: 60}, HeavyLimit: 6000, LightLimit: 6000, Now: driven.now}
	build := func() *company {
		sim, err := simulator.New(&o)
		if err != nil {
			t.Fatal(err)
		}
		return &company{sim, serveCompany(t, sim, wrap)}
	}
	all = build()
	o.Restricted = true
	return all, build()
}

// logsOf are the records of extensions' logs, as RingCentral gives them, by owner and id; of those that the client may read.
func logsOf(t testing.TB, c *company, w Window) map[string]string {
	t.Helper()
	out := map[string]string{}
	client := c.client(t)
	for x := range c.Extensions() {
		for page, err := range client.ExtensionCallLog(t.Context(), c.AccountID(), x.ID, dayStart(w.From), dayStart(w.To), &ringcentral.CallLogOptions{ShowDeleted: true}) {
			if _, refused := ofOne(err); refused {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var records struct{ Records []json.RawMessage }
			if err := json.Unmarshal(page.Body, &records); err != nil {
				t.Fatal(err)
			}
			for _, r := range records.Records {
				line := canonicalRecords(t, schema.CallLog(), r)[0]
				if strings.HasPrefix(textOf(memberOf(t, line, "startTime")), w.To.FormattedString()) {
					continue // both ends of a window are inclusive
				}
				out[x.ID+" "+textOf(memberOf(t, line, "id"))] = line
			}
		}
	}
	return out
}

func memberOf(t testing.TB, line, name string) json.RawMessage {
	t.Helper()
	var members jsonObject
	if err := json.Unmarshal([]byte(line), &members); err != nil {
		t.Fatal(err)
	}
	return members[name]
}

// heldLogs are the records of the table by owner and id, without what was put into them.
func heldLogs(t testing.TB, lake *sinks.Lake) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, line := range dumped(t, lake, ExtensionCallLogStream) {
		var members jsonObject
		var mark struct{ Key, ExtensionID string }
		if err := errors.Join(json.Unmarshal([]byte(line), &members), json.Unmarshal(members[schema.Member], &mark)); err != nil {
			t.Fatal(err)
		}
		delete(members, schema.Member)
		bare, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		name := mark.ExtensionID + " " + textOf(members["id"])
		if out[name] != "" || mark.Key != recordKey(mark.ExtensionID, textOf(members["id"])) {
			t.Errorf("twice, or under a wrong key: %s", line)
		}
		out[name] = canonicalRecords(t, schema.CallLog(), bare)[0]
	}
	return out
}

// TestExtensionCallLog: every record of every extension's log is in the lake, under whose log it is, and the archive makes the same
// bytes of it; to read it again changes nothing.
func TestExtensionCallLog(t *testing.T) {
	c, _ := twins(t, nil)
	dir := t.TempDir()
	lake := openLake(t, dir)
	x := ownReading(&fourDays)
	x.Streams = append(DefaultStreams(), MessagesStream)
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	if err != nil || len(tally.Errs)+len(tally.Warnings) > 0 {
		t.Fatal(err, tally.Errs, tally.Warnings)
	}
	want := logsOf(t, c, fourDays)
	if diff := cmp.Diff(want, heldLogs(t, lake)); diff != "" || len(want) < 200 {
		t.Errorf("%d records: %s", len(want), diff)
	}
	if tally.CallLog == nil || tally.CallLog.Answered != tally.CallLog.Extensions || tally.CallLog.Extensions != 11 || tally.Rows != int64(len(want)) || len(tally.Done) != 4 {
		t.Errorf("%+v of %d rows, days %v", tally.CallLog, tally.Rows, tally.Done)
	}
	if days, err := lake.Ledger(t.Context(), c.AccountID(), CallLogStream); err != nil || len(days) > 0 {
		t.Errorf("the company's log has days %v, %v", days, err)
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
	again, err := runExtract(t.Context(), c.client(t), lake, ownReading(&fourDays))
	if err != nil || len(again.Changed) > 0 || again.Rows != int64(len(want)) {
		t.Errorf("a second reading changed %v, %v", again.Changed, err)
	}
	before, other := partitionsOf(t, dir), t.TempDir()
	if err := os.CopyFS(filepath.Join(other, "_trunkline/archive"), os.DirFS(filepath.Join(dir, "_trunkline/archive"))); err != nil {
		t.Fatal(err)
	}
	for _, err := range Rebuild(t.Context(), openLake(t, other), Rebuilding{AccountID: c.AccountID(), Terms: x.Terms, Now: simulated}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, partitionsOf(t, other)); diff != "" {
		t.Error(diff)
	}
}

// TestRestrictedScope: who may read his own log alone gets that, in few requests, and is told whose it is; without the scope he is told
// of it.
func TestRestrictedScope(t *testing.T) {
	asked := map[string]int{}
	_, c := twins(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/call-log") {
				asked[r.URL.Path]++
			}
			h.ServeHTTP(w, r)
		})
	})
	lake := openLake(t, t.TempDir())
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err == nil || !strings.Contains(err.Error(), "--scope extension") {
		t.Errorf("the company's log: %v", err)
	}
	clear(asked)
	tally, err := runExtract(t.Context(), c.client(t), lake, ownReading(&fourDays))
	if err != nil || len(tally.Errs) > 0 || len(tally.Warnings) != 1 {
		t.Fatal(err, tally.Errs, tally.Warnings)
	}
	if w := tally.Warnings[0]; !strings.Contains(w, "10 of 11 extensions did not answer") || !strings.Contains(w, "the other 7 were not asked") || !strings.Contains(w, "ReadCallLog in its extended scope") {
		t.Error(w)
	}
	if diff := cmp.Diff(&ExtensionsRead{Answered: 1, Extensions: 11, Refused: 3, Listing: 1}, tally.CallLog); diff != "" {
		t.Error(diff)
	}
	if len(asked) != 4 {
		t.Errorf("asked for %v", asked)
	}
	want := logsOf(t, c, fourDays)
	if diff := cmp.Diff(want, heldLogs(t, lake)); diff != "" || len(want) < 10 {
		t.Errorf("%d records: %s", len(want), diff)
	}
	status, err := Status(t.Context(), lake, reading(nil).Terms, simulated)
	if err != nil || len(status) != 1 {
		t.Fatal(status, err)
	}
	if s := status[0]; s.Scope != ScopeExtension || s.Answered != 1 || s.Extensions != 11 || s.Days != 4 || s.Rows != int64(len(want)) {
		t.Errorf("%+v", s)
	}
	for record, lines := range map[string]string{"a record": slices.Sorted(maps.Keys(want))[0]} {
		owner, id, _ := strings.Cut(lines, " ")
		found, err := Inspect(t.Context(), lake, c.client(t), Inspecting{ID: id, AccountID: OwnAccount})
		if err != nil || found.Stream != ExtensionCallLogStream || len(found.Differences) > 0 || found.RingCentral == nil {
			t.Errorf("%s of %s: %+v, %v", record, owner, found, err)
		}
	}
}

// TestSomeLogsOfOthers: whoever may read another's log is asked for all, however many are refused.
func TestSomeLogsOfOthers(t *testing.T) {
	var allowed string
	asked := map[string]bool{}
	c, _ := twins(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, extension, isOne := strings.Cut(strings.TrimSuffix(r.URL.Path, "/call-log"), "/extension/")
			if !isOne || !strings.HasSuffix(r.URL.Path, "/call-log") {
				h.ServeHTTP(w, r)
				return
			}
			if asked[extension] = true; len(asked) == 2 {
				allowed = extension // the first one after his own
			}
			if len(asked) > 1 && extension != allowed {
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(`{"errorCode":"CMN-419","message":"no"}`))
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	lake := openLake(t, t.TempDir())
	tally, err := runExtract(t.Context(), c.client(t), lake, ownReading(&fourDays))
	if err != nil || len(tally.Errs) > 0 || len(asked) != 11 {
		t.Fatal(err, tally.Errs, asked)
	}
	if diff := cmp.Diff(&ExtensionsRead{Answered: 2, Extensions: 11, Refused: 9, Listing: 1}, tally.CallLog); diff != "" {
		t.Error(diff)
	}
	if len(tally.Warnings) != 1 || !strings.Contains(tally.Warnings[0], "9 of 11 extensions did not answer") || strings.Contains(tally.Warnings[0], "not asked") {
		t.Error(tally.Warnings)
	}
	owners := map[string]bool{}
	for name := range heldLogs(t, lake) {
		owner, _, _ := strings.Cut(name, " ")
		owners[owner] = true
	}
	if len(owners) != 2 || !owners[c.UserID()] || !owners[allowed] {
		t.Errorf("logs of %v", owners)
	}
}

// TestOwnLogAlone: whoever may not even know which extensions there are has his own log all the same.
func TestOwnLogAlone(t *testing.T) {
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: 5, Extensions: 12, CallsPerDay: 60}, HeavyLimit: 6000, Now: driven.now, Restricted: true,
		WithoutScopes: []string{"ReadAccounts"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, lake := &company{sim, serveCompany(t, sim, nil)}, openLake(t, t.TempDir())
	x := ownReading(&fourDays)
	x.AccountID = c.AccountID()
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	if err != nil || len(tally.Errs) > 0 || len(tally.Warnings) != 1 || !strings.Contains(tally.Warnings[0], "the user's own log is read alone") {
		t.Fatal(err, tally.Errs, tally.Warnings)
	}
	if want := logsOf(t, c, fourDays); cmp.Diff(want, heldLogs(t, lake)) != "" || len(want) < 10 {
		t.Errorf("%d records are not those that are held", len(want))
	}
}

// TestScopesMeet: marts of a user's own log count each of his conversations once; when the company's log is read, they are those of a lake
// that never had another, byte for byte; and to read his own again does not change them.
func TestScopesMeet(t *testing.T) {
	all, own := twins(t, nil)
	const zone = "America/New_York"
	readCompany := func(lake *sinks.Lake) {
		if tally, err := runExtract(t.Context(), all.client(t), lake, reading(&fourDays)); err != nil || len(tally.Errs) > 0 {
			t.Fatal(err, tally.Errs)
		}
	}
	alone := t.TempDir()
	readCompany(openLake(t, alone))
	runTransform(t, openLake(t, alone), zone)

	dir := t.TempDir()
	lake := openLake(t, dir)
	for _, c := range []*company{own, all} { // the second reading has the conversation in many logs
		if _, err := runExtract(t.Context(), c.client(t), lake, ownReading(&fourDays)); err != nil {
			t.Fatal(err)
		}
		runTransform(t, lake, zone)
		conversations := map[string]bool{}
		for name, line := range heldLogs(t, lake) {
			session := textOf(memberOf(t, line, "telephonySessionId"))
			if session == "" {
				t.Fatalf("%s has no session", name)
			}
			conversations[session] = true
		}
		if got := martCalls(t, lake, zone); got != len(conversations) || got < 20 {
			t.Errorf("%d calls in the marts, %d conversations", got, len(conversations))
		}
	}
	readCompany(lake)
	if done := runTransform(t, lake, zone); done.Stale == 0 {
		t.Error("the company's log made no mart stale")
	}
	marts := func(dir string) map[string]string {
		return maps.Collect(func(yield func(string, string) bool) {
			for name, sum := range sums(t, dir) {
				if strings.HasPrefix(name, "marts") && !yield(name, sum) {
					return
				}
			}
		})
	}
	want := marts(alone)
	if diff := cmp.Diff(want, marts(dir)); diff != "" || len(want) < 20 {
		t.Errorf("%d partitions: %s", len(want), diff)
	}
	x := ownReading(&fourDays)
	x.Now = simulated.Add(time.Hour)
	if _, err := runExtract(t.Context(), own.client(t), lake, x); err != nil {
		t.Fatal(err)
	}
	if done := runTransform(t, lake, zone); done.Stale > 0 {
		t.Errorf("%+v", done)
	}
}

// martCalls is how many calls marts.calls_daily counts.
func martCalls(t testing.TB, lake *sinks.Lake, zone string) int {
	t.Helper()
	return viewed(t, lake, zone, "select cast(sum(calls) as bigint) from marts.calls_daily")
}

// TestEraseFromOwnLogs: somebody who is erased is in no record of any log, and the records stay apart, also when they are read again.
func TestEraseFromOwnLogs(t *testing.T) {
	c, _ := twins(t, nil)
	lake := openLake(t, t.TempDir())
	if _, err := runExtract(t.Context(), c.client(t), lake, ownReading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	var id string
	for x := range c.Extensions() {
		if x.Type == "User" && x.Status == "Enabled" && x.ID != c.AccountID() {
			id = x.ID
			break
		}
	}
	count := func() (rows, named int) {
		for _, line := range dumped(t, lake, ExtensionCallLogStream) {
			rows++
			for _, form := range []string{`"extensionId":"` + id, `"id":` + id, "extension/" + id} {
				named += strings.Count(line, form)
			}
		}
		return rows, named
	}
	before, named := count()
	if named < 20 {
		t.Fatal("there is too little of the person to tell")
	}
	if _, err := Erase(t.Context(), lake, Erasing{Extensions: []string{id}, Now: simulated}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if rows, named := count(); rows != before || named > 0 {
			t.Errorf("%d rows of %d, the person named %d times", rows, before, named)
		}
		if _, err := runExtract(t.Context(), c.client(t), lake, ownReading(&fourDays)); err != nil {
			t.Fatal(err)
		}
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
}

// TestOwnLogsUnderPolicy: a policy that hashes extensions leaves records that are told apart; one that drops them leaves nothing to tell them by,
// which is an error and not a log that is left out.
func TestOwnLogsUnderPolicy(t *testing.T) {
	c, _ := twins(t, nil)
	for rule, works := range map[string]bool{"extensions=hmac": true, "phone_numbers=drop": true, "extensions=drop": false} {
		policy, err := schema.NewPolicy(schema.CallLog(), []string{rule}, schema.PolicyOptions{Key: []byte(strings.Repeat("k", schema.MinKey))})
		if err != nil {
			t.Fatal(err)
		}
		lake := openLake(t, t.TempDir())
		x := ownReading(&fourDays)
		x.Policy = policy
		for range 2 { // the second time over what is held
			tally, err := runExtract(t.Context(), c.client(t), lake, x)
			if works != (err == nil) || !works && !errors.Is(err, schema.ErrNoIdentity) {
				t.Errorf("%s: %v", rule, err)
			}
			if want := int64(len(logsOf(t, c, fourDays))); works && tally.Rows != want {
				t.Errorf("%s: %d rows, want %d", rule, tally.Rows, want)
			}
		}
		for _, line := range dumped(t, lake, ExtensionCallLogStream) {
			if rule == "extensions=hmac" && (strings.Contains(line, c.UserID()) || !strings.Contains(line, `"key":"hmac:`)) {
				t.Fatalf("%s: %s", rule, line)
			}
		}
	}
}

// TestOwnLogsChange: within the lookback late changes of every log are seen, moves and deletions among them, whether the change feed of the company
// is followed or not.
func TestOwnLogsChange(t *testing.T) {
	at := simulated
	now := func() time.Time { return at }
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: 12, Extensions: 8, CallsPerDay: 60, Alive: true}, HeavyLimit: 6000, LightLimit: 6000, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, lake := &company{sim, serveCompany(t, sim, nil)}, openLake(t, t.TempDir())
	for range 8 {
		for _, scope := range []Scope{ScopeCompany, ScopeExtension} {
			x := reading(nil)
			x.Scope, x.Strategy, x.Now, x.Clock, x.PollAnyway = scope, StrategyAuto, at, now, false
			if _, err := runExtract(t.Context(), c.clientAt(t, now), lake, x); err != nil {
				t.Fatal(err)
			}
		}
		at = at.Add(20 * time.Hour)
	}
	runTransform(t, lake, "America/New_York") // its audits hold
	deleted, lines := 0, map[string]bool{}
	for _, line := range dumped(t, lake, ExtensionCallLogStream) {
		lines[line] = true
		if strings.Contains(line, `"deleted":true`) {
			deleted++
		}
	}
	first := dayOf(simulated) - 3
	w, checked := Window{first, first + 4}, 0
	client := c.clientAt(t, now)
	for x := range c.Extensions() {
		if !x.Removed.IsZero() && x.Removed.Before(at) {
			continue
		}
		for page, err := range client.ExtensionCallLog(t.Context(), c.AccountID(), x.ID, dayStart(w.From), dayStart(w.To).Add(-time.Second), nil) {
			if err != nil {
				t.Fatal(err)
			}
			body, err := ownedPage(page.Path, page.Body)
			if err != nil {
				t.Fatal(err)
			}
			var records struct{ Records []json.RawMessage }
			if err := json.Unmarshal(body, &records); err != nil {
				t.Fatal(err)
			}
			for _, r := range records.Records {
				checked++
				if line := canonicalRecords(t, schema.ExtensionCallLog(), r)[0]; !lines[line] {
					t.Errorf("extension %s: the lake lacks %s", x.ID, line)
				}
			}
		}
	}
	if checked < 50 || deleted == 0 {
		t.Errorf("%d records, %d deleted: too few to tell", checked, deleted)
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
}

// TestOwnedPage: whose log it is, and a key, are put into records of every form; an id that is a number is one; without an id there is no key; of
// what a record calls like ours, ours counts.
func TestOwnedPage(t *testing.T) {
	page := `{"uri":"u","records":[ {"id":"a","x":"<&"} , {"id":7}, {}, {"ID":"b"}, {"id":null,"trunkline":{"key":"forged"}}],"navigation":{}}`
	got, err := ownedPage("/restapi/v1.0/account/1/extension/23/call-log", []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"records":[{"id":"a","x":"<&","trunkline":{"extensionId":"23","key":"` + recordKey("23", "a") + `"}},` +
		`{"id":7,"trunkline":{"extensionId":"23","key":"` + recordKey("23", "7") + `"}},` +
		`{"trunkline":{"extensionId":"23"}},{"ID":"b","trunkline":{"extensionId":"23"}},` +
		`{"id":null,"trunkline":{"key":"forged"},"trunkline":{"extensionId":"23"}}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if recordKey("1", "12") == recordKey("11", "2") || strings.ContainsAny(recordKey("1", "2"), "0123456789") {
		t.Error("keys are not apart, or have digits")
	}
	for _, bad := range []string{`[]`, `{"records":7}`, `{"records":[7]}`} {
		if _, err := ownedPage("/x/extension/1/call-log", []byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// viewed is the one number that a query over the lake gives.
func viewed(t testing.TB, lake *sinks.Lake, zone, query string) (n int) {
	t.Helper()
	engine, err := sql.Open(t.Context(), &sql.Options{Timezone: zone, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if err := View(t.Context(), lake, engine, nil, 1<<30); err != nil {
		t.Fatal(err)
	}
	rows, err := engine.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	for values, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		if n, err = strconv.Atoi(values[0].String()); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
