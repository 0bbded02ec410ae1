package sql

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOpenSettings(t *testing.T) {
	temp := t.TempDir()
	e := open(t, &Options{MemoryLimit: "300MB", Threads: 3, TempDir: temp, Timezone: "Europe/Berlin"})
	settings := queryRows(t, e, `select current_setting('memory_limit'), current_setting('threads'), current_setting('TimeZone'),
		current_setting('autoload_known_extensions'), current_setting('autoinstall_known_extensions'), getvariable('timezone')`)
	want := [][]string{{"286.1 MiB", "3", "UTC", "false", "false", "Europe/Berlin"}}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Error(diff)
	}
	spill := queryRows(t, e, "select current_setting('temp_directory')")[0][0]
	if filepath.Dir(spill) != temp {
		t.Errorf("spills to %s, not below %s", spill, temp)
	}
}

// TestSettings: the models see what was set, and the same defaults where nothing was, as in a shell.
func TestSettings(t *testing.T) {
	query := "select service_level_s, short_abandon_s, missed_recovery_days from staging.settings"
	row := func(s Settings) string {
		return fmt.Sprint([][]int{{s.ServiceLevelS, s.ShortAbandonS, s.MissedRecoveryDays}})
	}
	l := newLake(t, "")
	mine := Settings{ServiceLevelS: 30, ShortAbandonS: 0, MissedRecoveryDays: 2}
	for _, s := range []*Settings{nil, &mine} {
		e := loaded(t, l, &Options{Settings: s})
		if got := fmt.Sprint(queryRows(t, e, query)); got != row(e.Settings()) || s != nil && !cmp.Equal(e.Settings(), mine) {
			t.Errorf("%v: %s", s, got)
		}
	}
	e := loaded(t, l, &Options{Settings: &mine})
	e.db.SetMaxOpenConns(1)
	for name := range mine.values() {
		run(t, e, "reset variable "+name)
	}
	if got := fmt.Sprint(queryRows(t, e, query)); got != row(DefaultSettings()) {
		t.Errorf("without variables: %s", got)
	}
	if mine.Value("short_abandon_s") != "0" || mine.Value("nothing") != "" {
		t.Error("values by name")
	}
}

func TestVersion(t *testing.T) {
	if got := queryRows(t, open(t, nil), "select version()"); got[0][0] != Version() {
		t.Errorf("%v is not %s", got, Version())
	}
}

func TestCloseRemovesTemporaryFiles(t *testing.T) {
	temp := t.TempDir()
	e, err := Open(t.Context(), &Options{TempDir: temp, MemoryLimit: "40MB", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	run(t, e, "create table big as select range, hash(range) as h from range(4000000)")
	if len(filesBelow(t, temp)) == 0 {
		t.Error("nothing was spilled: this test shows nothing")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, o := range map[string]*Options{
		"time zone":    {Timezone: "Middle-earth/Shire"},
		"abbreviation": {Timezone: "europe/berlin"},
		"quote":        {Timezone: "UTC'; drop table x; --"},
		"memory":       {MemoryLimit: "a lot"},
		"threads":      {Threads: -1},
		"temp":         {TempDir: "/dev/null/here"},
		"threshold":    {Settings: &Settings{ServiceLevelS: -1, MissedRecoveryDays: 7}},
		"no days":      {Settings: &Settings{}},
		"many days":    {Settings: &Settings{MissedRecoveryDays: 61}},
	} {
		o := *o
		if o.TempDir == "" {
			o.TempDir = t.TempDir()
		}
		e, err := Open(t.Context(), &o)
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = e.Close()
			continue
		}
		if left, err := os.ReadDir(o.TempDir); err == nil && len(left) > 0 {
			t.Errorf("%s: left behind %v", name, left)
		}
	}
	_, err := Open(t.Context(), &Options{Timezone: "Middle-earth/Shire"})
	if err == nil || !strings.Contains(err.Error(), "Europe/Berlin") {
		t.Errorf("does not say what was expected: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	l := newLake(t, twoDays)
	broken := filepath.Join(t.TempDir(), "broken.parquet")
	if err := os.WriteFile(broken, []byte("PAR1 not really"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := loaded(t, l, nil)
	for name, in := range map[string][]Input{
		"nothing to read": {{Table: "call_log"}},
		"odd name":        {{Table: `call_log" as select 1; --`, Files: l.files}},
		"missing file":    {{Table: "call_log", Files: []string{filepath.Join(l.dir, "none.parquet")}, Empty: l.empty}},
		"broken file":     {{Table: "call_log", Files: []string{broken}, Empty: l.empty}},
	} {
		if err := e.Load(t.Context(), in); err == nil {
			t.Errorf("%s: loaded", name)
		}
		if got := queryRows(t, e, "select count(*) from staging.calls"); got[0][0] != "3" {
			t.Errorf("%s: the views of before are gone: %v", name, got)
		}
	}
	err := open(t, nil).Load(t.Context(), nil)
	var model *ModelError
	if !errors.As(err, &model) || !strings.HasPrefix(model.Model, "staging.") {
		t.Errorf("without the table that models read: %v", err)
	}
}

// TestLiteralPaths holds that characters which DuckDB takes for patterns, and quotes, are only characters.
func TestLiteralPaths(t *testing.T) {
	l := newLake(t, twoDays)
	odd := filepath.Join(t.TempDir(), "o'dd [a-z] * ? {x}")
	moved := lake{dir: odd, empty: filepath.Join(odd, "empty.parquet"), more: l.more}
	if err := os.CopyFS(odd, os.DirFS(l.dir)); err != nil {
		t.Fatal(err)
	}
	for _, file := range l.files {
		rel, err := filepath.Rel(l.dir, file)
		if err != nil {
			t.Fatal(err)
		}
		moved.files = append(moved.files, filepath.Join(odd, rel))
	}
	e := loaded(t, moved, nil)
	parts, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), filepath.Join(odd, "out"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.LoadMarts(t.Context(), map[string][]string{"calls_daily": {partsOf(parts, "calls_daily")[0].Path}}); err != nil {
		t.Fatal(err)
	}
	if got := queryRows(t, e, "select account_id, local_date, calls from marts.calls_daily"); fmt.Sprint(got) != "[[100 2026-11-20 2]]" {
		t.Error(got)
	}
}

// TestOlderFiles holds that files which lack newer columns, also within legs, give nulls there.
func TestOlderFiles(t *testing.T) {
	l := newLake(t, twoDays)
	old := filepath.Join(l.dir, "call_log", "account_id=100", "start_date=2019-01-01", "call_log.parquet")
	if err := os.MkdirAll(filepath.Dir(old), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, open(t, nil), `copy (select 'old' as id, timestamptz '2019-01-01 12:00:00+00' as start_time, 'Accepted' as result,
		[{'start_time': timestamptz '2019-01-01 12:00:00+00', 'extension_id': '7001', 'result': 'Accepted'}] as legs)
		to `+quoteText(old)+` (format parquet)`)
	for _, files := range [][]string{{old}, append([]string{old}, l.files...)} {
		e := loaded(t, lake{files: files, empty: l.empty, more: l.more}, nil)
		got := queryRows(t, e, `select call_id, start_date, outcome, duration_s, extension_id from staging.calls
			where start_date = date '2019-01-01'`)
		if diff := cmp.Diff([][]string{{"old", "2019-01-01", "answered", "null", "null"}}, got); diff != "" {
			t.Error(diff)
		}
		if got := queryRows(t, e, "select count(*) from staging.call_legs where extension_id = '7001' and is_master"); got[0][0] != "1" {
			t.Error(got)
		}
		published(t, e)
	}
}

func TestLoadMarts(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	parts := published(t, e)
	want := [][]string{{"100", "2026-11-20", "2"}, {"100", "2026-11-21", "1"}}
	for range 2 { // building again over the views leaves them as they are
		if diff := cmp.Diff(want, queryRows(t, e, "select account_id, local_date, calls from marts.calls_daily order by all")); diff != "" {
			t.Error(diff)
		}
		if _, err := e.Build(t.Context(), of(e, Date{"100", "2026-11-20"}), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	err := e.LoadMarts(t.Context(), map[string][]string{"calls_weekly": {parts[0].Path}})
	if err == nil || !strings.Contains(err.Error(), "calls_daily, ") {
		t.Errorf("unknown mart: %v", err)
	}
}
