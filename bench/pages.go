package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// pageRecords is the size of a full page of the call log.
const pageRecords = 1000

// makePages writes the data, unless it is there: one file of pages a day, newest record first, as the call log gives
// them. It returns its size in bytes.
func makePages(dir string, records, days int) (int64, error) {
	if size, err := sizeOf(dir); err == nil && size > 0 {
		return size, nil
	}
	fmt.Printf("making %d records in %s\n", records, dir)
	until := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	// A mean day has about three quarters of a working day's calls.
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: 1, Extensions: 400, CallsPerDay: max(1, records*4/3/days)}, Now: func() time.Time { return until.AddDate(0, 0, 7) },
	})
	if err != nil {
		return 0, err
	}
	made := dir + ".part"
	if err := os.MkdirAll(made, 0o755); err != nil {
		return 0, err
	}
	left := records
	for d := 1; left > 0; d++ {
		day := until.AddDate(0, 0, -d)
		of := slices.Collect(sim.Records(day, day.AddDate(0, 0, 1)))
		slices.Reverse(of)
		if d >= days && len(of) > left {
			of = of[:left]
		}
		of = of[:min(len(of), left)]
		if err := writePages(filepath.Join(made, day.Format(time.DateOnly)+".ndjson"), of); err != nil {
			return 0, err
		}
		left -= len(of)
	}
	if err := os.Rename(made, dir); err != nil {
		return 0, err
	}
	return sizeOf(dir)
}

func writePages(name string, records [][]byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n := 0
	for page := range slices.Chunk(records, pageRecords) {
		n++
		fmt.Fprintf(w, `{"uri":"https://platform.ringcentral.example/restapi/v1.0/account/1/call-log?page=%d","records":[`, n)
		for i, record := range page {
			if i > 0 {
				_ = w.WriteByte(',') // a bufio.Writer keeps its error for Flush
			}
			_, _ = w.Write(record)
		}
		fmt.Fprintf(w, `],"paging":{"page":%d,"perPage":%d},"navigation":{}}`+"\n", n, pageRecords)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func sizeOf(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var size int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}
