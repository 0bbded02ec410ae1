package sql

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Date is one local day of one account.
type Date struct {
	AccountID string
	LocalDate string // YYYY-MM-DD, in the engine's time zone
}

// Partition is one exported object of a mart.
type Partition struct {
	Mart string // name without schema
	// AccountID and LocalDate are "" for a mart over all time.
	AccountID, LocalDate string
	Path                 string // of the Parquet file on local disk
	Rows                 int64
}

// AuditError says which audit failed: it returned rows.
type AuditError struct {
	// Audit is the name of the audit's file, or "key of <relation>" if two rows of a model share its key.
	Audit string
	// Rows are a few of the rows as text, "column=value, ..." .
	Rows []string
	// Count is how many rows the audit returned.
	Count int
	// Remedy says what to do about it.
	Remedy string
}

// Error names the audit, shows the first row and says what to do.
func (e *AuditError) Error() string {
	return fmt.Sprintf("audit %s: %d rows that must not be, such as (%s); nothing was exported; %s",
		e.Audit, e.Count, e.Rows[0], e.Remedy)
}

// auditedRows is how many rows an AuditError shows.
const auditedRows = 5

// Build computes the wanted marts, and what of staging, intermediates and marts they and their audits read, from the loaded files, each
// once, runs the audits, and then exports the wanted days of each mart to <dir>/<mart>/account_id=<id>/local_date=<date>/<mart>.parquet,
// and every mart of unit all to <dir>/<mart>/<mart>.parquet.
// want holds days by the name of the mart; a name that is not known is an error. Files are zstd-compressed, ordered by the mart's
// key, and leave out the columns that their path carries. A wanted day without rows gives a file without rows. Partitions come
// by mart, account and date. The files of every UTC day that a wanted day depends on, see [Model.Reach], must be loaded: Build
// cannot know of a day that it was not given. What else is loaded changes nothing. So must those of a mart that a wanted one reads, see
// [Model.Marts] and LoadMarts, unless it is wanted, too: then it is read as it is built.
//
// A failing select is a *ModelError and a failing audit an *AuditError; nothing has been exported then. After any other error,
// dir may hold some of the files. Build leaves nothing in the database.
func (e *Engine) Build(ctx context.Context, want map[string][]Date, dir string) ([]Partition, error) {
	want, err := e.checkWanted(want)
	if err != nil {
		return nil, err
	}
	e.changing.Lock()
	defer e.changing.Unlock()
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin in duckdb: %w", err)
	}
	// The tables are scratch: rolling back drops them, and brings back the views of the same names.
	parts, err := e.build(ctx, tx, want, dir)
	if err := errors.Join(err, rollback(tx)); err != nil {
		return nil, err
	}
	return parts, nil
}

func (e *Engine) build(ctx context.Context, tx *stdsql.Tx, want map[string][]Date, dir string) ([]Partition, error) {
	models, audits := e.needed(want)
	// Data that is wrong also breaks keys and sums: the audits that name what is wrong come first.
	audits = tablesFirst(audits)
	for _, m := range models {
		if err := materialise(ctx, tx, m); err != nil {
			return nil, failed(ctx, m, err)
		}
		if m.Floor != "staging" {
			audits = append(audits, keyAudit(m))
		}
	}
	for _, a := range audits {
		if err := runAudit(ctx, tx, a); err != nil {
			return nil, err
		}
	}
	var parts []Partition
	for _, m := range byName(onFloor(models, "marts")) {
		exported, err := export(ctx, tx, m, want[m.Name], dir)
		if err != nil {
			return nil, err
		}
		parts = append(parts, exported...)
	}
	return parts, nil
}

// tablesFirst puts audits of the tables before those of what was made of them.
func tablesFirst(audits []Model) []Model {
	rank := func(m Model) int {
		if slices.ContainsFunc(m.Reads, func(read string) bool { return strings.HasPrefix(read, "main.") }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(audits, func(a, b Model) int { return rank(a) - rank(b) })
	return audits
}

// checkWanted sorts the wanted days of each mart.
func (e *Engine) checkWanted(want map[string][]Date) (map[string][]Date, error) {
	marts, checked := onFloor(e.models, "marts"), map[string][]Date{}
	for _, name := range sortedKeys(want) {
		if err := checkMart(marts, name); err != nil {
			return nil, err
		}
		dates, err := checkDates(want[name])
		if err != nil {
			return nil, err
		}
		checked[name] = dates
	}
	return checked, nil
}

// checkDates sorts the wanted days and drops repeated ones; they become parts of paths and of SQL.
func checkDates(want []Date) ([]Date, error) {
	account := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	for _, d := range want {
		if !account.MatchString(d.AccountID) {
			return nil, fmt.Errorf("account %q: expected an id of letters, digits, - and _", d.AccountID)
		}
		if _, err := time.Parse(time.DateOnly, d.LocalDate); err != nil {
			return nil, fmt.Errorf("local date %q of account %s: expected YYYY-MM-DD", d.LocalDate, d.AccountID)
		}
	}
	sorted := slices.SortedFunc(slices.Values(want), func(a, b Date) int {
		return cmp.Or(strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.LocalDate, b.LocalDate))
	})
	return slices.Compact(sorted), nil
}

// materialise makes a table of a model, so that it is computed once. LoadMarts and Load may have left a view of its name.
func materialise(ctx context.Context, tx *stdsql.Tx, m Model) error {
	_, err := tx.ExecContext(ctx, "create schema if not exists "+m.Floor+"; drop view if exists "+m.Relation()+
		"; create table "+m.Relation()+" as "+m.query)
	return err
}

// keyAudit finds rows of a model that share its key, or lack part of it.
func keyAudit(m Model) Model {
	nulls := make([]string, len(m.Key))
	for i, key := range m.Key {
		nulls[i] = quoteName(key) + " is null"
	}
	key := quoteNames(m.Key)
	return Model{
		Floor:  "audits",
		Name:   "key of " + m.Relation(),
		Remedy: "report it: the model is wrong",
		query: fmt.Sprintf(`select %s, count(*) as "rows" from %s group by %s having count(*) > 1 or %s`,
			key, m.Relation(), key, strings.Join(nulls, " or ")),
	}
}

func runAudit(ctx context.Context, tx *stdsql.Tx, a Model) error {
	rows, err := queryText(ctx, tx, fmt.Sprintf("select * from (%s\n) limit %d", a.query, auditedRows))
	if err != nil {
		return failed(ctx, a, err)
	}
	var shown []string
	for values, err := range rows.All() {
		if err != nil {
			return failed(ctx, a, err)
		}
		shown = append(shown, describeRow(rows.Columns, values))
	}
	if len(shown) == 0 {
		return nil
	}
	found := &AuditError{Audit: a.Name, Rows: shown, Remedy: a.Remedy}
	if err := tx.QueryRowContext(ctx, "select count(*) from ("+a.query+"\n)").Scan(&found.Count); err != nil {
		return failed(ctx, a, err)
	}
	return found
}

func describeRow(columns []ResultColumn, values []Value) string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.Name + "=" + values[i].String()
	}
	return strings.Join(cells, ", ")
}

func export(ctx context.Context, tx *stdsql.Tx, m Model, want []Date, dir string) ([]Partition, error) {
	if m.Unit == UnitAll {
		part := Partition{Mart: m.Name, Path: filepath.Join(dir, m.Name, m.Name+".parquet")}
		err := copyOut(ctx, tx, m, "", &part)
		return []Partition{part}, err
	}
	parts := make([]Partition, len(want))
	for i, d := range want {
		parts[i] = Partition{
			Mart: m.Name, AccountID: d.AccountID, LocalDate: d.LocalDate,
			Path: filepath.Join(dir, m.Name, "account_id="+d.AccountID, "local_date="+d.LocalDate, m.Name+".parquet"),
		}
		where := fmt.Sprintf("where account_id = %s and local_date = date %s", quoteText(d.AccountID), quoteText(d.LocalDate))
		if err := copyOut(ctx, tx, m, where, &parts[i]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// copyOut writes one file. Its rows are ordered by a unique key, and row groups are cut by count: so the bytes are the same
// whatever the number of threads.
func copyOut(ctx context.Context, tx *stdsql.Tx, m Model, where string, part *Partition) error {
	if err := os.MkdirAll(filepath.Dir(part.Path), 0o755); err != nil {
		return fmt.Errorf("export mart %s: %w; name a directory that can be written", m.Name, err)
	}
	columns := slices.DeleteFunc(columnNames(m), func(name string) bool {
		return where != "" && (name == "account_id" || name == "local_date")
	})
	res, err := tx.ExecContext(ctx, fmt.Sprintf("copy (select %s from %s %s order by %s) to %s "+
		"(format parquet, compression zstd, row_group_size 122880)",
		quoteNames(columns), m.Relation(), where, quoteNames(m.Key), quoteText(part.Path)))
	if err != nil {
		return fmt.Errorf("export mart %s to %s: %w; check the disk's space and rights", m.Name, part.Path, err)
	}
	if part.Rows, err = res.RowsAffected(); err != nil {
		return fmt.Errorf("export mart %s to %s: %w", m.Name, part.Path, err)
	}
	return nil
}
