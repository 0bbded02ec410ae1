package main

import (
	"bufio"
	"bytes"
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// duckMemory is what DuckDB may use, in transform and in the copy.
const duckMemory = "2GB"

// benchMarts measures transform over a lake that is made once: all marts, those of one changed day, and none.
func benchMarts(dir, pages, timezone string, records, days, rounds int) error {
	program, self, err := programs(dir)
	if err != nil {
		return err
	}
	lake := filepath.Join(dir, fmt.Sprintf("marts-lake-%d-%d", records, days))
	if err := makeLake(lake, program, pages, records, days); err != nil {
		return err
	}
	transform := func() (measured, error) {
		return timed(program, "transform", "--lake", lake, "--timezone", timezone, "--memory", duckMemory, "--log-level", "warn", "--output", "json")
	}
	fmt.Printf("%d records, %d days of %s; %d threads, DuckDB's memory limit %s\n\n", records, days, timezone, runtime.GOMAXPROCS(0), duckMemory)
	fmt.Printf("%-6s %-10s %8s %8s %8s\n", "round", "what", "wall s", "cpu s", "rss MB")
	var fulls, ones []float64
	for round := 1; round <= rounds; round++ {
		full, err := fullBuild(lake, transform)
		if err != nil {
			return err
		}
		none, err := transform()
		if err != nil {
			return err
		}
		if err := touchOneDay(program, pages, lake, round); err != nil {
			return err
		}
		one, err := transform()
		if err != nil {
			return err
		}
		copied, err := measure(filepath.Join(dir, "duckdb-copy"), self, "-duckdb-copy", lake, "-duckdb", filepath.Join(dir, "duckdb-copy"))
		if err != nil {
			return err
		}
		for _, line := range []struct {
			what string
			m    measured
		}{{"full", full}, {"one day", one}, {"no change", none}, {"copy", copied}} {
			fmt.Printf("%-6d %-10s %8.2f %8.2f %8.0f\n", round, line.what, line.m.wall.Seconds(), line.m.cpu.Seconds(), float64(line.m.rss)/1e6)
		}
		fulls = append(fulls, full.wall.Seconds()/copied.wall.Seconds())
		ones = append(ones, 100*one.wall.Seconds()/full.wall.Seconds())
	}
	slices.Sort(fulls)
	slices.Sort(ones)
	fmt.Printf("\nmedians: full build %.2f times a copy; one day %.1f %% of a full build\n", fulls[rounds/2], ones[rounds/2])
	return nil
}

// makeLake replays the pages, unless a lake of them is there.
func makeLake(lake, program, pages string, records, days int) error {
	if _, err := os.Stat(lake); err == nil {
		return nil
	}
	if _, err := makePages(pages, records, days); err != nil {
		return err
	}
	made := lake + ".part"
	if _, err := measure(made, program, "replay", "--pages", pages, "--account-id", "1", "--lake", made, "--log-level", "warn", "--output", "json"); err != nil {
		return err
	}
	return os.Rename(made, lake)
}

// fullBuild builds all marts of a lake that has none.
func fullBuild(lake string, transform func() (measured, error)) (measured, error) {
	for _, dir := range []string{"marts", "_trunkline/marts"} {
		if err := os.RemoveAll(filepath.Join(lake, dir)); err != nil {
			return measured{}, err
		}
	}
	return transform()
}

// touchOneDay brings another version of one call, of a day in the middle.
func touchOneDay(program, pages, lake string, round int) error {
	files, err := filepath.Glob(filepath.Join(pages, "*.ndjson"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("there are no pages to change a call of"))
	}
	f, err := os.Open(files[len(files)/2])
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 1<<24).ReadBytes('\n')
	if err != nil {
		return err
	}
	var page struct {
		Records []map[string]any `json:"records"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&page); err != nil || len(page.Records) == 0 {
		return errors.Join(err, errors.New("the first page has no call"))
	}
	call := page.Records[0]
	call["duration"] = 1000 + round
	call["lastModifiedTime"] = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	changed, err := json.Marshal(map[string]any{"records": []any{call}})
	if err != nil {
		return err
	}
	name := filepath.Join(filepath.Dir(lake), "changed.ndjson")
	if err := os.WriteFile(name, append(changed, '\n'), 0o644); err != nil {
		return err
	}
	_, err = timed(program, "replay", "--pages", name, "--account-id", "1", "--lake", lake, "--log-level", "warn", "--output", "json")
	return err
}

// copyWithDuckDB copies the call log of a lake as it is, a partition a day.
func copyWithDuckDB(ctx context.Context, lake, out string) error {
	db, err := stdsql.Open("duckdb", "?memory_limit="+duckMemory)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, fmt.Sprintf(`set threads = %d; set preserve_insertion_order = false;
copy (select * from read_parquet('%s/call_log/*/*/*.parquet', hive_partitioning = true))
to '%s' (format parquet, partition_by (account_id, start_date), compression zstd, compression_level 1, overwrite_or_ignore)`,
		runtime.GOMAXPROCS(0), lake, out))
	return err
}
