package sql

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPostgresAgrees computes every intermediate and mart over the same rows of staging in DuckDB and in PostgreSQL, from the same
// text, and compares all their rows.
func TestPostgresAgrees(t *testing.T) {
	if os.Getenv("TRUNKLINE_TEST_POSTGRES") == "" {
		t.Skip("TRUNKLINE_TEST_POSTGRES is not set: it needs the programs of PostgreSQL 15 or later; .ci/run sets it")
	}
	p := startPostgres(t)
	rows := map[string]int{}
	for _, dir := range slices.Concat(goldenDirs(t, "testdata"), goldenDirs(t, "testdata/sessions"), goldenDirs(t, "testdata/marts")) {
		t.Run(dir, func(t *testing.T) { compareEngines(t, p, dir, rows) })
	}
	for _, m := range onFloor(open(t, nil).models, "marts", "intermediate") {
		if rows[m.Relation()] == 0 {
			t.Errorf("%s had no row to compare", m.Relation())
		}
	}
}

// compareEngines counts the rows that both engines have. PostgreSQL is asked once: it takes longer to reach than to compute.
func compareEngines(t *testing.T, p postgres, dir string, rows map[string]int) {
	e := goldenLoaded(t, dir, &Options{Timezone: "America/New_York", Settings: goldenSettings(dir)})
	run(t, e, "drop schema if exists marts cascade; create schema marts; create schema intermediate") // Load left views of marts without rows
	var script strings.Builder
	script.WriteString("drop schema if exists staging, intermediate, marts cascade; create schema staging; create schema intermediate; create schema marts;\n")
	over := e.overLoaded(nil)
	for _, m := range onFloor(over, "staging") {
		script.WriteString(copied(t, e, m))
	}
	computed := onFloor(over, "intermediate", "marts")
	want := map[string][]string{}
	for _, m := range computed {
		create := "create table " + m.Relation() + " as " + m.query
		run(t, e, create)
		want[m.Relation()] = asRecords(t, asCSV(t, e, "select "+asText(m)+" from "+m.Relation()))
		fmt.Fprintf(&script, "%s;\n\\echo %s%s\ncopy (select %s from %[3]s) to stdout with (format csv, header);\n", create, rowsOf, m.Relation(), asText(m))
	}
	found := 0
	for _, answer := range strings.Split(p.run(t, script.String()), rowsOf)[1:] {
		relation, text, _ := strings.Cut(answer, "\n")
		got := asRecords(t, text)
		if diff := cmp.Diff(want[relation], got); diff != "" {
			t.Errorf("%s (-DuckDB +PostgreSQL):\n%s", relation, diff)
		}
		rows[relation] += len(got)
		found++
	}
	if found != len(computed) {
		t.Errorf("%d of %d relations were compared", found, len(computed))
	}
}

// rowsOf stands before the rows of a relation.
const rowsOf = "== rows of "

// asText lists the columns of a model as text, nulls too.
func asText(m Model) string {
	var out []string
	for _, c := range m.Columns {
		out = append(out, fmt.Sprintf("coalesce(cast(%s as varchar), 'null') as %[1]s", quoteName(c.Name)))
	}
	return strings.Join(out, ", ")
}

// asRecords are the records of CSV as sorted lines, without its header.
func asRecords(t *testing.T, text string) []string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, r := range records[1:] {
		lines = append(lines, strings.Join(r, " | "))
	}
	slices.Sort(lines)
	return lines
}

// postgres is a running server, reached by a socket in its directory.
type postgres struct{ dir, psql string }

// startPostgres starts a server with a new cluster in the C locale and in UTC, that listens to no network. It ends with the test.
func startPostgres(t *testing.T) postgres {
	t.Helper()
	dir, err := os.MkdirTemp("", "trunkline-pg-") // sockets' paths are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := unprivileged(t, dir)
	cluster := filepath.Join(dir, "cluster")
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), program(t, name), args...)
		c.SysProcAttr, c.Dir = as, dir
		return c
	}
	if out, err := command("initdb", "-D", cluster, "-U", "trunkline", "-A", "trust", "--locale=C", "-E", "UTF8", "-N").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	options := "-k " + dir + " -c listen_addresses='' -c timezone=UTC -c fsync=off"
	if out, err := command("pg_ctl", "-D", cluster, "-o", options, "-l", filepath.Join(dir, "log"), "-w", "start").CombinedOutput(); err != nil {
		t.Fatalf("pg_ctl start: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		stop := exec.Command(program(t, "pg_ctl"), "-D", cluster, "-m", "immediate", "-w", "stop")
		stop.SysProcAttr, stop.Dir = as, dir
		if out, err := stop.CombinedOutput(); err != nil {
			t.Errorf("pg_ctl stop: %v\n%s", err, out)
		}
	})
	p := postgres{dir: dir, psql: program(t, "psql")}
	t.Log(strings.TrimSpace(p.run(t, "select version()")))
	return p
}

// program finds a program of PostgreSQL in the path, or where Debian has it.
func program(t *testing.T, name string) string {
	t.Helper()
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		t.Fatalf("%s is not there: install PostgreSQL 15 or later", name)
	}
	return found[len(found)-1]
}

// unprivileged is the user postgres or nobody where this one is root, which the server refuses; the directory becomes theirs.
func unprivileged(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// run runs statements and returns what they print.
func (p postgres) run(t *testing.T, statements string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), p.psql, "-h", p.dir, "-U", "trunkline", "-d", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
	c.Stdin = strings.NewReader(statements)
	var out, complaint strings.Builder
	c.Stdout, c.Stderr = &out, &complaint
	if err := c.Run(); err != nil {
		t.Fatalf("psql: %v\n%s\n%.2000s", err, complaint.String(), statements)
	}
	return out.String()
}

// copied makes statements that make a table of a staging model's rows in DuckDB.
func copied(t *testing.T, e *Engine, m Model) string {
	t.Helper()
	var columns []string
	for _, c := range e.types[m.Relation()] {
		columns = append(columns, quoteName(c.Name)+" "+c.Type)
	}
	file := filepath.Join(t.TempDir(), "rows.csv")
	run(t, e, "copy (select * from "+m.Relation()+") to "+quoteText(file)+` (format csv, header, nullstr '\N')`)
	rows, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return "create table " + m.Relation() + " (" + strings.Join(columns, ", ") + ");\n" +
		"copy " + m.Relation() + ` from stdin with (format csv, header, null '\N');` + "\n" + string(rows) + "\\.\n"
}
