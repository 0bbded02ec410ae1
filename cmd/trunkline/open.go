package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/trunkline/trunkline/pipeline"
)

type openCmd struct {
	lakeFlags
	File string `help:"The database file to write." default:"lake.duckdb" placeholder:"FILE"`
	martFlags
}

// Help says what the file is.
func (c *openCmd) Help() string {
	return "The file has no rows of the lake, only views over its Parquet files, which plain DuckDB (1.x, its command line, Python or any tool on top of it) reads as they are when a query runs: " +
		"call_log and the other tables, staging.*, and the marts, with a comment on every view and column. Business hours, rate cards, contacts and settled days are as they were when it was written. " +
		"Write it again after a new release, after a first run of another stream, or with another --timezone. " +
		"The lake must be a local directory; for a bucket use `trunkline query`."
}

// Run writes a database file of views over the lake.
func (c *openCmd) Run(s *session) error {
	at, err := c.locate(false)
	if err != nil {
		return usage(err)
	}
	if at.dir == "" {
		return usage(fmt.Errorf("--lake %s: plain DuckDB reads local directories here; use `trunkline query`, or copy the lake to a directory", c.Lake))
	}
	file, err := filepath.Abs(c.File)
	if err != nil {
		return usage(fmt.Errorf("--file %s: %w", c.File, err))
	}
	if below(at.dir, file) {
		return usage(errors.New("--file lies in the lake, which has room for its own files only; name one outside"))
	}
	marts, err := c.marts(s, usualRetention)
	if err != nil {
		return err
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	engine, err := marts.engine(s.ctx, lake)
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := pipeline.Catalog(s.ctx, lake, engine, at.dir, file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%s has views over %s; local times are those of %s\n\n  duckdb %[1]s\n\nthen, for instance:\n\n"+
		"  select * from marts.calls_daily limit 10;\n  select view_name, comment from duckdb_views() where schema_name = 'marts';\n", c.File, at.dir, c.Timezone)
	return err
}

// below reports whether a file lies in a directory.
func below(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
