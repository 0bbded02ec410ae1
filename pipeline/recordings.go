package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// # Recordings
//
// The calls that the lake holds name the recordings, so the stream follows the lake's own call log: a day of it is owed until the
// ledger says that all that its calls name, by their content hash, was settled: that the audio is in the lake, that RingCentral does not have it
// any more, or that it is not to be here. A day whose calls change is looked at again, and costs requests for what is new in it only.
//
//  1. Of each recording the bytes come into a part on local disk. A connection that breaks is followed by a request for the rest, and so is
//     a run that ended: the next one on this machine goes on where it ended.
//  2. The audio is uploaded as one object, named by the recording. Where the object is there already nothing is fetched, so that a
//     run that was killed between this step and the next, or a call that moved to another day, costs no byte twice.
//  3. The rows come into the day's partition by the merge of all streams, some at a time.
//  4. The ledger notes the day. If something of it is open it is noted as not closed, and the next run looks at it again.
//
// Rows are trunkline's own records, so there is nothing to archive, and a replay leaves this stream alone: lost partitions are made
// again by a run with the days, of the audio that is there.

// RecordingsStream is the name of the stream and table of the audio of calls.
const RecordingsStream = "recordings"

// howCalls marks a day that follows the call log's.
const howCalls = "calls"

const (
	// recordingsKept is how long RingCentral keeps recordings, those of most accounts: older ones are asked for last.
	recordingsKept = 90 * 24 * time.Hour
	// youngAudio is how long after the start of its call a recording that is not there may yet come.
	youngAudio = 24 * time.Hour
	// recordingsAtOnce is how many recordings are settled between two writings of their day.
	recordingsAtOnce = 100
	// failuresInARow is how many recordings one after the other fail for the moment until the others are not tried.
	failuresInARow = 3
)

// ErrAudio says that recordings were asked for under a privacy policy that does not speak of them.
var ErrAudio = errors.New("recordings: --privacy takes something away that is said aloud in the audio; name it as kept, by --privacy audio=keep, or leave recordings out of --streams")

// RecordingDone is one recording that was settled.
type RecordingDone struct {
	Bytes  int64 // of audio that was fetched; -1 if the lake had it already
	Gone   bool  // RingCentral does not have it any more
	Erased bool  // somebody who was erased takes part in the call
}

// unfollowed lists the days of which recordings are to be looked at: those of the window, or those whose calls are others than were followed.
// What RingCentral still has comes first, the oldest before the others.
func unfollowed(calls, held sinks.Ledger, w *Window, now time.Time) []arrow.Date32 {
	var kept, old []arrow.Date32
	for _, d := range calls.Days() {
		if calls[d].ContentHash == "" {
			continue
		}
		owed := !held[d].Closed || held[d].Of != calls[d].ContentHash
		switch {
		case w != nil && (d < w.From || d >= w.To), w == nil && !owed:
		case dayStart(d + 1).Before(now.Add(-recordingsKept)):
			old = append(old, d)
		default:
			kept = append(kept, d)
		}
	}
	slices.Reverse(old)
	return append(kept, old...)
}

// recordings settles what the calls of the owed days name.
func (e *extraction) recordings(ctx context.Context) error {
	if err := e.accountKnown(ctx); err != nil {
		return err
	}
	calls, err := e.lake.Ledger(ctx, e.AccountID, CallLogStream)
	if err != nil {
		return &lakeError{err}
	}
	days := unfollowed(calls, e.ledger, e.Window, e.Now)
	if err := e.emit(Event{Planned: &Planned{AccountID: e.AccountID, Days: days, Unknown: len(days)}}); err != nil {
		return err
	}
	if len(calls) == 0 {
		return e.warn("recordings are those that the calls of the lake name, and the lake holds no calls of account %s; name call_log in --streams, too", e.AccountID)
	}
	for _, day := range days {
		err := e.recordingsOf(ctx, day, calls[day])
		if isDamaged(err) {
			err = e.emit(Event{Failed: &DaysFailed{Days: []arrow.Date32{day}, Err: damagedOn(day, err)}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// damagedOn is the error of a day that cannot be read. What is damaged of recordings itself is made again, and from no archive.
func damagedOn(day arrow.Date32, err error) error {
	var damaged *sinks.DamagedError
	if errors.As(err, &damaged) && strings.HasPrefix(damaged.Key, RecordingsStream+"/") {
		w := Window{From: day, To: day + 1}
		return fmt.Errorf("%s is damaged: %w; move it away, then `trunkline run --streams %s --from %s --to %s` makes it again, of the audio that is there",
			damaged.Key, damaged.Err, RecordingsStream, w.From.FormattedString(), w.To.FormattedString())
	}
	return fmt.Errorf("day %s: %w", day.FormattedString(), err)
}

// audioDay is one day of recordings while it is settled.
type audioDay struct {
	day   arrow.Date32
	calls sinks.LedgerDay // of the call log's day
	named map[string]namedRecording
	held  map[string]recording
	began time.Time

	left    int   // of those to be settled, that are not yet
	failed  int   // of these, that could not be settled: the others may yet come
	first   error // of these
	inARow  int   // failures
	stopped error // why no more are tried
}

// recordingsOf settles the recordings of one day.
func (e *extraction) recordingsOf(ctx context.Context, day arrow.Date32, calls sinks.LedgerDay) error {
	r, err := e.newRead(ctx)
	if err != nil {
		return &lakeError{err}
	}
	d := &audioDay{day: day, calls: calls, began: e.clock()}
	e.privacy.at = d.began
	if d.named, err = e.namedOn(ctx, day); err != nil {
		return err
	}
	if d.held, err = heldRecordings(ctx, e.lake, e.AccountID, day); err != nil {
		return err
	}
	todo, err := e.unsettled(ctx, d)
	if err != nil {
		return err
	}
	d.left = len(todo)
	switch isBooked := e.ledger[day].ContentHash != "" || len(d.held) == 0; {
	case d.left == 0 && isBooked:
		return e.nothingNew(ctx, d)
	case d.left == 0: // a ledger that was lost learns what there is
		return e.settleSome(ctx, d, r, nil)
	}
	for chunk := range slices.Chunk(todo, recordingsAtOnce) {
		if err := e.settleSome(ctx, d, r, chunk); err != nil {
			return err
		}
		if d.stopped != nil {
			return d.stopped
		}
		r = &closedRead{rows: sinks.NewRead(e.stream.Table)}
	}
	if d.failed == 0 {
		return nil
	}
	return e.emit(Event{Failed: &DaysFailed{Days: []arrow.Date32{day}, Err: fmt.Errorf("day %s: %d of %d recordings did not come; the first: %w",
		day.FormattedString(), d.failed, len(todo), d.first)}})
}

// unsettled lists the recordings of a day that are to be asked for, or whose row says something else than their calls do now.
func (e *extraction) unsettled(ctx context.Context, d *audioDay) ([]recording, error) {
	var beside map[string]recording
	var out []recording
	for _, id := range slices.Sorted(maps.Keys(d.named)) {
		named, held := d.named[id], d.held[id]
		if held.ID == "" {
			if beside == nil {
				var err error
				if beside, err = e.besideRecordings(ctx, d.day); err != nil {
					return nil, err
				}
			}
			held = beside[id]
		}
		if held.settled() && (!named.erased || held.ErasedAt != "") {
			there, err := e.isThere(ctx, held)
			switch {
			case err != nil:
				return nil, err
			case there && (held.isOf(named) || held.elsewhere):
				continue
			case !there:
				held = recording{}
			}
		} else {
			held = recording{}
		}
		out = append(out, held.of(named))
	}
	slices.SortStableFunc(out, func(a, b recording) int { return cmp.Compare(a.StartTime, b.StartTime) })
	return out, nil
}

// isThere looks, where days are named, whether the audio of a row is still there: so a lost one is fetched again.
func (e *extraction) isThere(ctx context.Context, r recording) (bool, error) {
	if e.Window == nil || r.Object == "" {
		return true, nil
	}
	there, err := e.lake.HasAudio(ctx, r.Object)
	if err != nil {
		return false, &lakeError{err}
	}
	return there, nil
}

// nothingNew books a day all of whose recordings are settled.
func (e *extraction) nothingNew(ctx context.Context, d *audioDay) error {
	known := e.ledger[d.day]
	out := sinks.Outcome{Rows: known.Rows, Bytes: known.Bytes, ContentHash: known.ContentHash, SHA256: known.SHA256, Policy: known.Policy, Held: -1}
	e.following = d
	e.note(d.day, e.followed(out))
	if err := e.emit(Event{Day: &DayDone{AccountID: e.AccountID, Day: d.day, Outcome: out}}); err != nil {
		return err
	}
	return e.pause(ctx)
}

// settleSome settles some recordings of a day and brings their rows into it. What could not be settled is left for the next run.
func (e *extraction) settleSome(ctx context.Context, d *audioDay, r *closedRead, todo []recording) error {
	r.readAt = e.clock()
	if err := e.intend(ctx, []arrow.Date32{d.day}, unarchived); err != nil { // an object may come before its row
		return err
	}
	var rows []recording
	for _, one := range todo {
		row, err := e.settle(ctx, one, d.named[one.ID].erased)
		if err == nil {
			rows = append(rows, row)
			d.left, d.inARow = d.left-1, 0
			continue
		}
		if ctx.Err() != nil || isFinal(err) {
			return err
		}
		if d.stopped = d.fail(one, err); d.stopped != nil {
			break
		}
	}
	e.following = d
	if err := e.decode(r.rows, recordingsPage(rows)); err != nil {
		return err
	}
	return e.bring(ctx, r, []arrow.Date32{d.day}, func(arrow.Date32) (*sinks.Read, error) { return r.rows, nil })
}

// fail notes a recording that could not be settled, and returns why the others would not fare better; nil if they may.
func (d *audioDay) fail(one recording, err error) error {
	if errors.Is(err, errYoung) {
		d.inARow = 0
		return nil
	}
	var refused *ringcentral.Error
	isTheirs := errors.As(err, &refused)
	if !isTheirs { // theirs names the address
		err = fmt.Errorf("recording %s: %w", one.ID, err)
	}
	if d.failed++; d.first == nil {
		d.first = err
	}
	if !isTheirs {
		return nil
	}
	if d.inARow++; !refused.Temporary() {
		d.inARow = 0
	}
	if refused.PermissionMissing() || d.inARow == failuresInARow {
		return err
	}
	return nil
}

// followed is what the ledger is told of a day of recordings.
func (e *extraction) followed(o sinks.Outcome) sinks.LedgerDay {
	d := e.following
	entry := sinks.LedgerDay{ReadAt: d.began.UTC().Truncate(time.Millisecond), How: howCalls, Records: len(d.named), Closed: d.left == 0}
	if entry.Closed {
		entry.Of, entry.Settled = d.calls.ContentHash, d.calls.Settled
	}
	return entry.WithContent(o)
}

// namedOn are the recordings that the calls of a day name.
func (e *extraction) namedOn(ctx context.Context, day arrow.Date32) (map[string]namedRecording, error) {
	return recordingsNamed(ctx, e.lake, e.privacy.erasure.For(schema.CallLog()), e.AccountID, day)
}

// besideRecordings are the settled recordings that the days before and after hold. Those that a call of the same day still names are elsewhere: a
// recording has one row, also where two calls name it.
func (e *extraction) besideRecordings(ctx context.Context, day arrow.Date32) (map[string]recording, error) {
	out := map[string]recording{}
	for _, beside := range []arrow.Date32{day - 1, day + 1} {
		rows, err := heldRecordings(ctx, e.lake, e.AccountID, beside)
		if err != nil || len(rows) == 0 {
			if isDamaged(err) || err == nil {
				continue
			}
			return nil, err
		}
		named, err := e.namedOn(ctx, beside)
		if err != nil && !isDamaged(err) {
			return nil, err
		}
		for id, r := range rows {
			_, r.elsewhere = named[id]
			out[id] = r
		}
	}
	return out, nil
}
