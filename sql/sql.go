// Package sql holds the embedded DuckDB models and runs them over Parquet files on local disk.
//
// A model is a plain select in a .sql file whose path is its name: marts/calls_daily.sql is marts.calls_daily. The floors
// read downwards only: staging reads the tables in main, those in settings, which hold what the engine was opened with, and
// staging; intermediate reads staging and intermediate, marts read both of these, and other marts as they are published; audits
// are selects that must return no row. Marts and intermediates keep to SQL that other engines run, too.
//
// The package promises that the same files, models, time zone and DuckDB version give the same bytes, whatever the number of
// threads; that nothing is exported unless every audit passed; and that it reads and writes local files only. It does not
// know where files come from, which days are owed, or what was built before: its caller compares [Model.Hash], the time zone,
// the settings that the model uses and [Version] with what a mart was built from.
package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Options tune an Engine. The zero value is good.
type Options struct {
	// MemoryLimit is how much memory DuckDB may use, with a unit ("500MB", "4GB"); "2GB" if empty. What needs more
	// goes to TempDir.
	MemoryLimit string
	// Threads is how many threads DuckDB uses; GOMAXPROCS if 0.
	Threads int
	// TempDir is where a directory for spilled data is made, and removed by Close; os.TempDir() if empty.
	TempDir string
	// Timezone is the IANA name of the zone whose days are the local dates of the marts; "UTC" if empty.
	Timezone string
	// Settings are what the marts are built by; DefaultSettings if nil.
	Settings *Settings
}

// Engine is one DuckDB in memory, with views over Parquet files. It is safe for concurrent use; Load, LoadMarts and Build wait
// for each other.
type Engine struct {
	changing sync.Mutex // held while relations change: DuckDB lets two transactions that do so fail

	db       *stdsql.DB
	models   []Model
	settings Settings
	timezone string
	rows     map[string][]settingRow // of the settings' tables
	settled  []string                // rows of settled days, in SQL
	memory   sync.Mutex              // held while counting and borders change
	counting map[string]string       // hashes of the rows that count, by table, weekday and period
	borders  map[string][]string     // where the periods begin, by table
	tables   map[string]bool         // that were loaded, as main.call_log
	tempDir  string
	types    map[string][]ResultColumn // of the models, by relation, since Load
}

// Version is the version of the DuckDB that is linked in, such as "v1.5.6".
func Version() string {
	return mapping.LibraryVersion()
}

// Open starts a DuckDB in memory that loads no extensions and whose session time zone is UTC. nil options are the defaults.
// A time zone that DuckDB does not know, a memory limit that it cannot read, or a setting out of its bounds is an error that says
// what was expected.
func Open(ctx context.Context, o *Options) (*Engine, error) {
	opts := withDefaults(o)
	if err := opts.Settings.check(); err != nil {
		return nil, err
	}
	models, err := parseModels(files)
	if err != nil {
		return nil, err
	}
	tempDir, err := os.MkdirTemp(opts.TempDir, "trunkline-duckdb-")
	if err != nil {
		return nil, fmt.Errorf("temporary directory for duckdb: %w; name one that can be written", err)
	}
	e := &Engine{models: models, tables: map[string]bool{}, counting: map[string]string{}, borders: map[string][]string{}, settings: *opts.Settings, timezone: opts.Timezone, tempDir: tempDir}
	err = e.connect(ctx, opts)
	if err == nil {
		err = e.fillTables(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func withDefaults(o *Options) Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.MemoryLimit == "" {
		opts.MemoryLimit = "2GB"
	}
	if opts.Threads == 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	if opts.TempDir == "" {
		opts.TempDir = os.TempDir()
	}
	if opts.Timezone == "" {
		opts.Timezone = "UTC"
	}
	if opts.Settings == nil {
		defaults := DefaultSettings()
		opts.Settings = &defaults
	}
	return opts
}

func (e *Engine) connect(ctx context.Context, opts Options) error {
	settings := url.Values{
		"memory_limit":                 {opts.MemoryLimit},
		"threads":                      {strconv.Itoa(opts.Threads)},
		"temp_directory":               {e.tempDir},
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
	}
	// Variables belong to a connection, and database/sql opens connections as it needs them.
	perConnection := func(conn driver.ExecerContext) error {
		_, err := conn.ExecContext(context.Background(),
			"set TimeZone = 'UTC'; set variable timezone = "+quoteText(opts.Timezone)+opts.Settings.statements(), nil)
		return err
	}
	connector, err := duckdb.NewConnector("?"+settings.Encode(), perConnection)
	if err != nil {
		return fmt.Errorf("open duckdb with memory limit %q and %d threads: %w; "+
			"a memory limit is a number and a unit, such as 2GB, and threads are at least 1", opts.MemoryLimit, opts.Threads, err)
	}
	e.db = stdsql.OpenDB(connector)
	return e.checkTimezone(ctx, opts.Timezone)
}

// checkTimezone asks DuckDB, whose list is linked in; that of Go may be missing from the machine.
func (e *Engine) checkTimezone(ctx context.Context, name string) error {
	var known bool
	err := e.db.QueryRowContext(ctx, "select count(*) > 0 from pg_timezone_names() where name = ?", name).Scan(&known)
	if err != nil {
		return fmt.Errorf("look up time zone %q: %w", name, err)
	}
	if !known {
		return fmt.Errorf("time zone %q is not known; expected an IANA name such as Europe/Berlin, America/New_York or UTC", name)
	}
	return nil
}

// Settings are the settings that the marts are built with.
func (e *Engine) Settings() Settings { return e.settings }

// Timezone is the IANA name of the zone whose days are the local dates.
func (e *Engine) Timezone() string { return e.timezone }

// Close ends DuckDB and removes its temporary directory.
func (e *Engine) Close() error {
	var err error
	if e.db != nil {
		err = e.db.Close()
	}
	if err := errors.Join(err, os.RemoveAll(e.tempDir)); err != nil {
		return fmt.Errorf("close duckdb: %w", err)
	}
	return nil
}

// inTransaction commits what do did, or nothing of it.
func (e *Engine) inTransaction(ctx context.Context, do func(*stdsql.Tx) error) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin in duckdb: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit in duckdb: %w", err)
	}
	return nil
}

// rollback ends a transaction, also one that a cancelled context has ended already.
func rollback(tx *stdsql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, stdsql.ErrTxDone) {
		return fmt.Errorf("roll back in duckdb: %w", err)
	}
	return nil
}

func quoteText(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func quoteName(s string) string {
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func quoteNames(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quoteName(name)
	}
	return strings.Join(quoted, ", ")
}
