package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

type queryCmd struct {
	SQL string `arg:"" name:"sql" help:"One statement, such as \"select count(*) from call_log\". Views: call_log, staging.calls, staging.call_legs, and each mart, such as marts.sessions or marts.calls_daily."`
	lakeFlags
	From       string `help:"First day of the tables to look at." placeholder:"DAY"`
	To         string `help:"Day after the last one." placeholder:"DAY"`
	CacheLimit string `help:"The most that may be copied from a remote lake for this query." default:"2GB"`
	martFlags
	Output string `help:"Form of the result: table (or text), csv or json (an object a row)." enum:"table,text,csv,json" default:"table"`
}

// Run prints the rows of one statement over views of the lake.
func (c *queryCmd) Run(s *session) error {
	limit, err := humanize.ParseBytes(c.CacheLimit)
	if err != nil || limit > math.MaxInt64 {
		return usage(fmt.Errorf("--cache-limit %q: expected a size such as 500MB or 2GB", c.CacheLimit))
	}
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
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
	return withViews(s, lake, marts, window, int64(limit), func(engine *sql.Engine) error {
		rows, err := engine.Query(s.ctx, c.SQL)
		if err != nil {
			return usage(err)
		}
		return printRows(s, rows, c.Output)
	})
}

// usualRetention is how long RingCentral keeps a call at least; staging.ledger is seen by it.
const usualRetention = span(270 * 24 * time.Hour)

// withViews opens an engine with the lake's tables and marts as views.
func withViews(s *session, lake *sinks.Lake, marts building, w *pipeline.Window, limit int64, use func(*sql.Engine) error) error {
	engine, err := marts.engine(s.ctx, lake)
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := pipeline.View(s.ctx, lake, engine, w, limit); err != nil {
		return err
	}
	return use(engine)
}

func printRows(s *session, rows *sql.Rows, form string) error {
	defer rows.Close()
	switch form {
	case "csv":
		return printCSV(s, rows)
	case "json":
		return printJSON(s, rows)
	}
	return printTable(s, rows)
}

func printTable(s *session, rows *sql.Rows) error {
	w := table.NewWriter()
	w.SetOutputMirror(s.stdout)
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	header := table.Row{}
	for _, c := range rows.Columns {
		header = append(header, c.Name)
	}
	w.AppendHeader(header)
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		line := table.Row{}
		for _, v := range row {
			line = append(line, v.String())
		}
		w.AppendRow(line)
	}
	w.SetColumnConfigs(rightAligned(rows.Columns))
	w.Render()
	return nil
}

// rightAligned sets numbers flush right.
func rightAligned(columns []sql.ResultColumn) []table.ColumnConfig {
	var out []table.ColumnConfig
	for i, c := range columns {
		if isNumeric(c.Type) {
			out = append(out, table.ColumnConfig{Number: i + 1, Align: text.AlignRight})
		}
	}
	return out
}

// isNumeric reports whether DuckDB's type is a number.
func isNumeric(name string) bool {
	return strings.HasSuffix(name, "INT") || strings.HasSuffix(name, "INTEGER") || strings.HasPrefix(name, "DECIMAL") ||
		name == "DOUBLE" || name == "FLOAT"
}

func printCSV(s *session, rows *sql.Rows) error {
	w := csv.NewWriter(s.stdout)
	line := make([]string, len(rows.Columns))
	for i, c := range rows.Columns {
		line[i] = c.Name
	}
	if err := w.Write(line); err != nil {
		return err
	}
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		for i, v := range row {
			line[i] = v.Text
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// printJSON prints an object a row, one a line, members in the order of the columns.
func printJSON(s *session, rows *sql.Rows) error {
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		line := []byte{'{'}
		for i, v := range row {
			if i > 0 {
				line = append(line, ',')
			}
			name, err := json.Marshal(rows.Columns[i].Name)
			if err != nil {
				return err
			}
			value, err := v.MarshalJSON()
			if err != nil {
				return err
			}
			line = append(append(append(line, name...), ':'), value...)
		}
		if _, err := s.stdout.Write(append(line, '}', '\n')); err != nil {
			return err
		}
	}
	return nil
}
