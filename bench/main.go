// Command bench measures `trunkline replay` against DuckDB on the same saved API pages: seeded data, both programs in
// turns within one run, whole processes, same number of threads. It prints wall time, CPU, peak memory, bytes written and the
// ratio of each round, and their median. `just bench` runs it. With -marts it measures `trunkline transform` instead: a full build, a
// run after one day changed, and one after nothing changed, against DuckDB copying the same Parquet once; `just bench-marts`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	records := flag.Int("records", 500_000, "call records of the data")
	days := flag.Int("days", 30, "days that they are spread over")
	rounds := flag.Int("rounds", 3, "rounds, each with both programs")
	dir := flag.String("dir", filepath.Join(os.TempDir(), "trunkline-bench"), "directory for data and output")
	marts := flag.Bool("marts", false, "measure transform")
	timezone := flag.String("timezone", "UTC", "time zone of the marts; a local day of UTC overlaps one day of the lake, one elsewhere two")
	copyTo := flag.String("duckdb", "", "internal: convert the pages with DuckDB into this directory and exit")
	copyFrom := flag.String("duckdb-copy", "", "internal: copy the call log of this lake with DuckDB to the directory of -duckdb and exit")
	flag.Parse()
	pages := filepath.Join(*dir, fmt.Sprintf("pages-%d-%d", *records, *days))
	var err error
	switch {
	case *copyFrom != "":
		err = copyWithDuckDB(context.Background(), *copyFrom, *copyTo)
	case *marts:
		err = benchMarts(*dir, pages, *timezone, *records, *days, *rounds)
	case *copyTo != "":
		err = convertWithDuckDB(context.Background(), pages, *copyTo)
	default:
		err = compare(*dir, pages, *records, *days, *rounds)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// measured is one run of a program.
type measured struct {
	wall, cpu time.Duration
	rss       int64 // peak, bytes
	out       int64 // bytes of Parquet written
}

func compare(dir, pages string, records, days, rounds int) error {
	size, err := makePages(pages, records, days)
	if err != nil {
		return err
	}
	program, self, err := programs(dir)
	if err != nil {
		return err
	}
	if err := warm(pages); err != nil { // so that the first program does not read for the second
		return err
	}
	fmt.Printf("%d records, %d days, %.2f GB of JSON in pages of %d; %d threads\n\n", records, days, float64(size)/1e9, pageRecords, runtime.GOMAXPROCS(0))
	fmt.Printf("%-6s %-10s %8s %8s %8s %9s %9s\n", "round", "program", "wall s", "cpu s", "MB/s", "rss MB", "out MB")
	var ratios []float64
	for round := 1; round <= rounds; round++ {
		lake, copied := filepath.Join(dir, "lake"), filepath.Join(dir, "duckdb")
		ours, err := measure(lake, program, "replay", "--pages", pages, "--account-id", "1", "--lake", lake, "--log-level", "warn", "--output", "json")
		if err != nil {
			return err
		}
		theirs, err := measure(copied, self, "-dir", dir, "-records", fmt.Sprint(records), "-days", fmt.Sprint(days), "-duckdb", copied)
		if err != nil {
			return err
		}
		ratio := theirs.wall.Seconds() / ours.wall.Seconds()
		ratios = append(ratios, ratio)
		ours.print(round, "trunkline", size)
		theirs.print(round, "duckdb", size)
		fmt.Printf("%-6d ratio %.2f\n", round, ratio)
	}
	slices.Sort(ratios)
	fmt.Printf("\nmedian ratio %.2f (%.2f to %.2f)\n", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	return nil
}

// programs are trunkline, as it is built from here, and this program.
func programs(dir string) (program, self string, err error) {
	program = filepath.Join(dir, "trunkline")
	build := exec.Command("go", "build", "-o", program, "./cmd/trunkline")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", "", fmt.Errorf("build: %w", err)
	}
	self, err = os.Executable()
	return program, self, err
}

// warm brings the pages into the system's cache.
func warm(pages string) error {
	files, err := os.ReadDir(pages)
	for _, f := range files {
		var in *os.File
		if in, err = os.Open(filepath.Join(pages, f.Name())); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return err
}

func (m measured) print(round int, program string, size int64) {
	fmt.Printf("%-6d %-10s %8.2f %8.2f %8.0f %9.0f %9.1f\n", round, program, m.wall.Seconds(), m.cpu.Seconds(),
		float64(size)/1e6/m.wall.Seconds(), float64(m.rss)/1e6, float64(m.out)/1e6)
}

// measure runs a program that writes into an empty directory.
func measure(out, program string, args ...string) (measured, error) {
	if err := os.RemoveAll(out); err != nil {
		return measured{}, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return measured{}, err
	}
	m, err := timed(program, args...)
	if err != nil {
		return m, err
	}
	err = filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".parquet" {
			return err
		}
		info, err := d.Info()
		if err == nil {
			m.out += info.Size()
		}
		return err
	})
	return m, err
}

// timed runs a program to its end.
func timed(program string, args ...string) (measured, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return measured{}, fmt.Errorf("%s: %w", program, err)
	}
	m := measured{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.rss = usage.Maxrss * 1024 // Linux counts in KiB
	}
	return m, nil
}
