package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// Catalog writes a DuckDB database file of views over the lake in that directory: its tables, staging and marts, each view and column with
// a comment. The views read the files that are there when they are queried; a table of which the lake has no file yet has no rows in them
// until the catalog is written anew.
func Catalog(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, dir, path string) error {
	zone, err := time.LoadLocation(engine.Timezone())
	if err != nil {
		return fmt.Errorf("time zone of the views: %w", err)
	}
	holds, err := readHoldings(ctx, lake, zone, engine.Settings(), Tables())
	if err != nil {
		return err
	}
	held, made := holds.objects(nil), holds.made(holds.datesIn(nil))
	published, err := martObjects(ctx, lake, nil)
	if err != nil {
		return err
	}
	c := sql.Catalog{Lake: dir, Timezone: engine.Timezone()}
	none := map[string][]sinks.Object{} // their columns alone are needed
	for _, s := range streams {
		none[s.Name] = nil
		c.Tables = append(c.Tables, sql.CatalogTable{Name: s.Name, Comment: s.columns.Comment, Columns: columnsOf(s.columns), HasFiles: len(held[s.Name]) > 0})
	}
	for name, objects := range published {
		if len(objects) > 0 {
			c.Marts = append(c.Marts, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		file, err := lake.LocalTable(name, made[name])
		if err != nil {
			return err
		}
		c.Tables = append(c.Tables, sql.CatalogTable{Name: name, Comment: "What the lake's ledger said when this file was written; made by trunkline for the views of staging.", Columns: madeColumns(made[name].Schema()), Whole: file})
	}
	settled := settledDays(holds.ledgers[CallLogStream])
	if err := errors.Join(engine.LoadSettled(ctx, settled), loadTables(ctx, lake, engine, none, made)); err != nil {
		return err
	}
	return engine.WriteCatalog(ctx, path, c)
}

// madeColumns says of the columns of a table that is made where to read what they mean.
func madeColumns(s *arrow.Schema) (out []sql.Column) {
	for _, f := range s.Fields() {
		out = append(out, sql.Column{Name: f.Name, Meaning: "see the view of staging over this table"})
	}
	return out
}

// columnsOf says what the columns of a table mean, those of the partition's path last.
func columnsOf(t *schema.Table) (out []sql.Column) {
	for _, f := range t.Fields {
		out = append(out, sql.Column{Name: f.Column(), Meaning: f.Note, Unit: f.Unit})
	}
	return append(out,
		sql.Column{Name: schema.Extra, Meaning: "JSON object of the members that no other column could give back, each under its own path"},
		sql.Column{Name: "account_id", Meaning: "RingCentral account, from the path"},
		sql.Column{Name: "start_date", Meaning: "day of the row in UTC, of a snapshot that of its reading; from the path"})
}
