package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Extraction says what to read.
type Extraction struct {
	AccountID string   // as in RingCentral's paths; "~" is the account of the login
	Window    *Window  // nil: the days that are owed
	Strategy  Strategy // how changes of the company's call log are found
	Scope     Scope    // whose call log is read; default: the company's
	Streams   []string // by name; none: the call log
	Named     bool     // they were asked for by name: one that may not be read is an error
	Terms
	Sizing
	RunID string
	Now   time.Time // of the run

	Clock       func() time.Time // nil: stands at Now
	NoArchive   bool             // pages of reads that changed something are not kept
	AllowShrink bool             // a day becomes exactly what was read of it
	PollAnyway  bool             // days that were read under five minutes ago are read again
	Policy      *schema.Policy   // what becomes of columns; nil keeps everything. Under any other no pages are kept
}

// Strategy is how changes of the call log are found.
type Strategy string

const (
	// StrategyAuto reads days that are owed from the list, and what changed in others from the change feed.
	StrategyAuto Strategy = "auto"
	// StrategyList reads days again as long as late edits are expected.
	StrategyList Strategy = "list"
	// StrategyFeed reads the change feed only, and the list where there is none. It makes no day held.
	StrategyFeed Strategy = "feed"
)

// OwnAccount is RingCentral's word for the account of the login.
const OwnAccount = "~"

// pollLimit is how long after a closed read of a day the same is not asked for again: the log is not for real time.
const pollLimit = 5 * time.Minute

// ErrRejected says that records without a usable id or start time were set aside.
var ErrRejected = errors.New("records without a usable id or startTime were set aside")

// ErrFeedWindow says that a window of days was asked of the change feed.
var ErrFeedWindow = errors.New("the change feed goes by the time of change and has no window of days: use --strategy list or auto with --from and --to")

// Extract reads the days and brings them into the lake, yielding progress. An error ends it; days that failed alone are
// events, and the others go on. What was yielded as done stays done.
func Extract(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, x Extraction) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if x.Clock == nil {
			x.Clock = func() time.Time { return x.Now }
		}
		x.Strategy = cmp.Or(x.Strategy, StrategyAuto)
		if err := extractAll(ctx, c, lake, x, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Event{}, err)
		}
	}
}

// extractAll reads the streams one after the other. Where one fails alone, the others go on.
func extractAll(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, x Extraction, yield func(Event, error) bool) error {
	list, err := chosen(x.Streams, x.Scope)
	if err != nil {
		return err
	}
	if slices.Contains(x.Streams, RecordingsStream) && !x.Policy.KeepsAudio() {
		return ErrAudio
	}
	known := &shared{}
	var errs []error
	for _, s := range list {
		e := extraction{Extraction: x, stream: s, shared: known, client: c, decoder: schema.NewDecoder(s.columns), yield: yield}
		e.booking = booking{lake: lake, stream: s, clock: x.Clock, ledger: sinks.Ledger{}}
		if err := e.run(ctx); err != nil {
			errs = append(errs, s.named(err))
			if ctx.Err() != nil || endsAll(err) {
				break
			}
		}
		x.AccountID = e.AccountID
	}
	return errors.Join(errs...)
}

// named says which stream an error is of; those of the call log go without saying.
func (s stream) named(err error) error {
	if s.isCallLog() {
		return err
	}
	return fmt.Errorf("%s: %w", s.Name, err)
}

// endsAll reports whether the streams that are left would fail for the same reason.
func endsAll(err error) bool {
	var refused *ringcentral.Error
	return isFinal(err) || errors.As(err, &refused) && refused.Temporary()
}

// shared is what the streams of one run have in common.
type shared struct {
	extensions []listed
	asked      bool // which extensions there are is known
}

// errStopped ends an extraction whose consumer wants no more events.
var errStopped = errors.New("stopped")

// extraction is one stream of an Extract while it runs.
type extraction struct {
	Extraction
	booking
	stream  stream
	shared  *shared
	client  *ringcentral.Client
	decoder *schema.Decoder
	privacy privacy
	yield   func(Event, error) bool
	feed    sinks.FeedState  // live only where it has a token
	untold  *sinks.FeedState // what became of the feed while the account was not known yet

	following *audioDay // for byCall, the day that is settled
}

func (e *extraction) emit(v Event) error {
	v.Stream = e.stream.Name
	if !e.yield(v, nil) {
		return errStopped
	}
	return nil
}

func (e *extraction) warn(format string, a ...any) error {
	return e.emit(Event{Warning: fmt.Sprintf(format, a...)})
}

// run reads the stream. One that may not be read, by RingCentral or by the privacy policy, is left out, unless it was asked for by name. The
// call log is what all of this is for: without it there is an error.
func (e *extraction) run(ctx context.Context) error {
	err := e.read(ctx)
	var refused *ringcentral.Error
	mayNot := errors.As(err, &refused) && (refused.PermissionMissing() || refused.NotFound()) || errors.Is(err, schema.ErrNoIdentity)
	switch {
	case mayNot && e.stream.Name == CallLogStream && refused != nil && refused.RoleRefused():
		return fmt.Errorf("%w; or read the log of each extension that this user may read, with --scope extension", err)
	case !mayNot, e.Named, e.stream.isCallLog():
		return err
	}
	why := err.Error()
	return errors.Join(e.emit(Event{Left: &StreamLeft{Why: why}}), e.warn("%s is left out: %s", e.stream.Name, why))
}

func (e *extraction) read(ctx context.Context) (err error) {
	if err := e.resolveEarly(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.flush(ctx)) }()
	switch e.stream.byWhat {
	case bySnapshot:
		return e.snapshots(ctx)
	case byExtension:
		return e.extensions(ctx)
	case byCall:
		return e.recordings(ctx)
	}
	return e.callLog(ctx)
}

// callLog follows the change feed and reads days from the list.
func (e *extraction) callLog(ctx context.Context) error {
	if e.Strategy == StrategyFeed && e.Window != nil {
		return ErrFeedWindow
	}
	listing := true
	if e.Window == nil && e.Strategy != StrategyList {
		needed, err := e.follow(ctx)
		if err != nil {
			if needed = true; ctx.Err() != nil || isFinal(err) {
				return err
			}
			// The feed alone may be down: what it does not tell now, the list does.
			e.feed.SyncToken = ""
			if err := e.emit(Event{Failed: &DaysFailed{Err: err}}); err != nil {
				return err
			}
		}
		listing = needed || e.Strategy == StrategyAuto
	}
	if !listing {
		return nil
	}
	return e.list(ctx)
}

// isFinal reports whether nothing of a run can succeed after this.
func isFinal(err error) bool {
	var refused *ringcentral.Error
	var lake *lakeError
	return errors.Is(err, errStopped) || errors.As(err, &lake) || errors.As(err, &refused) && refused.CredentialsRefused()
}

// list reads the days that are asked for or owed, unit by unit.
func (e *extraction) list(ctx context.Context) error {
	days, err := e.days()
	if err != nil {
		return err
	}
	if e.AccountID != OwnAccount {
		if err := e.planned(days); err != nil {
			return err
		}
	}
	for len(days) > 0 {
		u := nextUnit(days, e.ledger, e.Sizing, e.Now)
		days = days[len(u.Days):]
		if !u.From.Before(u.To) {
			continue // the first minute of today
		}
		err := e.unit(ctx, u)
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

// planned says what is going to be read and what is at risk.
func (e *extraction) planned(days []arrow.Date32) error {
	p := &Planned{AccountID: e.AccountID, Days: days}
	p.Requests, p.Unknown = expectUnits(Units(days, e.ledger, e.Sizing, e.Now))
	if err := e.emit(Event{Planned: p}); err != nil {
		return err
	}
	return e.warnAtRisk(days)
}

// warnAtRisk says what RingCentral is about to forget that neither the lake holds nor these days have.
func (e *extraction) warnAtRisk(days []arrow.Date32) error {
	if len(e.ledger) == 0 || !e.stream.forgets {
		return nil
	}
	inPlan := sinks.Ledger{}
	for d, held := range e.ledger {
		inPlan[d] = held
	}
	for _, d := range days {
		inPlan[d] = sinks.LedgerDay{Closed: true}
	}
	if risk := AtRisk(inPlan, e.Terms, e.Now); len(risk) > 0 {
		return e.warn("RingCentral is about to forget days that the lake does not hold: %s; `trunkline run%s --from %s --to %s` fetches them",
			strings.Join(Ranges(risk), ", "), e.stream.scopeFlag(), risk[0].FormattedString(), (risk[len(risk)-1] + 1).FormattedString())
	}
	return nil
}

// resolveEarly reads the ledger where the account is known before the first page. The owed days, and those that were read just now,
// depend on the account's ledger, so if the lake holds any account RingCentral is asked which one this is.
func (e *extraction) resolveEarly(ctx context.Context) error {
	if e.AccountID == OwnAccount && (e.Window == nil || !e.PollAnyway) {
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
	return e.known(ctx, e.AccountID)
}

// known reads what the lake knows of the account.
func (e *extraction) known(ctx context.Context, account string) (err error) {
	e.AccountID = account
	if err := e.open(ctx, account); err != nil {
		return err
	}
	for _, days := range e.damaged {
		if err := e.emit(Event{Failed: &days}); err != nil {
			return err
		}
	}
	e.feed, err = e.lake.Feed(ctx, account)
	return err
}

// days lists what to read: the window or what is owed, without the days that were read just now.
func (e *extraction) days() ([]arrow.Date32, error) {
	days := e.wanted(e.stream, e.ledger, e.feed)
	if e.PollAnyway {
		return days, nil
	}
	var out, recent []arrow.Date32
	for _, d := range days {
		if held := e.ledger[d]; held.Closed && e.Now.Sub(held.ReadAt) < pollLimit {
			recent = append(recent, d)
			continue
		}
		out = append(out, d)
	}
	if len(recent) == 0 {
		return out, nil
	}
	return out, e.warn("not read again, since they were read under %d minutes ago: %s. %s", int(pollLimit.Minutes()), strings.Join(Ranges(recent), ", "), notRealTime)
}

const notRealTime = "The call log is not for real time; to follow calls as they happen use RingCentral's webhooks. --poll-anyway reads all the same"

// stopsAll reports whether the other units would fail for the same reason.
func stopsAll(err error) bool {
	if errors.Is(err, sinks.ErrConflict) {
		return false
	}
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
	if err := e.known(ctx, said); err != nil {
		return &lakeError{err}
	}
	if e.untold == nil {
		return nil
	}
	next := *e.untold
	next.GapFrom, next.GapTo, e.untold = e.feed.GapFrom, e.feed.GapTo, nil
	return e.writeFeed(ctx, next)
}
