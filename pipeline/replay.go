package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Replaying says which saved pages to bring into the lake.
type Replaying struct {
	AccountID    string   // whose pages they are
	Paths        []string // files of pages, one a line, plain, gzip or zstd; directories of such files
	SkipBadPages bool     // go on after a page that cannot be read
	Archive      bool     // keep the pages in the lake's archive, too
	RunID        string
	Now          time.Time // of the run
}

// Replay converts saved pages into the lake, without the API. All pages are read and split by day on local disk first,
// so that a page that cannot be read replaces no partition; then the days are merged and written, on all cores. The days
// are booked as imported: RingCentral is still owed a reading of them.
func Replay(ctx context.Context, lake *sinks.Lake, x Replaying) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		events := make(chan Event)
		var failed error
		go func() {
			defer close(events)
			r := replay{Replaying: x, lake: lake, send: func(e Event) {
				select {
				case events <- e:
				case <-ctx.Done():
				}
			}}
			failed = r.run(ctx)
		}()
		going := true
		for e := range events {
			if going && !yield(e, nil) {
				going = false
				cancel()
			}
		}
		cancel()
		if failed != nil && going {
			yield(Event{}, failed)
		}
	}
}

// replay is one Replay while it runs.
type replay struct {
	Replaying
	lake *sinks.Lake
	send func(Event)

	mu       sync.Mutex
	rejected bytes.Buffer
	rejects  int
	archive  *sinks.ArchiveWriter // nil: not kept
	keep     sync.Once            // the archive, before the first partition is replaced
}

// pagesPerTask is how many pages a worker decodes into one batch: enough to amortise what a batch costs, few enough to
// keep memory small.
const pagesPerTask = 4

func (r *replay) run(ctx context.Context) error {
	files, err := pageFiles(r.Paths)
	if err != nil {
		return err
	}
	ledger, err := r.lake.Ledger(ctx, r.AccountID, CallLogStream)
	if err != nil {
		return err
	}
	spill, err := r.lake.NewSpill(calls, schema.CallLog().Schema())
	if err != nil {
		return err
	}
	defer spill.Close()
	if r.Archive {
		if r.archive, err = r.lake.NewArchive(); err != nil {
			return err
		}
		defer r.archive.Close()
	}
	if err := r.split(ctx, files, spill); err != nil {
		return err
	}
	if err := r.keepRejected(ctx); err != nil {
		return err
	}
	days := spill.Days()
	r.send(Event{Planned: &Planned{AccountID: r.AccountID, Days: days}})
	return r.write(ctx, days, ledger, spill)
}

// split decodes all pages on all cores and spills their rows by day.
func (r *replay) split(ctx context.Context, files []string, spill *sinks.Spill) error {
	g, ctx := errgroup.WithContext(ctx)
	pages, memory := make(chan savedPage, runtime.GOMAXPROCS(0)), lines{free: make(chan []byte, 2*runtime.GOMAXPROCS(0))}
	g.Go(func() error {
		defer close(pages)
		return readPages(ctx, files, memory, pages, r.bad)
	})
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error { return r.decode(ctx, pages, memory, spill) })
	}
	return g.Wait()
}

// bad decides what becomes of a page that cannot be read: nil goes on.
func (r *replay) bad(err error) error {
	var page *BadPageError
	if !r.SkipBadPages || !errors.As(err, &page) {
		return err
	}
	r.send(Event{Failed: &DaysFailed{Err: fmt.Errorf("skipped: %w", err)}})
	return nil
}

// decode turns pages into batches until there are no more.
func (r *replay) decode(ctx context.Context, pages <-chan savedPage, memory lines, spill *sinks.Spill) error {
	d := schema.NewDecoder(schema.CallLog())
	flush := func() error {
		if d.Rows() == 0 {
			return nil
		}
		batch := d.Batch()
		unplaced, err := spill.Append(batch)
		return errors.Join(err, r.reject(batch, unplaced))
	}
	held := 0
	for page := range pages {
		n, err := d.Append(page.body)
		if err == nil {
			if err := r.keepPage(page); err != nil {
				return err
			}
		}
		memory.give(page.body)
		if err != nil {
			if err := r.bad(pageError(page, err)); err != nil {
				return err
			}
			continue
		}
		r.send(Event{Page: &PageRead{Number: page.line, Records: n, Bytes: len(page.body)}})
		if held++; held%pagesPerTask == 0 {
			if err := flush(); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return flush()
}

// keepPage collects a page for the archive. Of an import it is not known when, and by which request, a page was read.
func (r *replay) keepPage(page savedPage) error {
	if r.archive == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.archive.Add(sinks.ArchivedPage{ReadAt: r.Now, Page: page.line, Body: page.body})
}

// keepArchive uploads what was collected, once.
func (r *replay) keepArchive(ctx context.Context) (err error) {
	if r.archive != nil {
		r.keep.Do(func() { err = r.archive.Keep(ctx, r.AccountID, CallLogStream, r.RunID) })
	}
	return err
}

// pageError places a decoder's error in the file.
func pageError(p savedPage, err error) error {
	offset, reason := p.offset, err
	var at *schema.SyntaxError
	if errors.As(err, &at) {
		offset, reason = offset+int64(at.Offset), errors.New(at.Msg)
	}
	return &BadPageError{File: p.file, Line: p.line, Offset: offset, Err: reason}
}

func (r *replay) reject(batch arrow.RecordBatch, rows []int) error {
	if len(rows) == 0 {
		return nil
	}
	enc, err := schema.NewEncoder(schema.CallLog(), batch)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		r.rejected.Write(append(enc.Append(nil, row), '\n'))
		r.rejects++
	}
	return nil
}

func (r *replay) keepRejected(ctx context.Context) error {
	if r.rejects == 0 {
		return nil
	}
	event, err := keepRejected(ctx, r.lake, r.AccountID, r.RunID, r.Now, r.rejects, r.rejected.Bytes())
	if err == nil {
		r.send(event)
	}
	return err
}

// write merges the days into their partitions, on all cores, and books them: every other day first and the others
// afterwards, since records can move between a day and those beside it.
func (r *replay) write(ctx context.Context, days []arrow.Date32, ledger sinks.Ledger, spill *sinks.Spill) error {
	noted := maps.Clone(ledger)
	var err error
	for parity := range arrow.Date32(2) {
		if err == nil {
			err = r.writeDays(ctx, days, parity, ledger, noted, spill)
		}
	}
	maps.DeleteFunc(noted, func(d arrow.Date32, held sinks.LedgerDay) bool { return ledger[d] == held })
	if len(noted) == 0 {
		return err
	}
	// What was written is booked also where a day failed or the run was interrupted.
	booking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(err, r.lake.WriteLedger(booking, r.AccountID, CallLogStream, noted, ledger))
}

func (r *replay) writeDays(ctx context.Context, days []arrow.Date32, parity arrow.Date32, ledger, noted sinks.Ledger, spill *sinks.Spill) error {
	g, dayCtx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, day := range days {
		if day&1 != parity {
			continue
		}
		g.Go(func() error {
			if dayCtx.Err() != nil {
				return context.Cause(dayCtx)
			}
			outcome, records, err := r.day(dayCtx, day, ledger[day], spill)
			if err != nil {
				return fmt.Errorf("day %s: %w", day.FormattedString(), err)
			}
			r.mu.Lock()
			for from, left := range outcome.Left {
				noted[from] = noted[from].WithContent(left)
			}
			booked := noted[day].WithContent(outcome)
			if !booked.Closed {
				booked.How, booked.Records = "imported", records
			}
			noted[day] = booked
			r.mu.Unlock()
			r.send(Event{Day: &DayDone{AccountID: r.AccountID, Day: day, Outcome: outcome}})
			return nil
		})
	}
	return g.Wait()
}

func (r *replay) day(ctx context.Context, day arrow.Date32, known sinks.LedgerDay, spill *sinks.Spill) (o sinks.Outcome, records int, err error) {
	read, err := spill.Import(day, canonicalRows())
	if err != nil {
		return o, 0, err
	}
	records = read.Rows(&day) // and no more of it later, so that its memory is free while the partition is written
	m := &sinks.Merge{AccountID: r.AccountID, Schema: schema.CallLog().Schema(), Read: read, Known: sinks.Ledger{day: known}, Before: r.keepArchive}
	o, err = r.lake.ReplaceDay(ctx, m, day)
	return o, records, err
}

// canonicalRows returns a function that writes rows as JSON: equal rows give equal bytes. It is for one goroutine.
func canonicalRows() sinks.Canonical {
	encoders := map[arrow.RecordBatch]*schema.Encoder{}
	return func(batch arrow.RecordBatch, row int) ([]byte, error) {
		enc := encoders[batch]
		if enc == nil {
			var err error
			if enc, err = schema.NewEncoder(schema.CallLog(), batch); err != nil {
				return nil, err
			}
			encoders[batch] = enc
		}
		return enc.Append(nil, row), nil
	}
}
