package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// lakeChecks opens the lake and tries its store. The lake is nil where it cannot be opened.
func (c *doctorCmd) lakeChecks(s *session) (*sinks.Lake, func(), []check) {
	nothing := func() {}
	if c.Lake == "" {
		return nil, nothing, []check{skipped("lake", "give --lake or TRUNKLINE_LAKE: a directory or a bucket's URL")}
	}
	lake, shut, err := c.open(s.ctx, false)
	if errors.Is(err, errNoLake) {
		return nil, nothing, []check{warned("lake", err.Error(), "make the directory, and what it needs can be tried")}
	}
	if err != nil {
		return nil, nothing, []check{failed("lake", err, "the message names what to check")}
	}
	checks := []check{ok("lake", "opened, of a layout that this trunkline knows")}
	probes := lake.ProbeAccess(s.ctx)
	well := true
	for _, p := range probes {
		if p.Err != nil {
			p.Err = usage(p.Err) // as for a run
		}
		checks = append(checks, probeCheck(p))
		well = well && p.Err == nil
	}
	if !well {
		return nil, shut, append(checks, skipped("lake: conditional write", "list, write, read and delete first"))
	}
	for _, p := range lake.ProbeConditions(s.ctx) {
		checks = append(checks, probeCheck(p))
	}
	return lake, shut, checks
}

func probeCheck(p sinks.Probed) check {
	name := "lake: " + p.What
	switch {
	case p.Err != nil:
		return failed(name, p.Err, "the message names what to check")
	case p.Skipped != "":
		return check{Check: name, State: stateSkipped, Detail: p.Skipped}
	}
	return ok(name, "works")
}

// machineChecks look at what is needed of the machine itself.
func (c *doctorCmd) machineChecks(s *session) []check {
	checks := []check{diskCheck("disk: scratch", os.TempDir(), "set TMPDIR to a directory with more space")}
	if at, err := c.locate(false); err == nil && c.Lake != "" {
		if at.dir != "" {
			checks = append(checks, diskCheck("disk: lake", at.dir, "make space there, or move the lake"))
		} else if cache := c.cache(); cache != "" {
			checks = append(checks, diskCheck("disk: cache", cache, "give --cache-dir another directory, or remove what is in this one"))
		}
	}
	return append(checks, c.duckDBCheck(s.ctx), c.zoneCheck(), c.businessCheck(s), memoryCheck(c.Memory))
}

func (c *doctorCmd) cache() string {
	if c.CacheDir != "" {
		return c.CacheDir
	}
	return userCache()
}

const (
	diskWarned = 1 << 30
	diskFailed = 64 << 20
)

// diskCheck tries to write into a directory and looks how much space is left there.
func diskCheck(name, dir, remedy string) check {
	at := dir
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at) // a cache that is not there yet will be made
	}
	f, err := os.CreateTemp(at, ".trunkline-doctor-*.tmp")
	if err != nil {
		return failed(name, err, remedy)
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	free, known := freeSpace(at)
	switch {
	case err != nil:
		return failed(name, err, remedy)
	case !known:
		return ok(name, "%s can be written; how much space there is is not known on this system", dir)
	case free < diskFailed:
		return failed(name, fmt.Errorf("%s has only %s left", dir, humanize.Bytes(free)), remedy)
	case free < diskWarned:
		return warned(name, fmt.Sprintf("%s has only %s left", dir, humanize.Bytes(free)), remedy)
	}
	return ok(name, "%s has %s left", dir, humanize.Bytes(free))
}

func (c *doctorCmd) duckDBCheck(ctx context.Context) check {
	const name = "DuckDB"
	engine, err := sql.Open(ctx, &sql.Options{MemoryLimit: c.Memory, Threads: c.Threads, Timezone: c.Timezone})
	if err != nil {
		return failed(name, usage(err), "correct --memory, --threads or --timezone")
	}
	defer engine.Close()
	rows, err := engine.Query(ctx, "select 6 * 7")
	if err != nil {
		return failed(name, err, "report it with the output of `trunkline version`")
	}
	for row, err := range rows.All() {
		if err != nil || row[0].Text != "42" {
			return failed(name, fmt.Errorf("it says that 6 * 7 is %v: %w", row, err), "report it with the output of `trunkline version`")
		}
	}
	return ok(name, "%s answers", sql.Version())
}

func (c *doctorCmd) zoneCheck() check {
	const name = "time zones"
	zone, err := c.zone()
	if err != nil {
		return failed(name, err, "give the name of a place, not an abbreviation")
	}
	if _, err := time.LoadLocation("America/New_York"); err != nil {
		return failed(name, err, "install the system's tzdata")
	}
	return ok(name, "known; local dates of the marts are those of %s", zone)
}

// businessCheck reads what the file says of the company, with the contact file.
func (c *doctorCmd) businessCheck(s *session) check {
	const name = "business"
	var settings sql.Settings
	if err := s.file.business(&settings); err != nil {
		return failed(name, usage(err), "correct the line; until then no mart is built")
	}
	return ok(name, "business hours on %d stretches of the week, %d holidays, %d rate cards, %d numbers of contacts",
		len(settings.BusinessHours), len(settings.Holidays), len(settings.RateCards), len(settings.Contacts))
}

// memoryCheck compares DuckDB's limit with what is free, where the system tells.
func memoryCheck(limit string) check {
	const name = "memory"
	free, known := freeMemory()
	if !known {
		return skipped(name, "this system does not tell; DuckDB takes --memory at most, reading far less")
	}
	most, err := humanize.ParseBytes(limit)
	if err == nil && free < most {
		return warned(name, fmt.Sprintf("%s is free, DuckDB may take %s", humanize.Bytes(free), limit), "give --memory less; what needs more goes to scratch")
	}
	return ok(name, "%s is free, DuckDB may take %s", humanize.Bytes(free), limit)
}

// freeMemory is what Linux says that new programs can have.
func freeMemory() (bytes uint64, known bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}
