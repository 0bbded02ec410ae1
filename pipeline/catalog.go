package pipeline

import (
	"context"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// Catalog writes a DuckDB database file of views over the lake in that directory: its tables, staging and marts, each view and column with
// a comment. The views read the files that are there when they are queried; a table of which the lake has no file yet has no rows in them
// until the catalog is written anew.
func Catalog(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, dir, timezone, path string) error {
	held, err := tableObjects(ctx, lake, nil)
	if err != nil {
		return err
	}
	published, err := martObjects(ctx, lake, nil)
	if err != nil {
		return err
	}
	c := sql.Catalog{Lake: dir, Timezone: timezone}
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
	if err := loadTables(ctx, lake, engine, none); err != nil {
		return err
	}
	return engine.WriteCatalog(ctx, path, c)
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
