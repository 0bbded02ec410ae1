package sql

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQueryValues(t *testing.T) {
	e := open(t, nil)
	for _, c := range []struct{ expression, kind, text, json string }{
		{"null", "INTEGER", "null", "null"},
		{"true", "BOOLEAN", "true", "true"},
		{"9223372036854775807", "BIGINT", "9223372036854775807", "9223372036854775807"},
		{"170141183460469231731687303715884105727::hugeint", "HUGEINT", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"},
		{"1.5::decimal(18,4)", "DECIMAL(18,4)", "1.5000", "1.5000"},
		{"0.1::double", "DOUBLE", "0.1", "0.1"},
		{"'nan'::double", "DOUBLE", "nan", `"nan"`},
		{"'7001'", "VARCHAR", "7001", `"7001"`},
		{"'a \"b\"'", "VARCHAR", `a "b"`, `"a \"b\""`},
		{"''", "VARCHAR", "", `""`},
		{"'null'", "VARCHAR", "null", `"null"`},
		{"date '2026-11-20'", "DATE", "2026-11-20", `"2026-11-20"`},
		{"timestamptz '2026-11-20 09:00:00.123456+02'", "TIMESTAMP WITH TIME ZONE", "2026-11-20T07:00:00.123456Z", `"2026-11-20T07:00:00.123456Z"`},
		{"timestamp '2026-11-20 09:00:00'", "TIMESTAMP", "2026-11-20T09:00:00", `"2026-11-20T09:00:00"`},
		{"'infinity'::timestamptz", "TIMESTAMP WITH TIME ZONE", "infinity", `"infinity"`},
		{"interval '90 seconds'", "INTERVAL", "00:01:30", `"00:01:30"`},
		{"[1, null]", "INTEGER[]", "[1,null]", "[1,null]"},
		{"{'z': 1.5::decimal(18,4), 'a': 'x'}", "STRUCT(z DECIMAL(18,4), a VARCHAR)", `{"z":1.5000,"a":"x"}`, `{"z":1.5000,"a":"x"}`},
		{"map {'k': 1}", "MAP(VARCHAR, INTEGER)", `{"k":1}`, `{"k":1}`},
		{`'{"b":9007199254740993,"a":1.10}'::json`, "JSON", `{"b":9007199254740993,"a":1.10}`, `{"b":9007199254740993,"a":1.10}`},
		{"'\\xFF'::blob", "BLOB", `\xFF`, `"\\xFF"`},
	} {
		rows, err := e.Query(t.Context(), "select "+c.expression+" as v")
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if diff := cmp.Diff([]ResultColumn{{"v", c.kind}}, rows.Columns); diff != "" {
			t.Errorf("%s: %s", c.expression, diff)
		}
		for values, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := json.Marshal(values[0])
			if values[0].String() != c.text || string(encoded) != c.json || err != nil {
				t.Errorf("%s: %s %s %v, want %s %s", c.expression, values[0], encoded, err, c.text, c.json)
			}
			if values[0].Null != (c.expression == "null") {
				t.Errorf("%s: null is %v", c.expression, values[0].Null)
			}
		}
	}
}

func TestQueryKeepsOrderAndNames(t *testing.T) {
	e := open(t, &Options{Threads: 2})
	rows, err := e.Query(t.Context(), "select range as n, -range as n from range(300000) order by hash(range), range; -- done")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ResultColumn{{"n", "BIGINT"}, {"n", "BIGINT"}}, rows.Columns); diff != "" {
		t.Error(diff)
	}
	run(t, e, "create table expected as select row_number() over (order by hash(range), range) as place, range as n from range(300000)")
	expected := queryRows(t, e, "select n from expected order by place")
	place := 0
	for values, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		if values[0].Text != expected[place][0] {
			t.Fatalf("row %d is %v, want %v", place, values[0], expected[place])
		}
		place++
	}
	if place != 300000 {
		t.Errorf("%d rows", place)
	}
}

func TestQueryOtherStatements(t *testing.T) {
	e := loaded(t, newLake(t, twoDays), nil)
	for query, want := range map[string]string{
		"show tables":                 "call_log",
		"describe staging.calls":      "account_id",
		"from call_log select id":     "a",
		"with x as (select 1) from x": "1",
		"values (1), (2)":             "1",
		"explain select 1":            "physical_plan",
		"pragma version":              Version(),
		"pivot call_log on direction in ('Inbound') using count(*) group by type": "Voice",
		"summarize call_log": "id",
	} {
		if got := queryRows(t, e, query); len(got) == 0 || got[0][0] != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
}

func TestQueryRefuses(t *testing.T) {
	e := open(t, nil)
	run(t, e, "create table kept as select 1 as one")
	for query, want := range map[string]string{
		"":                                   "exactly one statement",
		"-- nothing":                         "exactly one statement",
		"drop table kept; select 1":          "exactly one statement",
		"select 1; select 2":                 "exactly one statement",
		"selekt 1":                           `syntax error at or near "selekt"`,
		"select nothing from kept":           `Candidate bindings: "one"`,
		"select error('at run time')":        "at run time",
		"from 'https://127.0.0.1/a.parquet'": "httpfs",
	} {
		rows, err := e.Query(t.Context(), query)
		if err == nil {
			for _, err = range rows.All() {
				if err != nil {
					break
				}
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", query, err, want)
		}
	}
	if got := queryRows(t, e, "select one from kept"); got[0][0] != "1" {
		t.Error(got)
	}
}

func TestQueryGivesItsConnectionBack(t *testing.T) {
	e := open(t, nil)
	e.db.SetMaxOpenConns(1)
	for range 3 {
		rows, err := e.Query(t.Context(), "select * from range(10)")
		if err != nil {
			t.Fatal(err)
		}
		for range rows.All() {
			break
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		if _, err := e.Query(t.Context(), "selekt"); err == nil {
			t.Error("no error")
		}
	}
}

func TestQueryCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, nil).Query(ctx, "select 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
