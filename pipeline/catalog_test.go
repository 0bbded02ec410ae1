package pipeline

import (
	stdsql "database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sql"
)

// TestCatalog: the file, opened by DuckDB alone, shows what the lake holds, in the zone that was asked for, also what comes later, and
// says of everything what it is.
func TestCatalog(t *testing.T) {
	const zone = "Asia/Tokyo"
	dir := filepath.Join(t.TempDir(), "odd [a-z]* 'lake'")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, lake := newCompany(t, 7, 60, nil), openLake(t, dir)
	bring := func(w Window) {
		t.Helper()
		x := everyStream(&w)
		x.PollAnyway = true
		if tally, err := runExtract(t.Context(), c.client(t), lake, x); err != nil || len(tally.Errs) > 0 {
			t.Fatal(err, tally.Errs)
		}
		runTransform(t, lake, zone)
	}
	bring(Window{fourDays.From, fourDays.From + 2})
	engine, err := sql.Open(t.Context(), &sql.Options{Timezone: zone, Settings: &sql.Settings{ServiceLevelS: 33, MissedRecoveryDays: 7, RetentionDays: 270}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	file := filepath.Join(t.TempDir(), "lake.duckdb")
	for range 2 { // the second replaces the first
		if err := Catalog(t.Context(), lake, engine, dir, file); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(file + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	db, err := stdsql.Open("duckdb", file+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	queries := []string{
		"select count(*), count(distinct id), count(extra) from call_log", "select count(*), min(start_date) from messages", "select count(*) from account",
		"select count(*), strftime(min(local_start_at), '%Y-%m-%d %H:%M:%S'), max(local_date) from staging.calls", "select count(*) from staging.queue_members",
		"select sum(calls), count(distinct local_date) from marts.calls_daily", "select count(*), max(path) from marts.sessions",
		"select service_level_s from staging.settings",
	}
	same := func() {
		t.Helper()
		if err := View(t.Context(), lake, engine, nil, 1<<40); err != nil {
			t.Fatal(err)
		}
		for _, query := range queries {
			rows, err := engine.Query(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for values, err := range rows.All() {
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range values {
					want = append(want, v.Text)
				}
			}
			if diff := cmp.Diff(want, oneRow(t, db, query)); diff != "" || want[0] == "0" {
				t.Errorf("%s (-query +file):\n%s", query, diff)
			}
		}
	}
	same()
	bring(Window{fourDays.From + 2, fourDays.To})
	same()
	for _, query := range []string{
		"select count(*) from duckdb_views() where not internal and coalesce(comment, '') = ''",
		"select count(*) from duckdb_columns() where not internal and coalesce(comment, '') = ''",
	} {
		if got := oneRow(t, db, query); got[0] != "0" {
			t.Errorf("%s without a comment: %s", got[0], query)
		}
	}
}

// oneRow is the first row of a query.
func oneRow(t *testing.T, db *stdsql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "select columns(*)::varchar from ("+query+")")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatal(err, rows.Err())
	}
	values, into := make([]stdsql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(v.String))
	}
	return out
}
