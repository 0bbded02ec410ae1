package main

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/trunkline/trunkline/schema"
)

// convertWithDuckDB converts pages as well as DuckDB 1.5 was found to do it: records as JSON[], unnested, each read by
// from_json with the whole structure given, flattened, partitioned by day, zstd level 1. Legs stay as they are nested,
// and unknown members are left out, which both is less work than ours.
func convertWithDuckDB(ctx context.Context, pages, out string) error {
	db, err := stdsql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	structure, err := json.Marshal(structureOf(schema.CallLog().Fields))
	if err != nil {
		return err
	}
	query := fmt.Sprintf(`
set threads = %d;
set preserve_insertion_order = false;
copy (
    select %s, cast(r.startTime as date) as start_date
    from (
        select from_json(record, '%s') as r
        from (
            select unnest(records) as record
            from read_json('%s', format = 'newline_delimited', columns = {records: 'JSON[]'}, maximum_object_size = 100000000)
        )
    )
) to '%s' (format parquet, partition_by (start_date), compression zstd, compression_level 1, overwrite_or_ignore);`,
		runtime.GOMAXPROCS(0), strings.Join(columns(schema.CallLog().Fields), ", "), structure, filepath.Join(pages, "*.ndjson"), out)
	_, err = db.ExecContext(ctx, query)
	return err
}

// columns flattens a record as our table does.
func columns(fields []schema.Field) []string {
	var out []string
	for _, f := range fields {
		out = append(out, fmt.Sprintf(`r."%s" as %s`, strings.ReplaceAll(f.Path, ".", `"."`), f.Column()))
	}
	return out
}

// structureOf is the structure that from_json wants: names and types, nested as in the JSON.
func structureOf(fields []schema.Field) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		at := out
		path := strings.Split(f.Path, ".")
		for _, key := range path[:len(path)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[path[len(path)-1]] = typeOf(f)
	}
	return out
}

func typeOf(f schema.Field) any {
	switch f.Kind {
	case schema.Structs:
		return []any{structureOf(f.Of)}
	case schema.Array:
		return "JSON"
	case schema.Timestamp:
		return "TIMESTAMP"
	}
	return f.SQLType()
}
