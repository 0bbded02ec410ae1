package sql

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestEveryFileIsEmbedded(t *testing.T) {
	var onDisk, embedded []string
	for _, walk := range []struct {
		fsys  fs.FS
		found *[]string
	}{{os.DirFS("."), &onDisk}, {files, &embedded}} {
		err := fs.WalkDir(walk.fsys, ".", func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".sql") && !strings.HasPrefix(path, "testdata") {
				*walk.found = append(*walk.found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(onDisk, embedded); diff != "" || len(onDisk) == 0 {
		t.Errorf("-on disk +embedded:\n%s", diff)
	}
}

var martNames = []string{"archive_coverage", "billing_contact_daily", "billing_contact_hourly", "billing_items", "call_legs", "calls_daily", "cost_daily",
	"crm_contacts", "crm_interactions", "extension_daily", "heatmap", "missed_recovery", "number_daily",
	"queue_daily", "queue_hourly", "reconciliation_daily", "sessions", "volume_hourly"}

func TestMarts(t *testing.T) {
	marts := Marts()
	if diff := cmp.Diff(martNames, names(marts)); diff != "" {
		t.Fatal(diff)
	}
	m := marts[slices.Index(martNames, "calls_daily")]
	if m.Relation() != "marts.calls_daily" || m.Unit != UnitDay || !strings.HasPrefix(m.Description, "Calls of a local day") {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff([]string{"account_id", "local_date", "direction", "call_type", "is_internal"}, m.Key); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Column{Name: "local_date", Meaning: "day on which the calls started, in the time zone of the mart"}, m.Columns[1]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Column{Name: "duration_s", Meaning: "length of all calls, with ringing and menus", Unit: "s"}, m.Columns[19]); diff != "" {
		t.Error(diff)
	}
	queues := marts[slices.Index(martNames, "queue_daily")]
	if diff := cmp.Diff([]string{"call_log", "call_queues", "extension_call_log", "snapshots_in_force"}, queues.Tables); diff != "" {
		t.Errorf("tables that are read by way of others: %s", diff)
	}
}

// model is a small file whose header is right.
func model(name, reads, query string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- " + name + "\n-- What it is.\n--\n-- grain: a row\n-- key: k\n-- unit: day\n-- reads: " + reads +
		"\n-- caveats: none\n-- columns:\n--   k: the key [keys]\n" + query + ";\n")}
}

func TestUnits(t *testing.T) {
	s := DefaultSettings()
	s.MissedRecoveryDays = 30
	for unit, want := range map[string][2]int{
		"day": {0, 0}, "day -1": {1, 0}, "day -1 +1": {1, 1}, "day +3": {0, 3}, "day -2 +1 +missed_recovery_days": {2, 31},
	} {
		r, err := parseUnit(unit)
		if before, after := (Model{reach: r}).Reach(s); err != nil || [2]int{before, after} != want {
			t.Errorf("%s: %d before and %d after, %v", unit, before, after, err)
		}
	}
	for _, unit := range []string{"", "week", "day 1", "day +", "day +fortnight", "day -missed_recovery_days", "all +1", "days"} {
		if _, err := parseUnit(unit); err == nil {
			t.Errorf("%q: accepted", unit)
		}
	}
}

// TestUnitsCoverWhatIsRead: a model that reads one of a wider unit must say so.
func TestUnitsCoverWhatIsRead(t *testing.T) {
	for _, tc := range []struct {
		reader, read string
		good         bool
	}{
		{"day", "day", true}, {"day -1 +1", "day -1", true}, {"all", "all", true}, {"all", "day +missed_recovery_days", true},
		{"day +missed_recovery_days", "day +missed_recovery_days", true},
		{"day", "day -1", false}, {"day -1", "day +1", false}, {"day +60", "day +missed_recovery_days", false}, {"day -9 +9", "all", false},
	} {
		with := func(m *fstest.MapFile, unit string) *fstest.MapFile {
			m.Data = []byte(strings.Replace(string(m.Data), "unit: day", "unit: "+unit, 1))
			return m
		}
		_, err := parseModels(fstest.MapFS{
			"marts/a.sql":   with(model("marts.a", "staging.s", "select k from staging.s"), tc.reader),
			"staging/s.sql": with(model("staging.s", "main.call_log", "select 1 as k"), tc.read),
		})
		if (err == nil) != tc.good {
			t.Errorf("%q reads %q: %v", tc.reader, tc.read, err)
		}
	}
}

func TestHashFollowsDependencies(t *testing.T) {
	hashes := func(staging, intermediate string) map[string]string {
		t.Helper()
		models, err := parseModels(fstest.MapFS{
			"marts/a.sql":        model("marts.a", "intermediate.i", "select k from intermediate.i"),
			"marts/b.sql":        model("marts.b", "staging.s", "select k from staging.s"),
			"intermediate/i.sql": model("intermediate.i", "staging.s", intermediate),
			"staging/s.sql":      model("staging.s", "main.call_log", staging),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(models); !slices.Equal(got, []string{"s", "i", "a", "b"}) {
			t.Errorf("order %v", got)
		}
		found := map[string]string{}
		for _, m := range models {
			found[m.Name] = m.Hash
		}
		return found
	}
	base := hashes("select 1 as k", "select k from staging.s")
	same := hashes("select 1 as k", "select k from staging.s")
	if diff := cmp.Diff(base, same); diff != "" {
		t.Error(diff)
	}
	below := hashes("select 2 as k", "select k from staging.s")
	for name := range base {
		if base[name] == below[name] {
			t.Errorf("%s keeps its hash though staging changed", name)
		}
	}
	between := hashes("select 1 as k", "select k + 1 as k from staging.s")
	if base["a"] == between["a"] || base["b"] != between["b"] {
		t.Error("a change of intermediate.i must change marts.a and leave marts.b")
	}
}

// TestMartsOfMarts: a mart that reads one depends on its rows, and neither on how they are made nor on what they are made of.
func TestMartsOfMarts(t *testing.T) {
	parsed := func(query string) Model {
		t.Helper()
		lower := model("marts.lower", "main.call_log", query)
		lower.Data = bytes.Replace(lower.Data, []byte("unit: day\n"), []byte("unit: day -1 +1\n-- settings: short_abandon_s\n"), 1)
		models, err := parseModels(fstest.MapFS{
			"marts/lower.sql": lower, "marts/above.sql": model("marts.above", "marts.lower", "select k from marts.lower"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(models); !slices.Equal(got, []string{"lower", "above"}) {
			t.Errorf("order %v", got)
		}
		return models[1]
	}
	m := parsed("select 1 as k")
	if diff := cmp.Diff(m, parsed("select 2 as k"), cmp.AllowUnexported(Model{}, reach{})); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(m.Marts, []string{"lower"}) || len(m.Tables) > 0 || len(m.Settings) > 0 {
		t.Errorf("%+v", m)
	}
}

func TestMalformedModels(t *testing.T) {
	good := string(model("marts.a", "main.t", "select 1 as k").Data)
	for name, text := range map[string]string{
		"other name":         strings.Replace(good, "marts.a", "marts.b", 1),
		"no description":     strings.Replace(good, "-- What it is.\n", "", 1),
		"no unit":            strings.Replace(good, "-- unit: day\n", "", 1),
		"wrong unit":         strings.Replace(good, "unit: day", "unit: week", 1),
		"field twice":        strings.Replace(good, "-- unit: day\n", "-- unit: day\n-- unit: day\n", 1),
		"key not a column":   strings.Replace(good, "key: k", "key: z", 1),
		"column unexplained": strings.Replace(good, "k: the key [keys]", "k", 1),
		"no select":          strings.Replace(good, "select 1 as k;", "", 1),
		"stray text":         strings.Replace(good, "-- caveats: none", "-- no field", 1),
		"reads nothing":      strings.Replace(good, "main.t", "", 1),
		"reads what is not":  strings.Replace(good, "main.t", "staging.none", 1),
		"reads itself":       strings.Replace(good, "main.t", "marts.a", 1),
		"empty":              "",
	} {
		if _, err := parseModels(fstest.MapFS{"marts/a.sql": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := parseModels(fstest.MapFS{"marts/a.sql": {Data: []byte(good)}}); err != nil {
		t.Error(err)
	}
	audit := strings.Replace(good, "marts.a", "audits.a", 1)
	if _, err := parseModels(fstest.MapFS{"audits/a.sql": {Data: []byte(audit)}}); err == nil {
		t.Error("an audit without a remedy: accepted")
	}
}

// TestHeadersEqualSelects binds every select to an empty lake: the header lists its columns, the types are such that every
// reader of Parquet knows them, and an audit finds nothing.
func TestHeadersEqualSelects(t *testing.T) {
	e := open(t, nil)
	if err := e.Load(t.Context(), newLake(t, "").inputs()); err != nil {
		t.Fatal(err)
	}
	if err := e.LoadMarts(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	withIntermediates(t, e)
	portable := []string{"VARCHAR", "DATE", "BOOLEAN", "BIGINT", "DECIMAL(18,4)", "TIMESTAMP WITH TIME ZONE"}
	for _, m := range e.models {
		columns, err := describe(t.Context(), e.db, m.query)
		if err != nil {
			t.Fatalf("%s: %v", m.Relation(), err)
		}
		var found []string
		for _, c := range columns {
			found = append(found, c.Name)
			if m.Floor == "marts" && !slices.Contains(portable, c.Type) {
				t.Errorf("%s: column %s is %s", m.Relation(), c.Name, c.Type)
			}
		}
		if diff := cmp.Diff(columnNames(m), found); diff != "" {
			t.Errorf("%s (-header +select):\n%s", m.Relation(), diff)
		}
	}
}

// TestFloors holds which floor reads which, and that headers name what is read, with DuckDB's own parser.
func TestFloors(t *testing.T) {
	may := map[string][]string{
		"staging":      {"main", "settings", "staging"},
		"intermediate": {"staging", "intermediate"},
		"marts":        {"staging", "intermediate", "marts"},
		"audits":       {"main", "staging", "marts"},
	}
	// What a reading that brings nothing new changes must change no mart.
	const forQueries = "staging.settled_days"
	e := open(t, nil)
	for _, m := range e.models {
		s := parseSelect(t, e, m.query)
		if diff := cmp.Diff(m.Reads, s.reads, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-header +select):\n%s", m.Relation(), diff)
		}
		for _, read := range s.reads {
			floor, _, _ := strings.Cut(read, ".")
			if !slices.Contains(may[m.Floor], floor) || read == forQueries {
				t.Errorf("%s reads %s; %s reads only %v", m.Relation(), read, m.Floor, may[m.Floor])
			}
		}
		if len(s.tableFunctions) > 0 {
			t.Errorf("%s reads from functions %v; files are read by the views in main only", m.Relation(), s.tableFunctions)
		}
	}
}

// TestSettingsAreDeclared: what a model is named by includes the settings that it uses, and no others.
func TestSettingsAreDeclared(t *testing.T) {
	e := open(t, nil)
	settings := map[string][]string{}
	for _, m := range e.models {
		var used []string
		for _, name := range append(sortedKeys(DefaultSettings().values()), sortedKeys(settingTables)...) {
			below := slices.ContainsFunc(m.Reads, func(read string) bool {
				_, published := strings.CutPrefix(read, "marts.")
				return !(published && m.Floor == "marts") && slices.Contains(settings[read], name)
			})
			if below || m.Relation() != "staging.settings" && regexp.MustCompile(`\b`+name+`\b`).MatchString(m.query+" "+m.Unit) {
				used = append(used, name)
			}
		}
		slices.Sort(used)
		settings[m.Relation()] = m.Settings
		if diff := cmp.Diff(used, m.Settings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-used +declared):\n%s", m.Relation(), diff)
		}
	}
}

func TestPortableCore(t *testing.T) {
	e := open(t, nil)
	for _, m := range onFloor(e.models, "intermediate", "marts") {
		if found := unportable(t, e, m.query); len(found) > 0 {
			t.Errorf("%s uses %v", m.Relation(), found)
		}
	}
	for query, want := range map[string]string{
		"select a from t qualify row_number() over (order by a) = 1": "qualify",
		"select count(*) filter (a > 1) from t":                      "filter",
		"select unnest(a) from t":                                    "function unnest",
		"select a from t, unnest(t.l) as u (a)":                      "table function unnest",
		"select t.a.b from t":                                        "struct access",
		"select a.b from t":                                          "struct access",
		"select (a).b from t":                                        "struct access",
		"select a[1] from t":                                         "struct access",
		"select a::bigint from t":                                    "::",
		"select a, count(*) from t group by all":                     "group by all",
		"select * from t":                                            "star",
		"select avg(a) from t":                                       "function avg",
		"select quantile_disc(a, 0.5) from t":                        "function quantile_disc",
		"select a / 2 from t":                                        "function /",
		"select (a - mod(a, 3)) / 2 from t":                          "function /",
		"select (a - mod(b, 2)) / 2 from t":                          "function /",
		"select cast(a as double) from t":                            "cast to DOUBLE",
	} {
		if found := unportable(t, e, query); !slices.Contains(found, want) {
			t.Errorf("%s: found %v, want %s", query, found, want)
		}
	}
}

// unportable lists what a select uses that other engines may not know or may compute otherwise.
func unportable(t *testing.T, e *Engine, query string) []string {
	t.Helper()
	s := parseSelect(t, e, query)
	functions := []string{"count", "count_star", "sum", "min", "max", "lower", "+", "-", "*", "||", "mod", "abs", "greatest", "least",
		"exact division", "string_agg", "md5", "quantile_disc", "row_number", "dense_rank", "lag"}
	types := []string{"BIGINT", "BOOLEAN", "DECIMAL", "VARCHAR", "DATE"}
	found := s.other
	for _, f := range s.functions {
		if !slices.Contains(functions, f) {
			found = append(found, "function "+f)
		}
	}
	for _, f := range s.tableFunctions {
		found = append(found, "table function "+f)
	}
	for _, c := range s.casts {
		if !slices.Contains(types, c) {
			found = append(found, "cast to "+c)
		}
	}
	for _, c := range s.columns {
		if len(c) > 2 || len(c) == 2 && !slices.Contains(s.relations, c[0]) {
			found = append(found, "struct access")
		}
	}
	// The parser calls percentile_disc (0.5) within group (order by a) by DuckDB's own name.
	if strings.Contains(query, "quantile") {
		found = append(found, "function quantile_disc")
	}
	// The parse tree does not tell a::b from cast(a as b); none of our texts has "::" within quotes.
	if strings.Contains(query, "::") {
		found = append(found, "::")
	}
	return found
}

// functionName calls (x - mod(x, y)) / y an exact division: without a rest, engines that divide integers and engines that
// divide floats agree.
func functionName(node map[string]any) string {
	name := node["function_name"].(string)
	if name != "/" {
		return name
	}
	operands := func(node any, function string) (a, b any) {
		call, _ := node.(map[string]any)
		children, _ := call["children"].([]any)
		if call["function_name"] != function || len(children) != 2 {
			return nil, nil
		}
		return children[0], children[1]
	}
	left, divisor := operands(node, "/")
	dividend, rest := operands(left, "-")
	restDividend, restDivisor := operands(rest, "mod")
	if dividend != nil && sameTree(dividend, restDividend) && sameTree(divisor, restDivisor) {
		return "exact division"
	}
	return name
}

// sameTree compares two parts of a parse tree without their places in the text.
func sameTree(a, b any) bool {
	return cmp.Equal(a, b, cmpopts.IgnoreMapEntries(func(key string, _ any) bool { return key == "query_location" }))
}

// selectParts is what a parsed select is made of.
type selectParts struct {
	reads          []string // schema.table, sorted, without common table expressions
	relations      []string // every name that a column may be qualified with
	columns        [][]string
	functions      []string
	tableFunctions []string
	casts          []string
	other          []string
}

func parseSelect(t *testing.T, e *Engine, query string) selectParts {
	t.Helper()
	var text string
	if err := e.db.QueryRowContext(t.Context(), "select cast(json_serialize_sql("+quoteText(query)+") as varchar)").Scan(&text); err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	if tree["error"] != false {
		t.Fatalf("not a select: %s", query)
	}
	var s selectParts
	s.walk(tree)
	slices.Sort(s.reads)
	s.reads = slices.Compact(s.reads)
	return s
}

func (s *selectParts) walk(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			s.walk(child)
		}
	case map[string]any:
		s.visit(node)
		for _, key := range sortedKeys(node) {
			s.walk(node[key])
		}
	}
}

func (s *selectParts) visit(node map[string]any) {
	text := func(key string) string { found, _ := node[key].(string); return found }
	if alias := text("alias"); alias != "" {
		s.relations = append(s.relations, alias)
	}
	switch text("type") {
	case "BASE_TABLE":
		s.relations = append(s.relations, text("table_name"))
		if text("schema_name") != "" {
			s.reads = append(s.reads, text("schema_name")+"."+text("table_name"))
		}
	case "TABLE_FUNCTION":
		function := node["function"].(map[string]any)
		s.tableFunctions = append(s.tableFunctions, function["function_name"].(string))
	case "FUNCTION":
		s.functions = append(s.functions, functionName(node))
	case "COLUMN_REF":
		var parts []string
		for _, part := range node["column_names"].([]any) {
			parts = append(parts, part.(string))
		}
		s.columns = append(s.columns, parts)
	case "OPERATOR_CAST":
		s.casts = append(s.casts, node["cast_type"].(map[string]any)["id"].(string))
	case "STAR":
		s.other = append(s.other, "star")
	case "STRUCT_EXTRACT", "ARRAY_EXTRACT", "ARRAY_SLICE":
		s.other = append(s.other, "struct access")
	}
	if node["qualify"] != nil {
		s.other = append(s.other, "qualify")
	}
	if node["filter"] != nil || node["filter_expr"] != nil {
		s.other = append(s.other, "filter")
	}
	if text("aggregate_handling") == "FORCE_AGGREGATES" {
		s.other = append(s.other, "group by all")
	}
}

// TestPastable runs every staging select as it stands on disk, as someone would paste it into a shell: without the variable.
func TestPastable(t *testing.T) {
	e := loaded(t, newLake(t, `{"account_id":"100","id":"a","start_time":"2026-11-20 23:30:00+00","legs":[{}]}`),
		&Options{Timezone: "Asia/Tokyo"})
	conn, err := e.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "reset variable timezone"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"calls", "call_legs"} {
		text, err := os.ReadFile(filepath.Join("staging", name+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := queryText(t.Context(), conn, string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at := slices.IndexFunc(rows.Columns, func(c ResultColumn) bool { return c.Name == "local_date" })
		count := 0
		for values, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			if count++; at >= 0 && values[at].Text != "2026-11-20" {
				t.Errorf("%s: local date %v without a time zone", name, values[at])
			}
		}
		if count != 1 {
			t.Errorf("%s: %d rows", name, count)
		}
	}
}
