package sql

import (
	"bytes"
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGolden builds the marts of every directory in testdata, and compares them, as they are read back from the exported files,
// with the CSV beside the calls. "go test ./sql -args -update" writes the CSV anew.
func TestGolden(t *testing.T) {
	zones := map[string]string{"berlin": "Europe/Berlin"}
	inputs, err := filepath.Glob("testdata/*/calls.ndjson")
	if err != nil || len(inputs) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, input := range inputs {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			lines, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			e := loaded(t, newLake(t, string(lines)), &Options{Timezone: zones[filepath.Base(dir)]})
			published(t, e)
			for name, query := range map[string]string{
				"staging_calls": `select account_id, start_date, call_id, start_at, local_start_at, local_date, end_at, duration_s,
					duration_ms, direction, is_internal, result, outcome, external_phone_number, external_digits, is_number_masked,
					has_recording, has_voicemail, cost_included, leg_count, last_modified_at
					from staging.calls order by account_id, call_id`,
				"staging_call_legs": `select account_id, start_date, call_id, leg_index, is_master, leg_type, start_at, end_at, duration_s,
					result, is_answered, is_voicemail, extension_id from staging.call_legs order by account_id, call_id, leg_index`,
				"call_extensions": "select * from intermediate.call_extensions order by account_id, call_id, extension_id",
				"calls_daily":     "select * from marts.calls_daily order by all",
				"extension_daily": "select * from marts.extension_daily order by account_id, local_date, extension_id",
			} {
				compareGolden(t, filepath.Join(dir, name+".csv"), asCSV(t, e, query))
			}
		})
	}
}

// published builds every day that the engine's files have and makes the marts readable.
func published(t *testing.T, e *Engine) []Partition {
	t.Helper()
	parts, err := e.Build(t.Context(), dates(t, e), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for _, p := range parts {
		files[p.Mart] = append(files[p.Mart], p.Path)
	}
	if err := e.LoadMarts(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	return parts
}

func asCSV(t *testing.T, e *Engine, query string) string {
	t.Helper()
	rows, err := e.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	var header []string
	for _, c := range rows.Columns {
		header = append(header, c.Name)
	}
	records := [][]string{header}
	for values, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		var record []string
		for _, v := range values {
			record = append(record, v.String())
		}
		records = append(records, record)
	}
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	m.Run()
}
