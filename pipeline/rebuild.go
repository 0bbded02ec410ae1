package pipeline

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Rebuilding says which days to build again from the archive.
type Rebuilding struct {
	AccountID string  // whose; not OwnAccount
	Window    *Window // nil: all days
	Terms
	Now    time.Time      // of the run
	Policy *schema.Policy // what becomes of columns; nil keeps everything
}

// Rebuild builds days of all streams again from the archive alone, without a request: it folds the reads in the order in which they were made,
// in a lake of its own on local disk, and then brings the days into the lake. Where a held row and a rebuilt one are of one
// version the rebuilt one counts; rows that the archive does not have stay.
func Rebuild(ctx context.Context, lake *sinks.Lake, x Rebuilding) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := rebuild(ctx, lake, x, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Event{}, err)
		}
	}
}

func rebuild(ctx context.Context, lake *sinks.Lake, x Rebuilding, yield func(Event, error) bool) error {
	found := false
	for _, s := range streams {
		reads, err := lake.ArchivedReads(ctx, x.AccountID, s.Name)
		if err == nil && len(reads) > 0 {
			found = true
			err = rebuildStream(ctx, lake, x, s, reads, yield)
		}
		if err != nil {
			return s.named(err)
		}
	}
	if !found {
		return fmt.Errorf("the archive has no reads of account %s: replay --pages converts pages that were saved elsewhere", x.AccountID)
	}
	return nil
}

func rebuildStream(ctx context.Context, lake *sinks.Lake, x Rebuilding, s stream, reads []sinks.ArchivedRead, yield func(Event, error) bool) error {
	own, err := lake.ScratchLake(ctx)
	if err != nil {
		return err
	}
	defer own.Close()
	p, err := readPrivacy(ctx, lake, x.Policy, s)
	if err != nil {
		return err
	}
	held, err := lake.Ledger(ctx, x.AccountID, s.Name)
	if err != nil {
		return err
	}
	r := rebuilding{
		Rebuilding: x, stream: s, privacy: p, lake: lake, own: own, ledger: sinks.Ledger{}, held: held, passed: map[arrow.Date32]bool{},
		yield: yield, decoder: schema.NewDecoder(s.columns),
	}
	for _, read := range reads {
		if err := r.fold(ctx, read); err != nil {
			return fmt.Errorf("%s: %w", read.Key, err)
		}
	}
	return r.publish(ctx)
}

// rebuilding is one stream of a Rebuild while it runs.
type rebuilding struct {
	Rebuilding
	stream  stream
	lake    *sinks.Lake
	own     *sinks.Lake // where the reads are folded
	ledger  sinks.Ledger
	held    sinks.Ledger          // of the lake; nil: of no interest
	passed  map[arrow.Date32]bool // days that came by the content that the lake's ledger has: they have all that it knows of
	decoder *schema.Decoder
	privacy privacy
	yield   func(Event, error) bool
}

func (r *rebuilding) emit(v Event) error {
	v.Stream = r.stream.Name
	if !r.yield(v, nil) {
		return errStopped
	}
	return nil
}

// wants reports whether a day, or one beside it that its records may move to, is to be rebuilt.
func (r *rebuilding) wants(d arrow.Date32) bool {
	return r.Window == nil || d >= r.Window.From-1 && d <= r.Window.To
}

// folded notes what a day holds now.
func (r *rebuilding) folded(day arrow.Date32, entry sinks.LedgerDay) {
	r.ledger[day] = entry
	if hash := r.held[day].ContentHash; hash != "" && hash == entry.ContentHash {
		r.passed[day] = true
	}
}

// fold merges one archived read as it was merged when it was made.
func (r *rebuilding) fold(ctx context.Context, read sinks.ArchivedRead) error {
	var first sinks.ArchivedPage
	rows := sinks.NewRead(r.stream.On(dayOf(read.ReadAt)))
	var parts []part
	pages := 0
	err := r.lake.ReadArchive(ctx, read, func(page sinks.ArchivedPage) error {
		if pages++; pages == 1 {
			first = page
			first.Body = nil
		}
		if page.Path == "" {
			return errImported
		}
		if r.stream.compose != nil {
			parts = append(parts, part{page.Path, bytes.Clone(page.Body)})
			return nil
		}
		body, err := r.stream.prepared(page.Path, page.Body)
		if err != nil {
			return fmt.Errorf("%w: %w", sinks.ErrBadArchive, err)
		}
		return r.add(rows, page.Page, body)
	})
	if errors.Is(err, errImported) {
		return r.foldImported(ctx, read)
	}
	if err == nil && r.stream.compose != nil {
		err = r.addComposed(rows, parts)
	}
	if err != nil {
		return err
	}
	return r.mergeRead(ctx, rows, first, pages)
}

// add decodes a page.
func (r *rebuilding) add(rows *sinks.Read, number int, body []byte) error {
	n, err := r.decoder.Append(body)
	if err != nil {
		return fmt.Errorf("%w: %w", sinks.ErrBadArchive, err)
	}
	batch, err := r.privacy.apply(r.decoder.Batch())
	if err != nil {
		return err
	}
	if err := rows.Append(batch); err != nil {
		return err
	}
	return r.emit(Event{Page: &PageRead{Number: number, Records: n, Bytes: len(body)}})
}

func (r *rebuilding) addComposed(rows *sinks.Read, parts []part) error {
	pages, err := r.stream.compose(parts)
	if err != nil {
		return fmt.Errorf("%w: %w", sinks.ErrBadArchive, err)
	}
	for i, page := range pages {
		if err := r.add(rows, i+1, page); err != nil {
			return err
		}
	}
	return nil
}

// errImported marks an archived read whose pages were imported: nothing is known of when they were read.
var errImported = errors.New("imported pages")

func (r *rebuilding) mergeRead(ctx context.Context, rows *sinks.Read, first sinks.ArchivedPage, pages int) error {
	days, isList, err := r.archivedDays(first, rows)
	if err != nil {
		return fmt.Errorf("%w: %w", sinks.ErrBadArchive, err)
	}
	m := &sinks.Merge{AccountID: r.AccountID, Schema: r.stream.columns.Schema(), Read: rows, Known: r.ledger, Policy: r.privacy.policy.ID()}
	for _, day := range days {
		if !r.wants(day) {
			continue
		}
		o, err := r.own.ReplaceDay(ctx, m, day)
		if err != nil {
			return err
		}
		for from, left := range o.Left {
			r.folded(from, r.ledger[from].WithContent(left))
		}
		entry := r.ledger[day]
		if isList {
			entry = sinks.LedgerDay{ReadAt: first.ReadAt.Truncate(time.Millisecond), Pages: pages, Records: rows.Rows(&day), Closed: true}
			entry.Settled = r.stream.IsSnapshot() || Settled(day, first.ReadAt, r.Lookback)
			if r.stream.forgets {
				entry.Doubt = r.doubt(day, broughtBy(rows, day), r.ledger, first.ReadAt)
			}
			entry.Closed, entry.Settled = entry.Doubt == "", entry.Settled && entry.Doubt == ""
		}
		entry.How = "replayed"
		r.folded(day, entry.WithContent(o))
	}
	return nil
}

// archivedDays lists the days that a read covered: of a snapshot its own, else those of its window, or of the change feed those that its records were
// taken into.
func (r *rebuilding) archivedDays(first sinks.ArchivedPage, rows *sinks.Read) (days []arrow.Date32, isList bool, err error) {
	if r.stream.IsSnapshot() {
		return []arrow.Date32{dayOf(first.ReadAt)}, true, nil
	}
	if first.FirstDay != "" {
		at, err := time.Parse(time.DateOnly, first.FirstDay)
		for _, d := range rows.Days() {
			if err == nil && d >= dayOf(at) {
				days = append(days, d)
			}
		}
		return days, false, nil // "none": the lake held no day yet
	}
	query, err := url.ParseQuery(first.Query)
	if err != nil {
		return nil, false, fmt.Errorf("query %q: %w", first.Query, err)
	}
	from, err := time.Parse(time.RFC3339, query.Get("dateFrom"))
	if err != nil {
		return nil, false, fmt.Errorf("query %q: dateFrom: %w", first.Query, err)
	}
	to, err := time.Parse(time.RFC3339, query.Get("dateTo"))
	if err != nil {
		return nil, false, fmt.Errorf("query %q: dateTo: %w", first.Query, err)
	}
	return Window{From: dayOf(from), To: dayOf(to.Add(-time.Nanosecond)) + 1}.Days(), true, nil
}

// foldImported folds pages that were imported, as they were imported.
func (r *rebuilding) foldImported(ctx context.Context, read sinks.ArchivedRead) error {
	f, err := os.CreateTemp(r.own.Scratch(), "imported-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriterSize(f, 1<<20)
	err = r.lake.ReadArchive(ctx, read, func(page sinks.ArchivedPage) error {
		_, err := w.Write(append(page.Body, '\n'))
		return err
	})
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return err
	}
	for event, err := range Replay(ctx, r.own, Replaying{AccountID: r.AccountID, Paths: []string{f.Name()}, Now: r.Now, Policy: r.Policy, erasure: r.privacy.erasure}) {
		switch {
		case err != nil:
			return err
		case event.Failed != nil:
			continue // records without a place were set aside when the pages were imported
		case event.Day != nil:
			day := event.Day.Day
			for from, left := range event.Day.Outcome.Left {
				r.folded(from, r.ledger[from].WithContent(left))
			}
			entry := r.ledger[day].WithContent(event.Day.Outcome)
			entry.How = cmp.Or(entry.How, "imported")
			r.folded(day, entry)
		}
	}
	return nil
}

// publish brings the rebuilt days into the lake and books them.
func (r *rebuilding) publish(ctx context.Context) (err error) {
	b := booking{lake: r.lake, stream: r.stream, clock: func() time.Time { return r.Now }}
	if err := b.open(ctx, r.AccountID); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.flush(ctx)) }()
	var days []arrow.Date32
	for _, d := range r.ledger.Days() {
		if r.Window == nil || d >= r.Window.From && d < r.Window.To {
			days = append(days, d)
		}
	}
	if err := r.emit(Event{Planned: &Planned{AccountID: r.AccountID, Days: days}}); err != nil {
		return err
	}
	for _, day := range days {
		o, err := r.bring(ctx, &b, day)
		if damaged := (*sinks.DamagedError)(nil); errors.As(err, &damaged) {
			err := fmt.Errorf("day %s: %s is damaged (%w), and the archive does not show all that the ledger knows of it: "+
				"move the object to where it can be kept, and repeat", day.FormattedString(), damaged.Key, damaged.Err)
			if err := r.emit(Event{Failed: &DaysFailed{Days: []arrow.Date32{day}, Err: err}}); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("day %s: %w", day.FormattedString(), err)
		}
		if err := r.emit(Event{Day: &DayDone{AccountID: r.AccountID, Day: day, Outcome: o}}); err != nil {
			return err
		}
	}
	return nil
}

func (r *rebuilding) bring(ctx context.Context, b *booking, day arrow.Date32) (o sinks.Outcome, err error) {
	rows := sinks.NewRead(r.stream.On(day))
	batch, found, err := r.own.ReadDay(ctx, r.stream.Name, r.AccountID, day)
	if err != nil {
		return o, err
	}
	if found {
		if err := rows.Append(batch); err != nil {
			return o, err
		}
	}
	if err := r.privacy.renew(ctx, r.lake, rows); err != nil {
		return o, err
	}
	m := &sinks.Merge{AccountID: r.AccountID, Schema: r.stream.columns.Schema(), Read: rows, Known: b.ledger, Whole: true, HasAll: r.passed[day],
		Policy: r.privacy.policy.ID(), Redact: r.privacy.redact(),
		Before: func(ctx context.Context) error { return b.intend(ctx, []arrow.Date32{day}, unarchived) }}
	if o, err = r.privacy.replaceDay(ctx, r.lake, m, day); err != nil {
		return o, err
	}
	entry := b.ledger[day]
	if rebuilt := r.ledger[day]; !entry.Closed && (rebuilt.Closed || entry.How == "") {
		entry = rebuilt
	}
	b.noteOutcome(day, entry.WithContent(o), o)
	return o, b.pause(ctx)
}
