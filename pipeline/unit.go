package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// closedRead is one reading to its end: the rows of its pages, and the pages themselves until it is known whether they are to
// be archived.
type closedRead struct {
	rows         *sinks.Read
	archive      *sinks.ArchiveWriter // nil: not kept
	pages        int
	readAt       time.Time // when the first page was asked for
	hidesDeleted bool

	answered, extensions int // of a stream that is read extension by extension: whose lists came, and how many there were
}

func (e *extraction) newRead(ctx context.Context) (_ *closedRead, err error) {
	r := &closedRead{rows: sinks.NewRead(e.stream.Table)}
	if e.privacy, err = readPrivacy(ctx, e.lake, e.Policy, e.stream); err != nil || e.NoArchive || e.Policy != nil || e.stream.byWhat == byCall {
		return r, err
	}
	r.archive, err = e.lake.NewArchive()
	return r, err
}

func (r *closedRead) close() error {
	if r.archive == nil {
		return nil
	}
	return r.archive.Close()
}

// add decodes a page. firstDay is the first day that the records of a feed are taken into; it is empty for a list.
func (e *extraction) add(r *closedRead, page ringcentral.Page, firstDay string) error {
	if r.pages++; r.pages == 1 {
		r.readAt = page.ReadAt
	}
	if err := e.decode(r.rows, page.Body); err != nil {
		return fmt.Errorf("page %d (request %s): %w", page.Number, page.RequestID, err)
	}
	if err := e.keepPage(r, page, firstDay); err != nil {
		return err
	}
	return e.emit(Event{Page: &PageRead{Number: page.Number, Records: page.Records, Bytes: len(page.Body), Feed: firstDay != ""}})
}

// decode adds the rows of a page.
func (e *extraction) decode(rows *sinks.Read, page []byte) error {
	if _, err := e.decoder.Append(page); err != nil {
		return err
	}
	batch, err := e.privacy.apply(e.decoder.Batch())
	if err != nil {
		return err
	}
	return rows.Append(batch)
}

// keepPage collects a page for the archive.
func (e *extraction) keepPage(r *closedRead, page ringcentral.Page, firstDay string) error {
	if r.archive == nil {
		return nil
	}
	body, err := e.privacy.archivable(page.Body)
	if err != nil {
		return fmt.Errorf("page %d (request %s): %w", page.Number, page.RequestID, err)
	}
	kept := sinks.ArchivedPage{ReadAt: page.ReadAt.UTC(), Path: page.Path, Query: page.Query, Page: page.Number,
		RequestID: page.RequestID, FirstDay: firstDay, Body: body}
	if err := r.archive.Add(kept); err != nil {
		return &lakeError{err}
	}
	return nil
}

// merge is how the read's rows come into the days: before the first of them is replaced, the ledger says what is going to be written
// and the pages are archived.
func (e *extraction) merge(r *closedRead, days []arrow.Date32) *sinks.Merge {
	return &sinks.Merge{AccountID: e.AccountID, Schema: e.stream.columns.Schema(), Read: r.rows, Known: e.ledger,
		Policy: e.privacy.policy.ID(), Redact: e.privacy.redact(),
		Before: func(ctx context.Context) error {
			if err := e.intend(ctx, days, e.archiveKey(r)); err != nil || r.archive == nil {
				return err
			}
			return e.privacy.keep(ctx, e.lake, r.archive, e.AccountID, e.RunID)
		}}
}

// unit reads one unit and brings its days into the lake.
func (e *extraction) unit(ctx context.Context, u Unit) error {
	named := func(err error) error {
		return fmt.Errorf("days %s: %w", Window{u.Days[0], u.Days[len(u.Days)-1] + 1}, err)
	}
	r, err := e.newRead(ctx)
	if err != nil {
		return &lakeError{err}
	}
	defer r.close()
	if err := e.readWindow(ctx, u, r); err != nil {
		return named(err)
	}
	return e.bring(ctx, r, u.Days, func(arrow.Date32) (*sinks.Read, error) { return r.rows, nil })
}

// bring merges what was read into its days, one after the other. of gives the rows of a day, if they are not all in r.
func (e *extraction) bring(ctx context.Context, r *closedRead, days []arrow.Date32, of func(arrow.Date32) (*sinks.Read, error)) error {
	rejected, err := e.beforeBringing(ctx, r, days)
	if err != nil {
		return errors.Join(err, rejected)
	}
	m := e.merge(r, days)
	m.Shrink = e.AllowShrink && e.stream.byWhat.listed()
	var done []DayDone
	for _, day := range days {
		rows, err := of(day)
		if err == nil && rows != m.Read {
			err = e.privacy.renew(ctx, e.lake, rows)
		}
		if err != nil {
			return errors.Join(&lakeError{err}, rejected)
		}
		m.Read = rows
		outcome, err := e.privacy.replaceDay(ctx, e.lake, m, day)
		if isDamaged(err) {
			e.note(day, e.ledger[day]) // as it was: it is not going to be written
			if err := e.emit(Event{Failed: &DaysFailed{Days: []arrow.Date32{day}, Err: fmt.Errorf("day %s: %w", day.FormattedString(), err)}}); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return errors.Join(&lakeError{fmt.Errorf("day %s: %w", day.FormattedString(), err)}, rejected)
		}
		entry := e.entry(day, outcome, r, rows)
		e.noteOutcome(day, entry, outcome)
		d := DayDone{AccountID: e.AccountID, Day: day, Outcome: outcome, Doubt: entry.Doubt}
		event := Event{Day: &d}
		if e.stream.byWhat == byCall && !entry.Closed { // there is more to come
			event = Event{Changed: &DayChanged{AccountID: e.AccountID, Day: day, Outcome: outcome}}
		}
		if err := e.emit(event); err != nil {
			return err
		}
		done = append(done, d)
	}
	return errors.Join(e.pause(ctx), rejected, e.warnKept(done))
}

// beforeBringing takes out who was erased meanwhile, sets aside what has no place, and notes where the account's days begin.
func (e *extraction) beforeBringing(ctx context.Context, r *closedRead, days []arrow.Date32) (rejected, err error) {
	if err := e.privacy.renew(ctx, e.lake, r.rows); err != nil {
		return nil, &lakeError{err}
	}
	rejected = e.reject(ctx, r, days)
	if e.stream.byWhat.listed() {
		err = e.begin(ctx, days[0])
	}
	return rejected, err
}

// readWindow reads the unit's window to its end.
func (e *extraction) readWindow(ctx context.Context, u Unit, r *closedRead) error {
	options := &ringcentral.CallLogOptions{PerPage: e.perPage(), ShowDeleted: true}
	for page, err := range e.client.CallLog(ctx, e.AccountID, u.From, u.To, options) {
		if err != nil {
			return err
		}
		if r.pages == 0 {
			unknown := e.AccountID == OwnAccount
			if err := e.resolve(ctx, page.AccountID); err != nil {
				return err
			}
			if unknown {
				if err := e.planned(append(u.Days, e.after(u)...)); err != nil {
					return err
				}
			}
		}
		r.hidesDeleted = !page.ShowDeleted
		if err := e.add(r, page, ""); err != nil {
			return err
		}
	}
	return nil
}

// after lists the days that are read after a unit whose first page told the account.
func (e *extraction) after(u Unit) []arrow.Date32 {
	days := Owed(e.ledger, sinks.FeedState{}, e.Terms, e.Now)
	if e.Window != nil {
		days = e.Window.Days()
	}
	for len(days) > 0 && days[0] <= u.Days[len(u.Days)-1] {
		days = days[1:]
	}
	return days
}

// entry is what the ledger is told of a day that was read to its end.
func (e *extraction) entry(day arrow.Date32, o sinks.Outcome, r *closedRead, rows *sinks.Read) sinks.LedgerDay {
	if e.stream.byWhat == byCall {
		return e.followed(o)
	}
	known, b := e.ledger[day], broughtBy(rows, day)
	doubt := ""
	if e.stream.forgets {
		doubt = e.doubt(day, b, e.ledger, r.readAt)
	}
	entry := sinks.LedgerDay{
		ReadAt: r.readAt.UTC().Truncate(time.Millisecond), How: e.stream.byWhat.how(), Pages: r.pages, Records: b.records,
		Closed: doubt == "", Doubt: doubt, HidesDeleted: r.hidesDeleted,
		Answered: r.answered, Extensions: r.extensions,
	}
	if doubt != "" && known.Closed { // what an earlier read brought is held all the same
		entry.Closed, entry.Records = true, known.Records
	}
	entry.Settled = entry.Closed && (e.stream.byWhat == bySnapshot || Settled(day, r.readAt, e.Lookback))
	return entry.WithContent(o)
}

func broughtBy(rows *sinks.Read, day arrow.Date32) brought {
	return brought{records: rows.Rows(&day), earliest: time.UnixMicro(rows.Earliest(day)).UTC()}
}

// warnKept reports the days of which RingCentral gave fewer calls than the lake holds. What moved to another day of the
// same read is not missing.
func (e *extraction) warnKept(done []DayDone) error {
	if e.stream.byWhat == byCall {
		return nil // only what is new was brought
	}
	moved := map[arrow.Date32]int64{}
	for _, d := range done {
		for from, left := range d.Outcome.Left {
			moved[from] += left.Held - left.Rows
		}
	}
	for _, d := range done {
		o := d.Outcome
		if kept := o.Kept - moved[d.Day]; kept > 0 {
			what := "they stay, since RingCentral forgets; --allow-shrink would drop them"
			if e.AllowShrink {
				what = "they were dropped, as --allow-shrink asks"
			}
			if err := e.warn("day %s: RingCentral gave %d calls, the lake held %d, %d of them missing from what it gave: %s",
				d.Day.FormattedString(), o.Read, o.Held, kept, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// archiveKey is where the read is going to be archived, if it is.
func (e *extraction) archiveKey(r *closedRead) string {
	if r.archive == nil {
		return unarchived
	}
	return r.archive.Key(e.AccountID, e.stream.Name, e.RunID)
}

// reject keeps the records that have no place in the table and says how many they are. The read's days are marked before, so that
// the next run looks after the records, too, if this one is killed.
func (e *extraction) reject(ctx context.Context, r *closedRead, days []arrow.Date32) error {
	var lines bytes.Buffer
	n := 0
	err := r.rows.EachUnplaced(func(batch arrow.RecordBatch, row int) error {
		enc, err := schema.NewEncoder(e.stream.columns, batch)
		if err != nil {
			return err
		}
		lines.Write(append(enc.Append(nil, row), '\n'))
		n++
		return nil
	})
	if err != nil || n == 0 {
		return err
	}
	if err := e.intend(ctx, days, e.archiveKey(r)); err != nil {
		return err
	}
	event, err := keepRejected(ctx, e.lake, e.stream.Name, e.AccountID, e.RunID, r.readAt, n, lines.Bytes())
	if err == nil {
		err = e.privacy.afterRejected(ctx, e.lake, e.AccountID)
	}
	if err != nil {
		return &lakeError{err}
	}
	return e.emit(event)
}

// keepRejected writes records that have no place in the table beside it, and says where they are.
func keepRejected(ctx context.Context, lake *sinks.Lake, stream, account, runID string, at time.Time, n int, lines []byte) (Event, error) {
	name := at.UTC().Format("20060102T150405.000Z") + "-" + runID
	key, err := lake.WriteRejected(ctx, account, stream, name, lines)
	return Event{Failed: &DaysFailed{Err: fmt.Errorf("%w: %d of them, in %s", ErrRejected, n, key)}}, err
}
