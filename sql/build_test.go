package sql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const twoDays = `{"account_id":"100","id":"a","start_time":"2026-11-20 09:00:00+00","direction":"Inbound","type":"Voice","result":"Accepted","extension_id":"7001"}
{"account_id":"100","id":"b","start_time":"2026-11-20 10:00:00+00","direction":"Inbound","type":"Voice","result":"Missed","extension_id":"7002"}
{"account_id":"100","id":"c","start_time":"2026-11-21 09:00:00+00","direction":"Inbound","type":"Voice","result":"Missed","extension_id":"7001"}
`

func TestBuildExportsWantedDays(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	dir := t.TempDir()
	days := []Date{{"100", "2026-11-22"}, {"100", "2026-11-20"}, {"100", "2026-11-20"}}
	want := map[string][]Date{"calls_daily": days, "extension_daily": days[1:]}
	parts, err := e.Build(t.Context(), want, dir)
	if err != nil {
		t.Fatal(err)
	}
	path := func(mart, date string) string {
		return filepath.Join(dir, mart, "account_id=100", "local_date="+date, mart+".parquet")
	}
	expected := []Partition{
		{"calls_daily", "100", "2026-11-20", path("calls_daily", "2026-11-20"), 1},
		{"calls_daily", "100", "2026-11-22", path("calls_daily", "2026-11-22"), 0},
		{"extension_daily", "100", "2026-11-20", path("extension_daily", "2026-11-20"), 2},
	}
	if diff := cmp.Diff(expected, parts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{parts[0].Path, parts[1].Path, parts[2].Path}, filesBelow(t, dir)); diff != "" {
		t.Errorf("files (-partitions +disk):\n%s", diff)
	}
	for _, part := range parts {
		rows, err := e.Query(t.Context(), "select * from read_parquet("+quoteText(part.Path)+", hive_partitioning = false)")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range rows.Columns {
			if c.Name == "account_id" || c.Name == "local_date" {
				t.Errorf("%s has column %s, which its path carries", part.Path, c.Name)
			}
		}
		var count int64
		for _, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
		if count != part.Rows {
			t.Errorf("%s has %d rows, not %d", part.Path, count, part.Rows)
		}
	}
	if left := queryRows(t, e, "select count(*) from marts.calls_daily"); left[0][0] != "0" {
		t.Errorf("Build left a table of %s rows in the database", left[0][0])
	}
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestEmptyLake holds that every view works, and every wanted day is built, without any call.
func TestEmptyLake(t *testing.T) {
	l := newLake(t, "")
	if len(l.files) != 0 {
		t.Fatalf("%d files", len(l.files))
	}
	e := loaded(t, l, nil)
	if err := e.LoadMarts(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	withIntermediates(t, e)
	views := []string{"call_log"}
	for _, m := range e.overLoaded(nil) {
		views = append(views, m.Relation())
	}
	for _, view := range views {
		want := "0"
		if view == "staging.settings" {
			want = "1"
		}
		if got := queryRows(t, e, "select count(*) from "+view); got[0][0] != want {
			t.Errorf("%s: %v rows", view, got)
		}
	}
	run(t, e, "drop schema intermediate cascade")
	parts, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), t.TempDir())
	if err != nil || len(parts) != len(Marts()) {
		t.Fatalf("%v %v", parts, err)
	}
	for _, part := range parts {
		if part.Rows != 0 {
			t.Errorf("%+v", part)
		}
	}
	parts = partsOf(parts, "calls_daily")
	before := queryRows(t, e, "describe marts.calls_daily")
	if err := e.LoadMarts(t.Context(), map[string][]string{"calls_daily": {parts[0].Path}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, queryRows(t, e, "describe marts.calls_daily")); diff != "" {
		t.Errorf("columns without files and with an empty one differ:\n%s", diff)
	}
}

func TestFailingAuditsExportNothing(t *testing.T) {
	lines := map[string]string{
		"call_ids_unique": twoDays +
			`{"account_id":"100","id":"a","start_time":"2026-11-22 09:00:00+00"}` + "\n" +
			`{"account_id":"200","id":"b","start_time":"2026-11-22 09:00:00+00"}`,
		"calls_in_own_day": twoDays +
			`{"account_id":"100","id":"z","start_time":"2026-11-20 23:59:59.999+00","start_date":"2026-11-21"}`,
		"durations_not_negative": twoDays + `{"account_id":"100","id":"z","start_time":"2026-11-20 09:00:00+00","duration":1,"legs":[{"start_time":"2026-11-20 09:00:00+00","duration":-3}]}`,
	}
	rows := map[string][]string{
		"call_ids_unique":        {"account_id=100, call_id=a, copies=2, first_start_date=2026-11-20, last_start_date=2026-11-22"},
		"calls_in_own_day":       {"account_id=100, start_date=2026-11-21, call_id=z, start_at=2026-11-20T23:59:59.999Z"},
		"durations_not_negative": {"account_id=100, call_id=z, leg_index=0, length=-3000"},
	}
	for name, text := range lines {
		t.Run(name, func(t *testing.T) {
			e := loaded(t, newLake(t, text), &Options{Timezone: "America/New_York"})
			dir := t.TempDir()
			_, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), dir)
			var failed *AuditError
			if !errors.As(err, &failed) {
				t.Fatal(err)
			}
			if failed.Audit != name || failed.Count != 1 || failed.Remedy == "" || !strings.Contains(err.Error(), rows[name][0]) {
				t.Errorf("%+v", failed)
			}
			if diff := cmp.Diff(rows[name], failed.Rows); diff != "" {
				t.Error(diff)
			}
			if found := filesBelow(t, dir); len(found) > 0 {
				t.Errorf("exported %v", found)
			}
		})
	}
}

// TestAuditShowsFewRowsAndCountsAll also holds that a mart whose key repeats is found without an audit of its own.
func TestAuditShowsFewRowsAndCountsAll(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	var err error
	e.models, err = parseModels(fstest.MapFS{
		"marts/twice.sql": model("marts.twice", "main.call_log", "select r.range as k from range(9) as r, range(2)"),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), t.TempDir())
	var failed *AuditError
	if !errors.As(err, &failed) || failed.Audit != "key of marts.twice" || failed.Count != 9 || len(failed.Rows) != auditedRows {
		t.Fatalf("%+v", err)
	}
}

// queued is a caller who hangs up in a queue after 2 s, and one who leaves a message there.
const queued = `{"account_id":"100","id":"q","start_time":"2026-11-21 10:00:00+00","duration":2,"direction":"Inbound","type":"Voice","result":"Abandoned","extension_id":"8000","legs":[{"leg_type":"PstnToSip","start_time":"2026-11-21 10:00:00+00","duration":2,"result":"Missed","extension_id":"7001"}]}
{"account_id":"100","id":"v","start_time":"2026-11-21 11:00:00+00","duration":20,"direction":"Inbound","type":"Voice","result":"Voicemail","extension_id":"8000","legs":[{"leg_type":"PstnToSip","start_time":"2026-11-21 11:00:00+00","duration":2,"result":"Missed","extension_id":"7001"}]}
`

// TestAuditsOfSums breaks the models beneath the audits that hold by construction.
func TestAuditsOfSums(t *testing.T) {
	l := newLake(t, twoDays+queued)
	hours := officeHours()
	for _, change := range [][4]string{
		{"calls_daily_adds_up", "marts/calls_daily.sql", "outcome = 'missed'", "outcome = 'mossed'"},
		{"extension_daily_adds_up", "marts/extension_daily.sql", "and parties.outcome = 'missed'", "and parties.outcome = 'mossed'"},
		{"sessions_add_up", "intermediate/session_calls.sql", "session_key, calls.call_id)", "session_key, 'lost')"},
		{"volume_adds_up", "intermediate/busy_hours.sql", "calls.start_ms < hours.hour_end_ms", "calls.start_ms < hours.hour_start_ms"},
		{"cost_adds_up", "marts/cost_daily.sql", "count(*) as calls", "count(cost_included) as calls"},
		{"queue_hours_add_up", "marts/queue_daily.sql", "calls.outcome <> 'in_progress'", "calls.outcome = 'voicemail'"},
		{"queue_hours_add_up", "marts/queue_daily.sql", "is_after_hours and calls.outcome <> 'in_progress'", "is_after_hours and calls.outcome = 'voicemail'"},
		{"queue_levels", "intermediate/queue_calls.sql", "waits.outcome = 'answered' and", ""},
		{"reconciliation_adds_up", "intermediate/interactions.sql", "where not named.is_fax or", "where named.is_fax and"},
		{"recovery_follows", "marts/missed_recovery.sql", "'abandoned', 'voicemail') as is_missed", "'voicemail') as is_missed"},
	} {
		broken, changed := fstest.MapFS{}, false
		for _, path := range globbed(t) {
			text, err := files.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if path == change[1] {
				changed = bytes.Contains(text, []byte(change[2]))
				text = bytes.Replace(text, []byte(change[2]), []byte(change[3]), 1)
			}
			broken[path] = &fstest.MapFile{Data: text}
		}
		e := loaded(t, l, &Options{Settings: &hours})
		var err error
		if e.models, err = parseModels(broken); err != nil || !changed {
			t.Fatal(change, changed, err)
		}
		_, err = e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), t.TempDir())
		var failed *AuditError
		if !errors.As(err, &failed) || failed.Audit != change[0] {
			t.Errorf("%s: %v", change, err)
		}
	}
}

func partsOf(parts []Partition, mart string) []Partition {
	return slices.DeleteFunc(slices.Clone(parts), func(p Partition) bool { return p.Mart != mart })
}

func globbed(t *testing.T) []string {
	t.Helper()
	paths, err := fs.Glob(files, "*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestMartOverAllTime(t *testing.T) {
	all := model("marts.whole", "main.call_log", "select id as k from main.call_log")
	all.Data = bytes.Replace(all.Data, []byte("unit: day"), []byte("unit: all"), 1)
	l := newLake(t, twoDays)
	e := loaded(t, l, nil)
	var err error
	if e.models, err = parseModels(fstest.MapFS{"marts/whole.sql": all}); err != nil {
		t.Fatal(err)
	}
	if err := e.Load(t.Context(), l.inputs()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	parts, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Partition{{Mart: "whole", Path: filepath.Join(dir, "whole", "whole.parquet"), Rows: 3}}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Fatal(diff)
	}
	if err := e.LoadMarts(t.Context(), map[string][]string{"whole": {parts[0].Path}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"a"}, {"b"}, {"c"}}, queryRows(t, e, "from marts.whole")); diff != "" {
		t.Error(diff)
	}
}

func TestFailingModelIsNamed(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	var err error
	e.models, err = parseModels(fstest.MapFS{
		"marts/broken.sql": model("marts.broken", "main.call_log", "select nonsense as k from main.call_log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), dir)
	var failed *ModelError
	if !errors.As(err, &failed) || failed.Model != "marts.broken" || !strings.Contains(err.Error(), `"nonsense" not found`) {
		t.Errorf("%v", err)
	}
	if found := filesBelow(t, dir); len(found) > 0 {
		t.Errorf("exported %v", found)
	}
}

func TestBuildRefusesOddDates(t *testing.T) {
	e := loaded(t, newLake(t, ""), nil)
	for _, d := range []Date{{"", "2026-11-20"}, {"../100", "2026-11-20"}, {"1'0", "2026-11-20"}, {"100", "2026-11-31"}, {"100", "20261120"}, {"100", ""}} {
		dir := t.TempDir()
		if _, err := e.Build(t.Context(), of(e, d), dir); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%+v: %v", d, err)
		}
		if found := filesBelow(t, dir); len(found) > 0 {
			t.Errorf("%+v: exported %v", d, found)
		}
	}
}

func TestCancelledBuildLeavesTheEngineUsable(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Build(ctx, of(e, Date{"100", "2026-11-20"}), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), t.TempDir()); err != nil {
		t.Error(err)
	}
}

// TestInterruptedModel holds that a model which was interrupted is not blamed: its query would run for hours.
func TestInterruptedModel(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	var err error
	e.models, err = parseModels(fstest.MapFS{"marts/endless.sql": model("marts.endless", "main.call_log",
		"select sum(hash(a.range, b.range)) as k from range(100000000) as a, range(100000000) as b")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = e.Build(ctx, of(e, Date{"100", "2026-11-20"}), t.TempDir())
	var blamed *ModelError
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &blamed) {
		t.Errorf("%v", err)
	}
}

// TestSameBytes builds a day that is large enough for DuckDB to use several threads and to write several row groups.
func TestSameBytes(t *testing.T) {
	l := newLake(t, "")
	dir := filepath.Join(l.dir, "call_log", "account_id=100", "start_date=2026-11-20")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l.files = []string{filepath.Join(dir, "call_log.parquet")}
	run(t, open(t, nil), fmt.Sprintf(`copy (
		select 'c' || i as id, timestamptz '2026-11-20 00:00:00+00' + to_milliseconds(i) as start_time, i %% 600 as duration,
			'Voice' as type, case when i %% 3 = 0 then 'Outbound' else 'Inbound' end as direction,
			case when i %% 5 = 0 then 'Missed' else 'Accepted' end as result, 'e' || (i %% 130000) as extension_id,
			'n' || (i * 7919 %% 1000) as to_name, 'e' || (i %% 130000) as to_extension_id,
			cast(i %% 97 / 100 as decimal(18, 4)) as billing_cost_included,
			[{'leg_type': 'Accept', 'extension_id': 'e' || (i %% 130000), 'result': 'Accepted', 'duration': i %% 600}] as legs
		from range(200000) as r (i)) to %s (format parquet)`, quoteText(l.files[0])))
	var first []string
	for round, threads := range []int{1, 4} {
		e := loaded(t, l, &Options{Threads: threads})
		parts, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if rows := partsOf(parts, "extension_daily")[0].Rows; rows != 130000 {
			t.Fatalf("%d rows of extensions", rows)
		}
		var content []string
		for _, part := range parts {
			data, err := os.ReadFile(part.Path)
			if err != nil {
				t.Fatal(err)
			}
			content = append(content, string(data))
		}
		if first == nil {
			first = content
		}
		if !slices.Equal(first, content) {
			t.Errorf("round %d, %d threads: other bytes", round, threads)
		}
	}
}
