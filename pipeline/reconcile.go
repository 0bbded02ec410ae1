package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// Reconciling says what to hold against the lake, and how.
type Reconciling struct {
	Expected  []Expected
	AccountID string  // "~": all accounts of the lake
	Window    *Window // nil: that of the expected interactions
	Close     Closeness
	Extra     bool  // list what the lake has beyond them, too
	Limit     int64 // bytes that may be copied from a remote lake; more is ErrCacheLimit
}

// Verdict is what became of one expected interaction, or one that nobody expected.
type Verdict struct {
	Status   string // matched, missing, different or extra
	Cause    string // why, where it can be told: one of the words below
	Detail   string // the same as a sentence
	Expected *Expected
	Found    *Interaction
}

// What a verdict's status is.
const (
	IsMatched   = "matched"
	IsMissing   = "missing"
	IsDifferent = "different"
	IsExtra     = "extra"
)

// Why an interaction is not found, or not as expected. Several of them may hold; the first one that does is told.
const (
	CauseWindow    = "outside_window"          // it lies outside the window that was asked for
	CauseDeleted   = "deleted"                 // RingCentral has deleted the call
	CauseNotHeld   = "day_not_held"            // the lake does not hold its day
	CauseTaken     = "more_than_one_candidate" // as many were expected as the lake has, and one more; or the lake has more
	CauseMasked    = "masked_number"           // there is one whose number RingCentral blots out or withholds
	CauseHours     = "hours_apart"             // there is one a whole number of hours away: a time zone was taken for another
	CauseUnsettled = "day_not_settled"         // the day was read before its late records were expected to be there
)

// Reconcile holds expected interactions against the lake: those in the order in which they were given, and then, if that is asked for, what
// the lake has beyond them, oldest first. Memory follows the expected ones and what the lake has in their window.
func Reconcile(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, x Reconciling) ([]Verdict, error) {
	w := x.window()
	// A time zone taken for another moves things by up to 14 hours.
	around := Window{From: w.From - 1, To: w.To + 1}
	held, err := readHoldings(ctx, lake, time.UTC, engine.Settings(), []string{CallLogStream, MessagesStream})
	if err != nil {
		return nil, err
	}
	held.only(x.AccountID)
	if err := held.loadWindow(ctx, lake, engine, &around, x.Limit); err != nil {
		return nil, err
	}
	found, err := interactions(ctx, engine, x.AccountID)
	if err != nil {
		return nil, err
	}
	j := judge{Reconciling: x, matched: match(x.inWindow(), found, x.Close), held: held, explains: map[int]bool{}}
	return j.verdicts(w), nil
}

// window is the one that was asked for, or the days of the expected interactions.
func (x Reconciling) window() Window {
	if x.Window != nil || len(x.Expected) == 0 {
		if x.Window != nil {
			return *x.Window
		}
		return Window{}
	}
	first, last := x.span()
	return Window{From: dayOf(first), To: dayOf(last) + 1}
}

// span is when the first and the last expected interaction were.
func (x Reconciling) span() (first, last time.Time) {
	first, last = x.Expected[0].At, x.Expected[0].At
	for _, e := range x.Expected {
		if e.At.Before(first) {
			first = e.At
		}
		if e.At.After(last) {
			last = e.At
		}
	}
	return first, last
}

// inWindow are the expected interactions of the window.
func (x Reconciling) inWindow() []Expected {
	return slices.DeleteFunc(slices.Clone(x.Expected), func(e Expected) bool { return !x.Window.has(dayOf(e.At)) })
}

// only forgets all accounts but one, unless all are meant.
func (h *holdings) only(account string) {
	if account != OwnAccount {
		h.accounts = slices.DeleteFunc(slices.Clone(h.accounts), func(a string) bool { return a != account })
	}
}

// loadWindow loads the days of calls and messages of a window.
func (h holdings) loadWindow(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, w *Window, limit int64) error {
	objects := map[string][]sinks.Object{}
	var all []sinks.Object
	for _, name := range []string{CallLogStream, MessagesStream} {
		s, _ := streamNamed(name)
		objects[name] = s.objects(h.ledgers[name], func(account string, day arrow.Date32) bool { return slices.Contains(h.accounts, account) && w.has(day) })
		all = append(all, objects[name]...)
	}
	if missing := lake.MissingBytes(all); missing > limit {
		return fmt.Errorf("%w: %d bytes of %d allowed; bound the days with --from and --to, or raise --cache-limit", ErrCacheLimit, missing, limit)
	}
	return loadTables(ctx, lake, engine, objects, h.made(nil))
}

// interactionsQuery lists calls, SMS and faxes with somebody outside, oldest first. A fax that call log and message store both have is that of
// the message store, as in the marts. Deleted calls are there, too.
const interactionsQuery = `
with parties as (
    select * from staging.message_parties where kind in ('sms', 'mms', 'fax') and not is_internal
),
deleted as (
    select *, coalesce(lower(direction), '') = 'outbound' as is_outgoing from main.call_log where coalesce(deleted, false)
)
select account_id, call_id, start_ms, case when is_fax then 'fax' else 'call' end, lower(direction), external_phone_number, duration_s, false as is_deleted
from staging.calls as calls
where not is_internal and (not is_fax or not exists (
    select 1 from parties
    where parties.account_id = calls.account_id and parties.message_id = calls.message_id and abs(parties.created_ms - calls.start_ms) <= 86400000
        and (parties.party_count = 1 or parties.external_digits = calls.external_digits)
))
union all
select account_id, message_id, created_ms, case when kind = 'fax' then 'fax' else 'sms' end, direction, external_phone_number, null, false from parties
union all
select account_id, id, epoch_ms(start_time), case when lower(type) = 'fax' then 'fax' else 'call' end, lower(direction),
    case when is_outgoing then to_phone_number else from_phone_number end, coalesce(duration, duration_ms // 1000), true
from deleted
order by 3, 1, 2, 6`

// interactions lists what is loaded.
func interactions(ctx context.Context, engine *sql.Engine, account string) (out []Interaction, err error) {
	rows, err := engine.Query(ctx, interactionsQuery)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for v, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseInt(v[2].Text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("call or message %s of account %s: its time: %w", v[1].Text, v[0].Text, err)
		}
		i := Interaction{AccountID: v[0].Text, ID: v[1].Text, At: time.UnixMilli(ms).UTC(), Kind: v[3].Text, Direction: v[4].Text, Number: v[5].Text,
			DurationS: -1, IsDeleted: v[7].Text == "true"}
		if s, err := strconv.ParseInt(v[6].Text, 10, 64); err == nil {
			i.DurationS = s
		}
		if account == OwnAccount || account == i.AccountID {
			out = append(out, i)
		}
	}
	return out, nil
}

// judge says what became of what was matched.
type judge struct {
	Reconciling
	matched
	held     holdings
	explains map[int]bool // interactions that a cause names
}

// verdicts are those of all expected interactions, and of the others of the window.
func (j judge) verdicts(w Window) []Verdict {
	var out []Verdict
	next := 0
	for i := range j.Reconciling.Expected {
		want := &j.Reconciling.Expected[i]
		if !j.Window.has(dayOf(want.At)) {
			out = append(out, Verdict{Status: IsMissing, Cause: CauseWindow, Detail: "it lies outside the window " + j.Window.String(), Expected: want})
			continue
		}
		v := j.verdict(next)
		v.Expected = want
		out, next = append(out, v), next+1
	}
	if j.Extra {
		out = append(out, j.extras(w)...)
	}
	return out
}

// verdict is that of one expected interaction of the window.
func (j judge) verdict(e int) Verdict {
	if j.with[e] < 0 {
		cause, detail := j.whyMissing(e)
		return Verdict{Status: IsMissing, Cause: cause, Detail: detail}
	}
	found := &j.interactions[j.with[e]]
	v := Verdict{Status: IsMatched, Found: found}
	if differs := j.differences(e); len(differs) > 0 {
		v.Status, v.Detail = IsDifferent, strings.Join(differs, "; ")
		return v
	}
	if more := j.alternatives(e); more > 0 {
		v.Cause, v.Detail = CauseTaken, fmt.Sprintf("the nearest of %d alike within %s", more+1, j.Close.Time)
	}
	return v
}

// differences tells what is otherwise than expected.
func (j judge) differences(e int) (out []string) {
	want, p := j.matched.expected[e], j.pair(e, j.with[e])
	found := j.interactions[j.with[e]]
	if p.otherKind {
		out = append(out, fmt.Sprintf("kind: %s, the lake has %s", want.Kind, found.Kind))
	}
	if p.otherCourse {
		out = append(out, fmt.Sprintf("direction: %s, the lake has %s", want.Direction, or(found.Direction, "none")))
	}
	if p.longer > j.Close.Duration {
		out = append(out, fmt.Sprintf("duration: %d s, the lake has %d s", want.DurationS, found.DurationS))
	}
	return out
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// alternatives counts the interactions that would have been as good and that nobody was matched with.
func (j judge) alternatives(e int) (n int) {
	for _, i := range j.near(e, 0) {
		p := j.pair(e, i)
		if j.takenBy[i] < 0 && !j.interactions[i].IsDeleted && !p.otherKind && !p.otherCourse && p.longer <= j.Close.Duration {
			n++
		}
	}
	return n
}

// extras are what the lake has in the window, of the kinds that were expected, and no expected interaction is.
func (j judge) extras(w Window) (out []Verdict) {
	kinds := map[string]bool{}
	for _, e := range j.Reconciling.Expected {
		kinds[e.Kind] = true
	}
	from, to := dayStart(w.From), dayStart(w.To)
	if first, last := j.span(); j.Window == nil {
		from, to = first.Add(-j.Close.Time), last.Add(j.Close.Time+time.Nanosecond)
	}
	for i := range j.interactions {
		found := &j.interactions[i]
		if j.takenBy[i] < 0 && !j.explains[i] && !found.IsDeleted && kinds[found.Kind] && !found.At.Before(from) && found.At.Before(to) {
			out = append(out, Verdict{Status: IsExtra, Found: found})
		}
	}
	return out
}
