package sql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The contract's columns, in order. Those of legs are the same without recordOnly, and with legsOnly at the end.
const contractColumns = `id varchar, uri varchar, session_id varchar, telephony_session_id varchar, party_id varchar,
sip_uuid_info varchar, start_time timestamptz, duration bigint, duration_ms bigint, type varchar, internal_type varchar,
direction varchar, action varchar, result varchar, reason varchar, reason_description varchar, transport varchar,
from_phone_number varchar, from_extension_number varchar, from_extension_id varchar, from_name varchar, from_location varchar,
from_device_id varchar, from_device_uri varchar, from_dialer_phone_number varchar, to_phone_number varchar,
to_extension_number varchar, to_extension_id varchar, to_name varchar, to_location varchar, to_device_id varchar,
to_device_uri varchar, to_dialed_phone_number varchar, extension_id varchar, extension_uri varchar, delegate_id varchar,
delegate_name varchar, delegation_type varchar, recording_id varchar, recording_uri varchar, recording_type varchar,
recording_content_uri varchar, short_recording boolean, message_id varchar, message_type varchar, message_uri varchar,
billing_cost_included decimal(18;4), billing_cost_purchased decimal(18;4), transfer_target_telephony_session_id varchar,
transferee_telephony_session_id varchar, metadata_categories varchar, finished boolean, deleted boolean,
last_modified_time timestamptz`

const legsOnly = ", leg_type varchar, master boolean, extra varchar"

func recordOnly(name string) bool {
	switch name {
	case "id", "uri", "session_id", "deleted", "last_modified_time":
		return true
	}
	return false
}

// contract lists name and type of every column of call_log.
func contract() [][2]string {
	var columns [][2]string
	var legs []string
	for _, line := range strings.Split(contractColumns, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		kind = strings.ReplaceAll(kind, ";", ",")
		columns = append(columns, [2]string{name, kind})
		if !recordOnly(name) {
			legs = append(legs, name+" "+kind)
		}
	}
	return append(columns,
		[2]string{"legs", "struct(" + strings.Join(legs, ", ") + legsOnly + ")[]"},
		[2]string{"extra", "varchar"})
}

// lake is a directory of Parquet files as the sinks leave them.
type lake struct {
	dir   string
	files []string
	empty string
	more  []Input // the other tables
}

// newLake writes calls, given as JSON lines with the contract's names, account_id, and start_date where it is not the day of
// start_time, to Parquet files by account and day.
func newLake(t *testing.T, lines string) lake {
	t.Helper()
	dir := t.TempDir()
	in := writeCalls(t, dir, "call_log", contract(), "start_time, id", lines)
	return lake{dir: dir, files: in.Files, empty: in.Empty, more: emptyInputs(t)}
}

// ownLogs writes calls of extensions' own logs, with record_key and owner_extension_id beside the contract's names.
func ownLogs(t *testing.T, lines string) Input {
	t.Helper()
	columns := append([][2]string{{"record_key", "varchar"}, {"owner_extension_id", "varchar"}}, contract()...)
	return writeCalls(t, t.TempDir(), "extension_call_log", columns, "start_time, record_key", lines)
}

// writeCalls writes rows of a table of calls to Parquet files by account and day below a directory.
func writeCalls(t *testing.T, dir, table string, of [][2]string, order, lines string) Input {
	t.Helper()
	e := open(t, nil)
	in := Input{Table: table, Empty: filepath.Join(dir, "empty.parquet")}
	source := filepath.Join(dir, table+".ndjson")
	if err := os.WriteFile(source, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	var types, names []string
	for _, c := range of {
		types = append(types, fmt.Sprintf("%s: %s", quoteText(c[0]), quoteText(c[1])))
		names = append(names, quoteName(c[0]))
	}
	columns := strings.Join(names, ", ")
	run(t, e, fmt.Sprintf(`create table calls as select *, account_id as a, coalesce(start_date, cast(start_time as date)) as d
		from read_ndjson(%s, columns = {%s, 'account_id': 'varchar', 'start_date': 'date'})`,
		quoteText(source), strings.Join(types, ", ")))
	run(t, e, fmt.Sprintf("copy (select %s from calls limit 0) to %s (format parquet)", columns, quoteText(in.Empty)))
	for _, day := range queryRows(t, e, "select distinct a, d from calls order by all") {
		to := filepath.Join(dir, table, "account_id="+day[0], "start_date="+day[1])
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, table+".parquet")
		run(t, e, fmt.Sprintf("copy (select %s from calls where a = %s and d = %s order by %s) to %s (format parquet)",
			columns, quoteText(day[0]), quoteText(day[1]), order, quoteText(file)))
		in.Files = append(in.Files, file)
	}
	return in
}

func (l lake) inputs() []Input {
	return append([]Input{{Table: "call_log", Files: l.files, Empty: l.empty}}, l.more...)
}

func open(t *testing.T, o *Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// loaded is an engine with the lake's files as views.
func loaded(t *testing.T, l lake, o *Options) *Engine {
	t.Helper()
	e := open(t, o)
	if err := e.Load(t.Context(), l.inputs()); err != nil {
		t.Fatal(err)
	}
	return e
}

func run(t *testing.T, e *Engine, statement string) {
	t.Helper()
	if _, err := e.db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
}

// queryRows runs a query and returns its rows as text.
func queryRows(t *testing.T, e *Engine, query string) [][]string {
	t.Helper()
	rows, err := e.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	var all [][]string
	for values, err := range rows.All() {
		if err != nil {
			t.Fatalf("%v\n%s", err, query)
		}
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = v.String()
		}
		all = append(all, row)
	}
	return all
}

// dates lists every account and local date that the loaded calls, messages and ledger have.
func dates(t *testing.T, e *Engine) []Date {
	t.Helper()
	var found []Date
	for _, row := range queryRows(t, e, `select account_id, local_date from staging.calls union select account_id, local_date from staging.message_parties
		union select account_id, utc_date from staging.ledger order by all`) {
		found = append(found, Date{AccountID: row[0], LocalDate: row[1]})
	}
	return found
}

// withIntermediates computes the named intermediates, of which Load makes nothing that can be queried; all of them if none is named.
func withIntermediates(t *testing.T, e *Engine, names ...string) {
	t.Helper()
	run(t, e, "create schema intermediate")
	for _, m := range onFloor(e.models, "intermediate") {
		if len(names) == 0 || slices.Contains(names, m.Name) {
			run(t, e, "create table "+m.Relation()+" as "+m.query)
		}
	}
}

// of wants the same days of every mart that the engine has.
func of(e *Engine, days ...Date) map[string][]Date {
	want := map[string][]Date{}
	for _, m := range onFloor(e.models, "marts") {
		want[m.Name] = days
	}
	return want
}
