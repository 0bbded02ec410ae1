package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Extraction says what to read.
type Extraction struct {
	AccountID string        // as in RingCentral's paths; "~" is the account of the login
	Window    *Window       // nil: the days that are owed
	Since     time.Duration // how far back an empty lake starts
	Lookback  time.Duration // how long after a day's end late edits are expected
	Sizing
	RunID string
	Now   time.Time // of the run
}

// OwnAccount is RingCentral's word for the account of the login.
const OwnAccount = "~"

// ErrRejected says that records without a usable id or start time were set aside.
var ErrRejected = errors.New("records without a usable id or startTime were set aside")

// Extract reads the days and brings them into the lake, yielding progress. An error ends it; days that failed alone are
// events, and the others go on. What was yielded as done stays done.
func Extract(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, x Extraction) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		e := extraction{Extraction: x, client: c, lake: lake, decoder: schema.NewDecoder(schema.CallLog()), yield: yield}
		if err := e.run(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(Event{}, err)
		}
	}
}

// errStopped ends an extraction whose consumer wants no more events.
var errStopped = errors.New("stopped")

// extraction is one Extract while it runs.
type extraction struct {
	Extraction
	client  *ringcentral.Client
	lake    *sinks.Lake
	decoder *schema.Decoder
	yield   func(Event, error) bool
	ledger  sinks.Ledger
}

func (e *extraction) emit(v Event) error {
	if !e.yield(v, nil) {
		return errStopped
	}
	return nil
}

func (e *extraction) run(ctx context.Context) error {
	if err := e.resolveEarly(ctx); err != nil {
		return err
	}
	days := e.days()
	if e.AccountID != OwnAccount {
		if err := e.emit(Event{Planned: &Planned{AccountID: e.AccountID, Days: days}}); err != nil {
			return err
		}
	}
	for len(days) > 0 {
		u := nextUnit(days, e.ledger, e.Sizing, e.Now)
		days = days[len(u.Days):]
		if !u.From.Before(u.To) {
			continue // the first minute of today
		}
		err := e.unit(ctx, u, len(days))
		if err == nil {
			continue
		}
		if errors.Is(err, errStopped) || ctx.Err() != nil || stopsAll(err) {
			return err
		}
		if err := e.emit(Event{Failed: &DaysFailed{Days: u.Days, Err: err}}); err != nil {
			return err
		}
	}
	return nil
}

// resolveEarly reads the ledger where the account is known before the first page. Without a window the owed days depend on
// the account's ledger, so if the lake holds any account RingCentral is asked which one this is.
func (e *extraction) resolveEarly(ctx context.Context) error {
	e.ledger = sinks.Ledger{}
	if e.AccountID == OwnAccount && e.Window == nil {
		held, err := e.lake.Accounts(ctx)
		if err != nil {
			return err
		}
		if len(held) > 0 {
			if e.AccountID, err = e.client.AccountID(ctx); err != nil {
				return fmt.Errorf("which account is this? (or give --account-id): %w", err)
			}
		}
	}
	if e.AccountID == OwnAccount {
		return nil
	}
	var err error
	e.ledger, err = e.lake.Ledger(ctx, e.AccountID, CallLogStream)
	return err
}

func (e *extraction) days() []arrow.Date32 {
	if e.Window != nil {
		return e.Window.Days()
	}
	return Owed(e.ledger, e.Since, e.Lookback, e.Now)
}

// stopsAll reports whether the other units would fail for the same reason.
func stopsAll(err error) bool {
	var refused *ringcentral.Error
	if errors.As(err, &refused) {
		return refused.CredentialsRefused() || refused.PermissionMissing() || refused.Temporary()
	}
	var lake *lakeError
	return errors.As(err, &lake)
}

// lakeError is a failure of the lake, not of the source.
type lakeError struct{ err error }

func (e *lakeError) Error() string { return e.err.Error() }
func (e *lakeError) Unwrap() error { return e.err }

// unit reads one unit and brings its days into the lake. left is how many days come after it.
func (e *extraction) unit(ctx context.Context, u Unit, left int) error {
	read, pages, readAt, err := e.read(ctx, u)
	if err != nil {
		return fmt.Errorf("days %s: %w", Window{u.Days[0], u.Days[len(u.Days)-1] + 1}, err)
	}
	rejected := e.reject(ctx, read, readAt)
	noted := sinks.Ledger{}
	for _, day := range u.Days {
		outcome, err := e.lake.ReplaceDay(ctx, e.AccountID, day, schema.CallLog().Schema(), read, e.ledger[day])
		if err != nil {
			err = &lakeError{fmt.Errorf("day %s: %w", day.FormattedString(), err)}
			return errors.Join(err, e.note(ctx, noted))
		}
		noted[day] = ledgerDay(outcome, day, read, pages, readAt, e.Lookback)
		if err := e.emit(Event{Day: &DayDone{AccountID: e.AccountID, Day: day, Outcome: outcome}}); err != nil {
			return err
		}
	}
	return errors.Join(rejected, e.note(ctx, noted))
}

func ledgerDay(o sinks.Outcome, day arrow.Date32, read *sinks.Read, pages int, readAt time.Time, lookback time.Duration) sinks.LedgerDay {
	return sinks.LedgerDay{
		ReadAt: readAt.UTC().Truncate(time.Millisecond), How: "list", Pages: pages, Records: read.Rows(&day),
		Rows: o.Rows, Bytes: o.Bytes, ContentHash: o.ContentHash, SHA256: o.SHA256,
		Closed: true, Settled: Settled(day, readAt, lookback),
	}
}

// note writes days to the ledger, in the lake and in memory. It finishes also when the run was interrupted after the
// partitions were replaced, so that the next run need not read them again.
func (e *extraction) note(ctx context.Context, noted sinks.Ledger) error {
	if len(noted) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := e.lake.WriteLedger(ctx, e.AccountID, CallLogStream, noted); err != nil {
		return &lakeError{err}
	}
	for day, held := range noted {
		e.ledger[day] = held
	}
	return nil
}

// read reads the unit's window to its end. readAt is when the first page was asked for.
func (e *extraction) read(ctx context.Context, u Unit) (read *sinks.Read, pages int, readAt time.Time, err error) {
	read = sinks.NewRead(calls)
	for page, err := range e.client.CallLog(ctx, e.AccountID, u.From, u.To, &ringcentral.CallLogOptions{PerPage: e.perPage()}) {
		if err != nil {
			return nil, 0, readAt, err
		}
		if pages++; pages == 1 {
			readAt = page.ReadAt
			if err := e.resolve(ctx, page.AccountID); err != nil {
				return nil, 0, readAt, err
			}
		}
		if err := e.decode(page, read); err != nil {
			return nil, 0, readAt, err
		}
		progress := &PageRead{Number: page.Number, Records: page.Records, Bytes: len(page.Body)}
		if err := e.emit(Event{Page: progress}); err != nil {
			return nil, 0, readAt, err
		}
	}
	return read, pages, readAt, nil
}

func (e *extraction) decode(page ringcentral.Page, read *sinks.Read) error {
	if _, err := e.decoder.Append(page.Body); err != nil {
		return fmt.Errorf("page %d (request %s): %w", page.Number, page.RequestID, err)
	}
	if err := read.Append(e.decoder.Batch()); err != nil {
		return fmt.Errorf("page %d (request %s): %w", page.Number, page.RequestID, err)
	}
	return nil
}

// resolve fixes the account with the first page, and checks every later window against it.
func (e *extraction) resolve(ctx context.Context, said string) (err error) {
	if e.AccountID != OwnAccount {
		if said != "" && said != e.AccountID {
			return fmt.Errorf("RingCentral answers for account %s, not for %s: check --account-id and whose RC_USER_JWT this is", said, e.AccountID)
		}
		return nil
	}
	if said == "" {
		if said, err = e.client.AccountID(ctx); err != nil {
			return fmt.Errorf("which account is this? (or give --account-id): %w", err)
		}
	}
	e.AccountID = said
	if e.ledger, err = e.lake.Ledger(ctx, said, CallLogStream); err != nil {
		return &lakeError{err}
	}
	return e.emit(Event{Planned: &Planned{AccountID: said, Days: e.days()}})
}

// reject keeps the records that have no place in the table and says how many they are.
func (e *extraction) reject(ctx context.Context, read *sinks.Read, readAt time.Time) error {
	var lines bytes.Buffer
	n := 0
	err := read.EachUnplaced(func(batch arrow.RecordBatch, row int) error {
		enc, err := schema.NewEncoder(schema.CallLog(), batch)
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
	event, err := keepRejected(ctx, e.lake, e.AccountID, e.RunID, readAt, n, lines.Bytes())
	if err != nil {
		return &lakeError{err}
	}
	return e.emit(event)
}

// keepRejected writes records that have no place in the table beside it, and says where they are.
func keepRejected(ctx context.Context, lake *sinks.Lake, account, runID string, at time.Time, n int, lines []byte) (Event, error) {
	name := at.UTC().Format("20060102T150405.000Z") + "-" + runID
	key, err := lake.WriteRejected(ctx, account, CallLogStream, name, lines)
	return Event{Failed: &DaysFailed{Err: fmt.Errorf("%w: %d of them, in %s", ErrRejected, n, key)}}, err
}
