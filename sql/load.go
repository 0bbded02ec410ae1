package sql

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Input is one table of the lake: the Parquet files that hold it on local disk, each below directories
// account_id=<id>/start_date=YYYY-MM-DD whose values become columns.
type Input struct {
	// Table is the name of the view in main, such as "call_log": lower-case letters, digits and _.
	Table string
	// Files are paths of Parquet files; there may be none.
	Files []string
	// Empty is the path of a Parquet file with all columns of the table and no rows, outside any partition. It gives
	// the view columns that no file has, and all of them if there are no files. It may be "" if there are files.
	Empty string
	// Whole is the path of a Parquet file with all rows and columns of a table that has no partitions, in the place of Files and Empty.
	Whole string

	own bool // of the other table of calls, which was never loaded: no rows, and columns for whose log a record is of
}

// The tables of calls, which every model needs. The logs of extensions need not be loaded: without them their table is empty.
const (
	companyCalls = "call_log"
	ownCalls     = "extension_call_log"
)

// withOwnCalls adds an empty table of extensions' logs to an input of the company's, where none was ever loaded.
func (e *Engine) withOwnCalls(inputs []Input) []Input {
	at := slices.IndexFunc(inputs, func(in Input) bool { return in.Table == companyCalls })
	loaded := e.tables["main."+ownCalls] || slices.ContainsFunc(inputs, func(in Input) bool { return in.Table == ownCalls })
	if at < 0 || loaded {
		return inputs
	}
	in := Input{Table: ownCalls, Empty: inputs[at].Empty, own: true}
	if in.Empty == "" && len(inputs[at].Files) > 0 {
		in.Files = inputs[at].Files[:1]
	}
	return append(slices.Clone(inputs), in)
}

// ModelError says which model failed, and wraps DuckDB's message.
type ModelError struct {
	// Model is the name of the relation, such as "staging.calls".
	Model string
	Err   error
}

// Error names the model and repeats DuckDB's message.
func (e *ModelError) Error() string {
	return fmt.Sprintf("model %s: %v; nothing was exported", e.Model, e.Err)
}

// Unwrap gives DuckDB's error.
func (e *ModelError) Unwrap() error { return e.Err }

// failed blames the model, unless it was interrupted.
func failed(ctx context.Context, m Model, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("model %s: %w", m.Relation(), ctx.Err())
	}
	return &ModelError{Model: m.Relation(), Err: err}
}

// Load creates, or replaces, a view in main over the files of each input and the views of staging over those, all or nothing. The
// views read the files when they are queried, so the files must stay. Marts have no rows until LoadMarts gives them some. Intermediates are
// not there to be queried: as views they would be computed anew wherever another reads them. Models over tables that were never loaded are left out, but for the call log's; where
// extension_call_log never was, it is empty. A file that cannot be read is an error; so is a *ModelError for a model
// whose table or column is not there.
func (e *Engine) Load(ctx context.Context, inputs []Input) error {
	inputs = e.withOwnCalls(inputs)
	return e.inTransaction(ctx, func(tx *stdsql.Tx) error {
		if err := e.loadModels(ctx, tx, inputs); err != nil {
			return err
		}
		for _, in := range inputs {
			query, err := in.query()
			if err != nil {
				return err
			}
			if err := createView(ctx, tx, "main."+quoteName(in.Table), query); err != nil {
				return tableError(in, err)
			}
		}
		return nil
	})
}

// overLoaded are the models of staging, intermediates and marts whose tables are loaded, now or before.
func (e *Engine) overLoaded(inputs []Input) []Model {
	return onFloor(e.withTables(inputs), "staging", "intermediate", "marts")
}

// withTables are the models whose tables are loaded, now or before, audits included.
func (e *Engine) withTables(inputs []Input) (out []Model) {
	for _, in := range inputs {
		e.tables["main."+in.Table] = true
	}
	left := map[string]bool{}
	for _, m := range e.models {
		missing := func(read string) bool {
			return left[read] || strings.HasPrefix(read, "main.") && read != "main."+companyCalls && read != "main."+ownCalls && !e.tables[read]
		}
		if left[m.Relation()] = slices.ContainsFunc(m.Reads, missing); !left[m.Relation()] {
			out = append(out, m)
		}
	}
	return out
}

func tableError(in Input, err error) error {
	return fmt.Errorf("table %s: %w; check that its files are readable Parquet", in.Table, err)
}

// loadModels learns the columns of the models, and creates the views of staging and of marts, while the inputs and what lies in between
// are tables without rows: binding the models over files would open every file dozens of times, and over views each view as often.
func (e *Engine) loadModels(ctx context.Context, tx *stdsql.Tx, inputs []Input) error {
	for _, in := range inputs {
		query, err := in.query()
		if err != nil {
			return err
		}
		name := "main." + quoteName(in.Table)
		if _, err := tx.ExecContext(ctx, "drop view if exists "+name+"; create table "+name+" as select * from ("+query+") limit 0"); err != nil {
			return tableError(in, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "create schema if not exists staging; create schema if not exists marts; create schema intermediate"); err != nil {
		return fmt.Errorf("create schemas: %w", err)
	}
	types := map[string][]ResultColumn{}
	for _, m := range e.overLoaded(inputs) {
		columns, err := loadModel(ctx, tx, m)
		if err != nil {
			return failed(ctx, m, err)
		}
		types[m.Relation()] = columns
	}
	for _, m := range onFloor(e.overLoaded(inputs), "staging") {
		if _, err := tx.ExecContext(ctx, "drop table "+m.Relation()+"; create view "+m.Relation()+" as "+m.query); err != nil {
			return failed(ctx, m, err)
		}
	}
	drop := "drop schema intermediate cascade"
	for _, in := range inputs {
		drop += "; drop table main." + quoteName(in.Table)
	}
	if _, err := tx.ExecContext(ctx, drop); err != nil {
		return fmt.Errorf("drop the tables without rows: %w", err)
	}
	e.types = types
	return nil
}

// loadModel creates a table without rows of a model, or a view without rows of a mart, and tells the columns.
func loadModel(ctx context.Context, tx *stdsql.Tx, m Model) ([]ResultColumn, error) {
	columns, err := describe(ctx, tx, m.query)
	if err != nil {
		return nil, err
	}
	if m.Floor == "marts" {
		return columns, createView(ctx, tx, m.Relation(), typed(columns))
	}
	_, err = tx.ExecContext(ctx, "drop view if exists "+m.Relation()+"; create table "+m.Relation()+" as "+typed(columns))
	return columns, err
}

// query selects the rows of an input. The partition's columns come last.
func (in Input) query() (string, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(in.Table) {
		return "", fmt.Errorf("table %q: expected a name of lower-case letters, digits and _", in.Table)
	}
	if in.Whole != "" {
		return "select * from read_parquet(" + literalPaths([]string{in.Whole}) + ", hive_partitioning = false)", nil
	}
	var parts []string
	if in.Empty != "" {
		parts = append(parts, "select *, cast(null as varchar) as account_id, cast(null as date) as start_date from read_parquet("+
			literalPaths([]string{in.Empty})+", hive_partitioning = false)")
	}
	if len(in.Files) > 0 {
		parts = append(parts, readPartitions(in.Files, "start_date"))
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("table %s: expected at least one file, or an empty file to take the columns from", in.Table)
	}
	query := strings.Join(parts, "\nunion all by name\n")
	if in.own {
		query = "select cast(null as varchar) as record_key, cast(null as varchar) as owner_extension_id, * from (" + query + ") where false"
	}
	return query, nil
}

// readPartitions selects the rows of Parquet files below account_id=<id>/<dateColumn>=<date>.
func readPartitions(files []string, dateColumn string) string {
	return fmt.Sprintf("select * from read_parquet(%s, hive_partitioning = true, "+
		"hive_types = {'account_id': varchar, '%s': date}, union_by_name = true)", literalPaths(files), dateColumn)
}

// literalPaths is a list in SQL. DuckDB takes every path for a pattern, so what would be one is put in brackets.
func literalPaths(files []string) string {
	literal := strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]")
	quoted := make([]string, len(files))
	for i, file := range files {
		quoted[i] = quoteText(literal.Replace(file))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func createView(ctx context.Context, tx *stdsql.Tx, name, query string) error {
	_, err := tx.ExecContext(ctx, "create or replace view "+name+" as "+query)
	return err
}

// LoadMarts creates, or replaces, a view marts.<name> for every mart, over its published Parquet files: paths below
// account_id=<id>/local_date=YYYY-MM-DD by name of the mart, as Build made them. A mart without files becomes a view without
// rows, a file without a newer column gives nulls there. Load must have been called before. A mart that is not known is an error.
func (e *Engine) LoadMarts(ctx context.Context, files map[string][]string) error {
	marts := onFloor(e.models, "marts")
	for _, name := range sortedKeys(files) {
		if err := checkMart(marts, name); err != nil {
			return err
		}
	}
	return e.inTransaction(ctx, func(tx *stdsql.Tx) error {
		for _, m := range marts {
			if err := e.loadMart(ctx, tx, m, files[m.Name]); err != nil {
				return failed(ctx, m, err)
			}
		}
		return nil
	})
}

func checkMart(marts []Model, name string) error {
	if !slices.ContainsFunc(marts, func(m Model) bool { return m.Name == name }) {
		return fmt.Errorf("mart %q is not known; known are %s", name, strings.Join(names(byName(slices.Clone(marts))), ", "))
	}
	return nil
}

// loadMart takes names and types of the columns from the model, so that the view does not depend on which files there are.
func (e *Engine) loadMart(ctx context.Context, tx *stdsql.Tx, m Model, files []string) error {
	query := typed(e.types[m.Relation()])
	if len(files) > 0 {
		query += "\nunion all by name\n" + readMart(m, files)
	}
	return createView(ctx, tx, m.Relation(), "select "+quoteNames(columnNames(m))+" from ("+query+")")
}

func readMart(m Model, files []string) string {
	if m.Unit != UnitAll {
		return readPartitions(files, "local_date")
	}
	return "select * from read_parquet(" + literalPaths(files) + ", hive_partitioning = false, union_by_name = true)"
}

func columnNames(m Model) []string {
	found := make([]string, len(m.Columns))
	for i, c := range m.Columns {
		found[i] = c.Name
	}
	return found
}

func names(models []Model) []string {
	found := make([]string, len(models))
	for i, m := range models {
		found[i] = m.Name
	}
	return found
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
