package sql

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// streamColumns are the columns of the tables beside call_log that models read.
var streamColumns = map[string]string{
	"extensions": `id varchar, extension_number varchar, name varchar, type varchar, status varchar, contact_email varchar,
		contact_department varchar, site_id varchar, site_name varchar`,
	"call_queues": `id varchar, extension_number varchar, name varchar, status varchar, site_id varchar, site_name varchar,
		service_level_settings_sla_goal bigint, service_level_settings_sla_threshold_seconds bigint,
		service_level_settings_include_abandoned_calls boolean, service_level_settings_abandoned_threshold_seconds bigint,
		members struct(id varchar; extension_number varchar)[]`,
	"phone_numbers": `id varchar, phone_number varchar, label varchar, usage_type varchar, type varchar, payment_type varchar,
		status varchar, extension_id varchar, extension_name varchar`,
	"recordings": `id varchar, start_time timestamptz, call_id varchar, type varchar, object varchar, content_type varchar, bytes bigint,
		sha256 varchar, fetched_at timestamptz, gone_at timestamptz, erased_at timestamptz`,
	"messages": `id varchar, extension_id varchar, creation_time timestamptz, type varchar, direction varchar, message_status varchar,
		from_phone_number varchar, from_extension_id varchar, from_extension_number varchar, from_name varchar,
		to struct(phone_number varchar; extension_id varchar; extension_number varchar; name varchar; fax_error_code varchar; message_status varchar)[],
		attachments struct(type varchar; vm_duration bigint)[], conversation_id varchar, subject varchar,
		delivery_error_code varchar, segment_count bigint, fax_page_count bigint, read_status varchar,
		vm_transcription_status varchar, availability varchar, last_modified_time timestamptz`,
}

// madeColumns are the columns of the tables that the pipeline makes of its ledgers.
var madeColumns = map[string]string{
	"snapshots_in_force": "account_id varchar, table_name varchar, local_date date, snapshot_date date",
	"ledger": "account_id varchar, utc_date date, calls bigint, read_at timestamptz, how varchar, doubt varchar, is_closed boolean, " +
		"is_held boolean, is_settled boolean, retained_until date, is_near_horizon boolean, is_past_horizon boolean",
}

// madeInput writes rows of a table that the pipeline makes, given as JSON lines.
func madeInput(t *testing.T, table, lines string) Input {
	t.Helper()
	e, dir := open(t, nil), t.TempDir()
	source, types := filepath.Join(dir, "rows.ndjson"), []string{}
	if err := os.WriteFile(source, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, column := range strings.Split(madeColumns[table], ", ") {
		name, kind, _ := strings.Cut(column, " ")
		types = append(types, quoteText(name)+": "+quoteText(kind))
	}
	in := Input{Table: table, Whole: filepath.Join(dir, "whole.parquet")}
	run(t, e, fmt.Sprintf("copy (select * from read_ndjson(%s, columns = {%s})) to %s (format parquet)",
		quoteText(source), strings.Join(types, ", "), quoteText(in.Whole)))
	return in
}

// withoutRows are the files of the tables beside call_log that have no rows, made once.
var withoutRows struct {
	sync.Mutex
	dir    string
	inputs []Input
}

// emptyInputs are all tables beside call_log, without rows.
func emptyInputs(t *testing.T) []Input {
	t.Helper()
	withoutRows.Lock()
	defer withoutRows.Unlock()
	if withoutRows.dir != "" {
		return withoutRows.inputs
	}
	dir, err := os.MkdirTemp("", "trunkline-empty-")
	if err != nil {
		t.Fatal(err)
	}
	withoutRows.dir = dir
	for _, in := range streamInputs(t, "") {
		at := &in.Empty
		if in.Whole != "" {
			at = &in.Whole
		}
		stays := filepath.Join(dir, in.Table+".parquet")
		if err := os.Rename(*at, stays); err != nil {
			t.Fatal(err)
		}
		*at = stays
		withoutRows.inputs = append(withoutRows.inputs, in)
	}
	return withoutRows.inputs
}

// streamInput writes rows of a table, given as JSON lines with account_id and start_date, to Parquet files by account and day.
func streamInput(t *testing.T, table, lines string) Input {
	t.Helper()
	e, dir := open(t, nil), t.TempDir()
	source := filepath.Join(dir, "rows.ndjson")
	if err := os.WriteFile(source, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	var types, names []string
	for _, column := range strings.Split(streamColumns[table], ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		types = append(types, quoteText(name)+": "+quoteText(strings.ReplaceAll(kind, ";", ",")))
		names = append(names, quoteName(name))
	}
	columns := strings.Join(names, ", ")
	run(t, e, fmt.Sprintf("create table rows_ as select * from read_ndjson(%s, columns = {%s, 'account_id': 'varchar', 'start_date': 'date'})",
		quoteText(source), strings.Join(types, ", ")))
	in := Input{Table: table, Empty: filepath.Join(dir, "empty.parquet")}
	run(t, e, fmt.Sprintf("copy (select %s from rows_ limit 0) to %s (format parquet)", columns, quoteText(in.Empty)))
	for _, day := range queryRows(t, e, "select distinct account_id, start_date from rows_ order by all") {
		to := filepath.Join(dir, table, "account_id="+day[0], "start_date="+day[1])
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, table+".parquet")
		run(t, e, fmt.Sprintf("copy (select %s from rows_ where account_id = %s and start_date = %s order by id) to %s (format parquet)",
			columns, quoteText(day[0]), quoteText(day[1]), quoteText(file)))
		in.Files = append(in.Files, file)
	}
	return in
}

// streamInputs are all tables beside call_log, with the rows that a directory has of them.
func streamInputs(t *testing.T, dir string) (inputs []Input) {
	t.Helper()
	for table := range streamColumns {
		lines, err := os.ReadFile(filepath.Join(dir, table+".ndjson"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		inputs = append(inputs, streamInput(t, table, string(lines)))
	}
	for table := range madeColumns {
		lines, err := os.ReadFile(filepath.Join(dir, table+".ndjson"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		inputs = append(inputs, madeInput(t, table, string(lines)))
	}
	return inputs
}

// TestGoldenStreams compares the staging of the tables beside call_log with the CSV beside their rows.
func TestGoldenStreams(t *testing.T) {
	const dir = "testdata/streams"
	e := open(t, &Options{Timezone: "America/New_York"})
	if err := e.Load(t.Context(), append(newLake(t, "").inputs()[:1], streamInputs(t, dir)...)); err != nil {
		t.Fatal(err)
	}
	for name, order := range map[string]string{
		"extensions": "extension_id", "call_queues": "queue_id, snapshot_date", "queue_members": "queue_id, snapshot_date, extension_id",
		"phone_numbers": "phone_number_id", "recordings": "recording_id", "messages": "message_id", "message_parties": "message_id, party_index", "snapshots": "local_date, table_name",
		"queue_days": "local_date, queue_id", "extension_days": "local_date, extension_id", "phone_number_days": "local_date, phone_number_id",
	} {
		compareGolden(t, filepath.Join(dir, "staging_"+name+".csv"), asCSV(t, e, "select * from staging."+name+" order by account_id, "+order))
	}
}

// TestGoldenScope holds which records of extensions' own logs stand for a conversation, and that days which the company's log holds are
// its alone.
func TestGoldenScope(t *testing.T) {
	const dir = "testdata/scope"
	lines := map[string]string{}
	for _, name := range []string{"call_log", "extension_call_log"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		lines[name] = string(text)
	}
	e := open(t, nil)
	if err := e.Load(t.Context(), append(newLake(t, lines["call_log"]).inputs(), ownLogs(t, lines["extension_call_log"]))); err != nil {
		t.Fatal(err)
	}
	published(t, e)
	for name, query := range map[string]string{
		"staging_own_records": "select * from staging.own_records order by account_id, start_date, record_key",
		"staging_calls":       "select start_date, start_at, call_id, telephony_session_id, outcome, duration_s, leg_count from staging.calls order by start_at, call_id",
		"staging_call_legs":   "select start_date, call_id, leg_index, extension_id, result from staging.call_legs order by call_id, leg_index",
		"calls_daily":         "select * from marts.calls_daily order by all",
	} {
		compareGolden(t, filepath.Join(dir, name+".csv"), asCSV(t, e, query))
	}
}

// TestTablesThatAreNotLoaded: their models are left out, and the others are there.
func TestTablesThatAreNotLoaded(t *testing.T) {
	e := open(t, nil)
	if err := e.Load(t.Context(), newLake(t, "").inputs()[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Query(t.Context(), "select * from staging.messages"); err == nil {
		t.Error("staging.messages is there without its table")
	}
	if got := queryRows(t, e, "select count(*) from staging.calls"); got[0][0] != "0" {
		t.Error(got)
	}
	if err := e.Load(t.Context(), []Input{streamInput(t, "messages", "")}); err != nil {
		t.Fatal(err)
	}
	if got := queryRows(t, e, "select count(*) from staging.messages"); got[0][0] != "0" {
		t.Error(got)
	}
}
