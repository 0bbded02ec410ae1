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

	Policy  *schema.Policy  // what becomes of columns; nil keeps everything. Under any other no pages are kept
	erasure *schema.Erasure // who was erased, where the lake does not say it
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
	lake    *sinks.Lake
	send    func(Event)
	privacy privacy

	mu       sync.Mutex
	rejected bytes.Buffer
	rejects  int
	archive  *sinks.ArchiveWriter // nil: not kept
	keep     sync.Once            // the archive and what is going to be written, before the first partition is replaced
	keepErr  error
	booking  booking
}

// pagesPerTask is how many pages a worker decodes into one batch: enough to amortise what a batch costs, few enough to
// keep memory small.
const pagesPerTask = 4

func (r *replay) run(ctx context.Context) error {
	files, err := pageFiles(r.Paths)
	if err != nil {
		return err
	}
	r.booking = booking{lake: r.lake, stream: calls, clock: func() time.Time { return r.Now }}
	if err := r.booking.open(ctx, r.AccountID); err != nil {
		return err
	}
	if r.privacy, err = readPrivacy(ctx, r.lake, r.Policy, calls); err != nil {
		return err
	}
	if r.erasure != nil {
		r.privacy.erasure = r.erasure
	}
	spill, err := r.lake.NewSpill(calls.Table, schema.CallLog().Schema())
	if err != nil {
		return err
	}
	defer spill.Close()
	if r.Archive && r.Policy == nil {
		if r.archive, err = r.lake.NewArchive(); err != nil {
			return err
		}
		defer r.archive.Close()
	}
	if err := r.split(ctx, files, spill); err != nil {
		return err
	}
	days := spill.Days()
	if err := r.keepRejected(ctx, days); err != nil {
		return err
	}
	r.send(Event{Planned: &Planned{AccountID: r.AccountID, Days: days}})
	return r.write(ctx, days, spill)
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
		batch, err := r.privacy.apply(d.Batch())
		if err != nil {
			return err
		}
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
	body, err := r.privacy.archivable(page.body)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.archive.Add(sinks.ArchivedPage{ReadAt: r.Now, Page: page.line, Body: body})
}

// intend notes what is going to be written.
func (r *replay) intend(ctx context.Context, days []arrow.Date32) error {
	archive := unarchived
	if r.archive != nil {
		archive = r.archive.Key(r.AccountID, CallLogStream, r.RunID)
	}
	return r.booking.intend(ctx, days, archive)
}

// before notes what is going to be written and archives what was collected, once.
func (r *replay) before(ctx context.Context, days []arrow.Date32) error {
	r.keep.Do(func() {
		r.keepErr = r.intend(ctx, days)
		if r.keepErr == nil && r.archive != nil {
			r.keepErr = r.privacy.keep(ctx, r.lake, r.archive, r.AccountID, r.RunID)
		}
	})
	return r.keepErr
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

func (r *replay) keepRejected(ctx context.Context, days []arrow.Date32) error {
	if r.rejects == 0 {
		return nil
	}
	if err := r.intend(ctx, days); err != nil {
		return err
	}
	event, err := keepRejected(ctx, r.lake, CallLogStream, r.AccountID, r.RunID, r.Now, r.rejects, r.rejected.Bytes())
	if err == nil {
		r.send(event)
		err = r.privacy.afterRejected(ctx, r.lake, r.AccountID)
	}
	return err
}

// write merges the days into their partitions, on all cores, and books them: every other day first and the others
// afterwards, since records can move between a day and those beside it.
func (r *replay) write(ctx context.Context, days []arrow.Date32, spill *sinks.Spill) error {
	known := maps.Clone(r.booking.ledger)
	var err error
	for parity := range arrow.Date32(2) {
		if err == nil {
			err = r.writeDays(ctx, days, parity, known, spill)
		}
	}
	// What was written is booked also where a day failed or the run was interrupted.
	return errors.Join(err, r.booking.flush(ctx))
}

func (r *replay) writeDays(ctx context.Context, days []arrow.Date32, parity arrow.Date32, known sinks.Ledger, spill *sinks.Spill) error {
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
			read, err := spill.Import(day, canonicalRows())
			if err != nil {
				return fmt.Errorf("day %s: %w", day.FormattedString(), err)
			}
			if err := r.privacy.renew(dayCtx, r.lake, read); err != nil {
				return fmt.Errorf("day %s: %w", day.FormattedString(), err)
			}
			records := read.Rows(&day) // and no more of it later, so that its memory is free while the partition is written
			outcome, err := r.privacy.replaceDay(dayCtx, r.lake, &sinks.Merge{
				AccountID: r.AccountID, Schema: schema.CallLog().Schema(), Read: read, Known: sinks.Ledger{day: known[day]},
				Policy: r.Policy.ID(), Redact: r.privacy.redact(),
				Before: func(ctx context.Context) error { return r.before(ctx, days) },
			}, day)
			if err != nil {
				return fmt.Errorf("day %s: %w", day.FormattedString(), err)
			}
			r.send(Event{Day: &DayDone{AccountID: r.AccountID, Day: day, Outcome: outcome}})
			r.book(day, outcome, records)
			return nil
		})
	}
	return g.Wait()
}

func (r *replay) book(day arrow.Date32, o sinks.Outcome, records int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := r.booking.ledger[day].WithContent(o)
	if !entry.Closed {
		entry.How, entry.Records = "imported", records
	}
	r.booking.noteOutcome(day, entry, o)
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
