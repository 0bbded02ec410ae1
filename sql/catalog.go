package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// Catalog is a DuckDB database of views over a lake in a local directory. Of its own it has the rows of small tables alone, which are
// not in the lake as files, of the settings and of settled days, as they are when it is written.
type Catalog struct {
	// Lake is the absolute path of the lake's directory.
	Lake string
	// Tables are those that the engine has loaded and that become views.
	Tables []CatalogTable
	// Marts names those that have files in the lake; views of the others have no rows.
	Marts []string
	// Timezone is the time zone of the local dates of staging; "UTC" if empty.
	Timezone string
}

// CatalogTable is a table of the lake as people read of it.
type CatalogTable struct {
	// Name is that of the view in main and of the directory in the lake.
	Name string
	// Comment says what the table is.
	Comment string
	// Columns are what its columns mean.
	Columns []Column
	// HasFiles says whether the lake has files of the table. Without any the view has no rows until the catalog is written anew.
	HasFiles bool
	// Whole is the path of a Parquet file of a table that the lake does not have as files: its rows are copied into the catalog.
	Whole string
}

// WriteCatalog writes a database file of views over the lake: its tables, staging, and the marts as they are published, with a comment on
// every view and column. The views read whatever files are there when they are queried, with any DuckDB 1.x that knows the time zones (its
// command line and its Python package do). Load must have been called with the catalog's tables. The file is replaced as a whole, and
// only when all of it is written.
func (e *Engine) WriteCatalog(ctx context.Context, path string, c Catalog) error {
	beside := path + ".new"
	for _, left := range []string{beside, beside + ".wal"} {
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("catalog: %w", err)
		}
	}
	if err := e.writeCatalog(ctx, beside, c); err != nil {
		return errors.Join(fmt.Errorf("catalog %s: %w", path, err), os.RemoveAll(beside), os.RemoveAll(beside+".wal"))
	}
	if err := os.Rename(beside, path); err != nil {
		return errors.Join(fmt.Errorf("catalog: %w", err), os.Remove(beside))
	}
	return nil
}

func (e *Engine) writeCatalog(ctx context.Context, path string, c Catalog) (err error) {
	options := url.Values{"autoinstall_known_extensions": {"false"}, "autoload_known_extensions": {"false"}}
	connector, err := duckdb.NewConnector(path+"?"+options.Encode(), nil)
	if err != nil {
		return err
	}
	db := stdsql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	statements, err := e.catalogStatements(ctx, c)
	if err != nil {
		return err
	}
	for _, statement := range append(statements, "checkpoint") {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) catalogStatements(ctx context.Context, c Catalog) ([]string, error) {
	out := append([]string{"create schema staging", "create schema marts"}, e.settingStatements()...)
	create := func(kind, relation, query, comment string, columns []Column) {
		out = append(out, "create "+kind+" "+relation+" as "+query, "comment on "+kind+" "+relation+" is "+quoteText(comment))
		for _, col := range columns {
			out = append(out, "comment on column "+relation+"."+quoteName(col.Name)+" is "+quoteText(col.text()))
		}
	}
	for _, t := range c.Tables {
		if t.Whole != "" {
			create("table", "main."+quoteName(t.Name), "select * from read_parquet("+literalPaths([]string{t.Whole})+", hive_partitioning = false)", t.Comment, t.Columns)
			continue
		}
		types, err := describe(ctx, e.db, "select * from main."+quoteName(t.Name))
		if err != nil {
			return nil, err
		}
		query := typed(types)
		if t.HasFiles {
			query += "\nunion all by name\nselect * from " + partitionsBelow(filepath.Join(c.Lake, t.Name), "start_date", t.Name)
		}
		create("view", "main."+quoteName(t.Name), query, t.Comment, t.Columns)
	}
	variables := strings.NewReplacer(e.literals(c.Timezone)...)
	for _, m := range e.overLoaded(nil) {
		switch m.Floor {
		case "staging":
			create("view", m.Relation(), variables.Replace(m.query), m.comment(), m.Columns)
		case "marts":
			query := typed(e.types[m.Relation()])
			for _, name := range c.Marts {
				if name == m.Name {
					query += "\nunion all by name\nselect * from " + partitionsBelow(filepath.Join(c.Lake, "marts", name), "local_date", name)
				}
			}
			create("view", m.Relation(), "select "+quoteNames(columnNames(m))+" from ("+query+")", m.comment(), m.Columns)
		}
	}
	return out, nil
}

// literals are pairs of what stands in queries for a DuckDB variable, and its value: variables are not kept in a database.
func (e *Engine) literals(timezone string) []string {
	if timezone == "" {
		timezone = "UTC"
	}
	out := []string{"getvariable('timezone')", quoteText(timezone)}
	for name, value := range e.settings.values() {
		out = append(out, "getvariable("+quoteText(name)+")", fmt.Sprint(value))
	}
	return out
}

// typed selects no rows of such columns.
func typed(columns []ResultColumn) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = fmt.Sprintf("cast(null as %s) as %s", c.Type, quoteName(c.Name))
	}
	return "select " + strings.Join(out, ", ") + " where false"
}

// partitionsBelow reads all partitions of a table, those to come, too.
func partitionsBelow(dir, dateColumn, name string) string {
	literal := strings.TrimSuffix(strings.TrimPrefix(literalPaths([]string{dir}), "['"), "']")
	return fmt.Sprintf("read_parquet('%s', hive_partitioning = true, hive_types = {'account_id': varchar, '%s': date}, union_by_name = true)",
		literal+"/account_id=*/"+dateColumn+"=*/"+name+".parquet", dateColumn)
}

// comment is what a model's header says of it, for a person at a prompt.
func (m Model) comment() string {
	text := fmt.Sprintf("%s One row: %s.", m.Description, m.Grain)
	if m.Caveats != "" {
		text += " " + m.Caveats
	}
	return text
}

// text is the meaning of the column with its unit.
func (c Column) text() string {
	if c.Unit == "" {
		return c.Meaning
	}
	return c.Meaning + " [" + c.Unit + "]"
}
