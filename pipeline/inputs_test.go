package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// broughtDay brings records of one UTC day of a stream of account 1 into the lake, as a reading to its end does that began at noon.
func broughtDay(t testing.TB, lake *sinks.Lake, name string, date time.Time, records ...string) {
	t.Helper()
	s, known := streamNamed(name)
	if !known {
		t.Fatal(name)
	}
	decoder, on := schema.NewDecoder(s.columns), dayOf(date)
	if _, err := decoder.Append([]byte(`{"records":[` + strings.Join(records, ",") + `]}`)); err != nil {
		t.Fatal(err)
	}
	read := sinks.NewRead(s.Table)
	if s.IsSnapshot() {
		read = sinks.NewRead(s.On(on))
	}
	if err := read.Append(decoder.Batch()); err != nil {
		t.Fatal(err)
	}
	o, err := lake.ReplaceDay(t.Context(), &sinks.Merge{AccountID: "1", Schema: s.columns.Schema(), Read: read, Shrink: s.IsSnapshot()}, on)
	if err != nil {
		t.Fatal(err)
	}
	entry := sinks.LedgerDay{How: s.byWhat.how(), ReadAt: dayStart(on).Add(12 * time.Hour), Closed: true}.WithContent(o)
	known1, err := lake.Ledger(t.Context(), "1", name)
	if err != nil {
		t.Fatal(err)
	}
	if err := lake.WriteLedger(t.Context(), "1", name, sinks.Ledger{on: entry}, known1); err != nil {
		t.Fatal(err)
	}
}

// TestInForce: which snapshots say how things were.
func TestInForce(t *testing.T) {
	ledger := sinks.Ledger{
		day("2026-11-03"): {ContentHash: "a", Closed: true}, day("2026-11-05"): {Closed: true}, day("2026-11-06"): {How: howSnapshot},
		day("2026-11-08"): {ContentHash: "b"},
	}
	for _, tc := range []struct{ first, last, want string }{
		{"2026-11-01", "2026-11-02", "03"},       // none yet: the first one after
		{"2026-11-02", "2026-11-03", "03"},       // one in the course of it
		{"2026-11-04", "2026-11-04", "03"},       // the last one before
		{"2026-11-05", "2026-11-05", "03 05"},    // and the one of the day, empty as it is
		{"2026-11-06", "2026-11-06", "05"},       // an unfinished one says nothing
		{"2026-11-06", "2026-11-09", "05 08"},    // an imported one does
		{"2026-11-02", "2026-11-08", "03 05 08"}, // all of them
		{"2026-12-01", "2026-12-01", "08"},
	} {
		var got []string
		for _, d := range inForce(snapshotDays(ledger), day(tc.first), day(tc.last)) {
			got = append(got, d.FormattedString()[len("2026-11-"):])
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s to %s: %v, want %s", tc.first, tc.last, got, tc.want)
		}
	}
	if got := inForce(snapshotDays(sinks.Ledger{}), day("2026-11-01"), day("2026-11-02")); len(got) > 0 {
		t.Error(got)
	}
}

// martInputs is what the partitions of account 1 were built from, by mart and partition.
func martInputs(t *testing.T, lake *sinks.Lake) map[string]sinks.MartState {
	t.Helper()
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

// rebuiltFor lists, by mart, the days of November whose partitions were built from other inputs than before.
func rebuiltFor(before, after map[string]sinks.MartState) map[string]string {
	got := map[string]string{}
	for mart, state := range after {
		var days []string
		for partition, p := range state {
			if before[mart][partition].Inputs != p.Inputs {
				days = append(days, partition[len("account_id=1/local_date=2026-11-"):])
			}
		}
		if slices.Sort(days); len(days) > 0 {
			got[mart] = strings.Join(days, " ")
		}
	}
	return got
}

const aQueue = `{"id":"8000","name":"Support","serviceLevelSettings":{"slaGoal":80,"slaThresholdSeconds":%d,"includeAbandonedCalls":true,"abandonedThresholdSeconds":5}}`

// TestSnapshotsMakeStaleWhatReadsThem: a snapshot with the rows of the one before makes nothing stale; one with a changed setting makes
// stale what reads that table, from its day on; one of a table that no mart reads makes nothing stale. A message makes stale what reads
// messages, on the days that its day reaches.
func TestSnapshotsMakeStaleWhatReadsThem(t *testing.T) {
	slowMarts(t)
	lake := openLake(t, t.TempDir())
	on := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.UTC) }
	for d := 2; d <= 9; d++ {
		broughtDay(t, lake, CallLogStream, on(d), fmt.Sprintf(`{"id":"%d","startTime":%q,"type":"Voice","direction":"Inbound","result":"Accepted","extension":{"id":8000}}`, d, on(d).Format(time.RFC3339)))
	}
	changed := func(bring func()) map[string]string {
		before := martInputs(t, lake)
		bring()
		runTransform(t, lake, "America/New_York")
		return rebuiltFor(before, martInputs(t, lake))
	}
	snapshot := func(d, threshold int) map[string]string {
		return changed(func() { broughtDay(t, lake, "call_queues", on(d), fmt.Sprintf(aQueue, threshold)) })
	}
	if got := changed(func() {}); len(got) == 0 {
		t.Fatal("nothing was built")
	}
	if got := snapshot(5, 20)["queue_daily"]; got != "01 02 03 04 05 06 07 08 09" {
		t.Errorf("the first snapshot reaches days %s", got)
	}
	if got := snapshot(6, 20); len(got) > 0 {
		t.Errorf("the same rows make stale %v", got)
	}
	// The snapshot of the 7th in UTC may have been read on the evening of the 6th in New York.
	got := snapshot(7, 30)
	if got["queue_daily"] != "06 07 08 09" || got["queue_hourly"] != "06 07 08 09" {
		t.Errorf("a changed setting makes stale %v", got)
	}
	for _, m := range sql.Marts() {
		if _, stale := got[m.Name]; stale != slices.Contains(m.Tables, "call_queues") {
			t.Errorf("%s reads %v and is stale %t", m.Name, m.Tables, stale)
		}
	}
	unread := slices.IndexFunc(streams, func(s stream) bool { return s.IsSnapshot() && !slices.Contains(martTables(), s.Name) })
	if unread < 0 {
		t.Fatal("marts read every snapshot: give this test another table")
	}
	if got := changed(func() { broughtDay(t, lake, streams[unread].Name, on(5), `{"id":1,"name":"x"}`) }); len(got) > 0 {
		t.Errorf("%s makes stale %v", streams[unread].Name, got)
	}
	message := `{"id":1,"type":"SMS","direction":"Inbound","creationTime":"2026-11-05T12:00:00Z","messageStatus":"Received","from":{"phoneNumber":"+14155550101"}}`
	got = changed(func() { broughtDay(t, lake, MessagesStream, on(5), message) })
	if diff := cmp.Diff(map[string]string{"reconciliation_daily": "03 04 05 06"}, got); diff != "" {
		t.Errorf("a message: %s", diff)
	}
	read := queried(t, lake, "America/New_York", "select cast(local_date as varchar), sla_threshold_s from marts.queue_daily order by local_date")
	want := []string{"2026-11-02 20", "2026-11-03 20", "2026-11-04 20", "2026-11-05 20", "2026-11-06 30", "2026-11-07 30", "2026-11-08 30", "2026-11-09 30"}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Error(diff)
	}
}

// queried runs a query over the lake's views and returns its rows, values with blanks between them.
func queried(t *testing.T, lake *sinks.Lake, zone, query string) (out []string) {
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
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		var values []string
		for _, v := range row {
			values = append(values, v.String())
		}
		out = append(out, strings.Join(values, " "))
	}
	return out
}

// TestViewsKnowTheSnapshotsInForce: the views that queries read have them, too, for the days of calls and of snapshots, and an extension that
// is gone still has its name on the days of its calls.
func TestViewsKnowTheSnapshotsInForce(t *testing.T) {
	lake := openLake(t, t.TempDir())
	at := func(d arrow.Date32) time.Time { return dayStart(d).Add(15 * time.Hour) }
	for d := day("2026-11-02"); d <= day("2026-11-05"); d++ {
		broughtDay(t, lake, CallLogStream, at(d), fmt.Sprintf(`{"id":"%d","startTime":%q,"extension":{"id":101}}`, d, at(d).Format(time.RFC3339)))
	}
	broughtDay(t, lake, ExtensionsStream, at(day("2026-11-03")), `{"id":101,"name":"Ada"}`, `{"id":102,"name":"Bo"}`)
	broughtDay(t, lake, ExtensionsStream, at(day("2026-11-04")), `{"id":102,"name":"Bo"}`)
	got := queried(t, lake, "UTC", `select cast(calls.local_date as varchar), extension_name from staging.calls as calls
		left join staging.extension_days as x on x.account_id = calls.account_id and x.local_date = calls.local_date and x.extension_id = calls.extension_id
		order by 1`)
	if diff := cmp.Diff([]string{"2026-11-02 Ada", "2026-11-03 Ada", "2026-11-04 Ada", "2026-11-05 null"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestCallThatMovedOutOfAnOwnLog: a call that an extension's log has on one day and the company's, read later, on the next counts once, on
// whichever day marts are brought up to date.
func TestCallThatMovedOutOfAnOwnLog(t *testing.T) {
	lake := openLake(t, t.TempDir())
	day := time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC)
	record := func(id, start, more string) string {
		return fmt.Sprintf(`{"id":%q,"startTime":%q,"type":"Voice","direction":"Inbound"%s}`, id, start, more)
	}
	own := func(id, start string) string {
		return record(id, start, fmt.Sprintf(`,"trunkline":{"extensionId":"23","key":%q}`, recordKey("23", id)))
	}
	broughtDay(t, lake, ExtensionCallLogStream, day, own("moved", "2026-11-12T23:59:59.000Z"), own("stays", "2026-11-12T10:00:00.000Z"))
	runTransform(t, lake, "UTC")
	broughtDay(t, lake, CallLogStream, day.AddDate(0, 0, 1), record("moved", "2026-11-13T00:00:01.000Z", ""))
	runTransform(t, lake, "UTC")
	got := queried(t, lake, "UTC", "select cast(local_date as varchar), sum(calls) from marts.calls_daily group by all order by all")
	if diff := cmp.Diff([]string{"2026-11-12 1", "2026-11-13 1"}, got); diff != "" {
		t.Error(diff)
	}
}
