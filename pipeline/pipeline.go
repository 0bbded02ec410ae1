// Package pipeline is the hub: the only package that knows the order of things. It joins the source (ringcentral), the
// contract of rows (schema), the lake (sinks) and the models (sql), which do not know each other.
//
// # Extraction
//
// The plan is a list of days: those of an explicit window, or those that are owed (see Owed). Days are read oldest
// first, since RingCentral forgets the oldest first. Neighbouring days are joined into units of about five full pages,
// by what the ledger says that such days bring, so that requests are full; the first unit of an unknown account is one
// day.
//
//  1. The account id is resolved, once: the configured one, else the one in the page's own address, else the account
//     that RingCentral names for the token. Never from a record. It is known before anything is written.
//  2. Without a window, and unless the list alone is wanted, the change feed is read to its end first. What changed is
//     merged into the days from the first held one on; the feed makes no day held. Its token is kept last. Where the feed
//     is not there, or its token is refused, the list does its work.
//  3. For each unit all pages of its window are read and decoded. A window that cannot be read to its end closes nothing: its
//     days stay as the lake has them, and the other units go on, unless the reason would stop them too (a refused
//     login, a missing permission, a server that stays away).
//  4. Each day of the unit is merged into its partition, which is replaced as one object if its rows changed. Before the
//     first replacement the pages are archived, and the ledger says which days are about to be written. Records
//     of other days are dropped: their own read brings them. Records without id or start time are set aside.
//  5. The ledger notes the days. A crash before this leaves days owed, or marked: the next run looks after what they hold
//     and arrives at the same bytes.
//
// This is how the call log is read. The other streams (see streams) share all but the reading: a snapshot is all there is, once a day, and
// messages are listed extension by extension and wait on local disk by day until every extension has answered, and recordings are those that
// the lake's calls name. Extension by extension the call log is read, too, for a user who may not read the company's (see ScopeExtension),
// into a table of its own. Streams are read one after the other; one that fails alone does not keep the others away.
//
// # Replay of the archive
//
// The archived reads are folded, in the order in which they were made, in a lake of its own on local disk, with the same merge;
// then each day is brought into the lake.
//
// # Transformation
//
// A partition of a mart, one account and local date, is named by its inputs: of each table that the model reads what the local
// date depends on (the content hashes of the UTC days that it overlaps, with as many days before and after as the model's unit
// says, or of the snapshots in force on it, or what the ledger says of it; see holdings), the SQL of the model and of what it
// reads, the settings that these use, the time zone. Of a day of which the company's log has no row, extensions' own logs are the
// input. Partitions whose inputs changed are built in DuckDB from local files, a month at a time, audited, and then published one by
// one, each replaced as one object; their state is written last. A crash in between leaves partitions that are built again, to the
// same bytes.
//
// Progress is a value that is yielded; nothing here prints.
package pipeline

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

// Event is one step of progress of a stream; exactly one other field is set.
type Event struct {
	Stream  string // whose; empty: of the company's call log
	Planned *Planned
	Page    *PageRead
	Day     *DayDone
	Changed *DayChanged
	Failed  *DaysFailed
	Left    *StreamLeft
	Warning string

	Extensions *ExtensionsRead
	Recording  *RecordingDone
}

// ExtensionsRead says whose lists a reading extension by extension is made of. It is yielded once for each, before its days.
type ExtensionsRead struct {
	Answered   int // extensions that gave their list
	Extensions int // that there are
	Refused    int // that were asked and gave none
	Listing    int // requests that it took to know which there are
}

// StreamLeft says why a stream was not read.
type StreamLeft struct{ Why string }

// Planned says what an extraction is going to read of a stream. It is yielded once for each, when the account is known.
type Planned struct {
	AccountID string
	Days      []arrow.Date32
	Requests  float64 // expected, of the units of which something is known
	Unknown   int     // units of which nothing is known
}

// PageRead is one page that was read and decoded.
type PageRead struct {
	Number  int
	Records int
	Bytes   int
	Feed    bool // of the change feed, not of the list
}

// DayDone is one day that was read to its end and is in the lake.
type DayDone struct {
	AccountID string
	Day       arrow.Date32
	Outcome   sinks.Outcome
	Doubt     string // why the day is not held all the same; empty where it is
}

// DayChanged is one day that the change feed brought other rows to, or of which some recordings were settled.
type DayChanged struct {
	AccountID string
	Day       arrow.Date32
	Outcome   sinks.Outcome
}

// DaysFailed is days that could not be read or written; the lake has them as it had them.
type DaysFailed struct {
	Days []arrow.Date32
	Err  error
}

// Partition is one object of a table or mart.
type Partition struct {
	Table     string // `call_log`, or `marts/calls_daily`
	AccountID string
	Day       arrow.Date32 // of a mart the local date
}

// PartitionRange is the partitions of one table and account on consecutive days.
type PartitionRange struct {
	Table     string `json:"table"`
	AccountID string `json:"account_id"`
	From      string `json:"from"`
	To        string `json:"to"` // not included
}

// PartitionRanges writes partitions as ranges of days, by table and account in order.
func PartitionRanges(parts []Partition) []PartitionRange {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b Partition) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Day, b.Day))
	})
	out := []PartitionRange{}
	for _, p := range parts {
		day, next := p.Day.FormattedString(), (p.Day + 1).FormattedString()
		if n := len(out); n > 0 && out[n-1].Table == p.Table && out[n-1].AccountID == p.AccountID && out[n-1].To == day {
			out[n-1].To = next
			continue
		}
		out = append(out, PartitionRange{Table: p.Table, AccountID: p.AccountID, From: day, To: next})
	}
	return out
}

// Tally adds up the events of a run. What it says of days, pages, records, rows and bytes is of the call log, the company's or
// that of its extensions.
type Tally struct {
	AccountID string
	CallLog   *ExtensionsRead // whose call log was read, extension by extension; nil: the company's, or none
	Streams   []StreamTally   // the others that were to be read, in order
	Requests  []Spending      // of all streams that were to be read, in order
	Planned   []arrow.Date32
	Done      []arrow.Date32
	Doubtful  []arrow.Date32 // done, but not held: RingCentral may have forgotten them
	Changed   []Partition    // that were replaced, of all tables
	Failed    []arrow.Date32
	Errs      []error
	Warnings  []string
	Pages     int
	Records   int   // as received, repeated ones included
	Rows      int64 // that the days done hold now
	Bytes     int64 // of the days done
	PageBytes int64 // of JSON, as received
}

// Spending is what a stream's pages were expected to cost and what they cost, in requests; logins, repetitions and the change
// feed aside.
type Spending struct {
	Stream    string `json:"stream"`
	Predicted *int   `json:"predicted,omitempty"` // nil where nothing was known of some
	Spent     int    `json:"spent"`
}

func (t *Tally) spending(stream string) *Spending {
	stream = cmp.Or(stream, CallLogStream)
	for i := range t.Requests {
		if t.Requests[i].Stream == stream {
			return &t.Requests[i]
		}
	}
	t.Requests = append(t.Requests, Spending{Stream: stream})
	return &t.Requests[len(t.Requests)-1]
}

// spend counts the requests that an event tells of.
func (t *Tally) spend(e Event) {
	switch {
	case e.Planned != nil:
		s := t.spending(e.Stream)
		if s.Predicted = nil; e.Planned.Unknown == 0 {
			n := int(math.Round(e.Planned.Requests))
			s.Predicted = &n
		}
	case e.Page != nil && !e.Page.Feed:
		t.spending(e.Stream).Spent++
	case e.Extensions != nil:
		t.spending(e.Stream).Spent += e.Extensions.Listing + e.Extensions.Refused
	case e.Recording != nil && (e.Recording.Gone || e.Recording.Bytes >= 0):
		t.spending(e.Stream).Spent++
	}
}

// StreamTally adds up the events of a stream.
type StreamTally struct {
	Stream  string `json:"stream"`
	Days    int    `json:"days"`           // that were read to their end
	Changed int    `json:"changed"`        // partitions that were replaced
	Records int    `json:"records"`        // as received, repeated ones included
	Rows    int64  `json:"rows"`           // that the days read hold now
	Left    string `json:"left,omitempty"` // why it was not read

	// Of recordings, what the run did.
	Fetched    int   `json:"fetched,omitempty"`     // that were brought into the lake
	AudioBytes int64 `json:"audio_bytes,omitempty"` // of these
	Gone       int   `json:"gone,omitempty"`        // that RingCentral does not have any more
	Erased     int   `json:"erased,omitempty"`      // that somebody who was erased takes part in
}

func (t *Tally) stream(name string) *StreamTally {
	for i := range t.Streams {
		if t.Streams[i].Stream == name {
			return &t.Streams[i]
		}
	}
	t.Streams = append(t.Streams, StreamTally{Stream: name})
	return &t.Streams[len(t.Streams)-1]
}

// addTo counts one event of another stream than the call log.
func (t *Tally) addTo(s *StreamTally, e Event) {
	switch {
	case e.Planned != nil:
		t.AccountID = e.Planned.AccountID
	case e.Page != nil:
		s.Records += e.Page.Records
	case e.Day != nil:
		s.Days++
		s.Rows += e.Day.Outcome.Rows
		before := len(t.Changed)
		t.changed(s.Stream, e.Day.AccountID, e.Day.Day, e.Day.Outcome)
		s.Changed += len(t.Changed) - before
	case e.Changed != nil:
		before := len(t.Changed)
		t.changed(s.Stream, e.Changed.AccountID, e.Changed.Day, e.Changed.Outcome)
		s.Changed += len(t.Changed) - before
	case e.Left != nil:
		s.Left = e.Left.Why
	case e.Recording != nil:
		s.add(*e.Recording)
	}
}

func (s *StreamTally) add(r RecordingDone) {
	switch {
	case r.Erased:
		s.Erased++
	case r.Gone:
		s.Gone++
	case r.Bytes >= 0:
		s.Fetched++
		s.AudioBytes += r.Bytes
	}
}

// Add counts one event.
func (t *Tally) Add(e Event) {
	t.spend(e)
	if !IsCallLog(e.Stream) {
		t.addTo(t.stream(e.Stream), e)
		if e.Failed == nil && e.Warning == "" {
			return
		}
	}
	switch {
	case e.Planned != nil:
		t.AccountID, t.Planned = e.Planned.AccountID, e.Planned.Days
	case e.Page != nil:
		t.Pages++
		t.Records += e.Page.Records
		t.PageBytes += int64(e.Page.Bytes)
	case e.Day != nil:
		t.Done = append(t.Done, e.Day.Day)
		if e.Day.Doubt != "" {
			t.Doubtful = append(t.Doubtful, e.Day.Day)
		}
		t.Rows += e.Day.Outcome.Rows
		t.Bytes += e.Day.Outcome.Bytes
		t.changed(cmp.Or(e.Stream, CallLogStream), e.Day.AccountID, e.Day.Day, e.Day.Outcome)
	case e.Changed != nil:
		t.AccountID = e.Changed.AccountID
		t.changed(CallLogStream, e.Changed.AccountID, e.Changed.Day, e.Changed.Outcome)
	case e.Extensions != nil:
		t.CallLog = e.Extensions
	case e.Failed != nil && !IsCallLog(e.Stream):
		t.Errs = append(t.Errs, e.Failed.Err)
	case e.Failed != nil:
		t.Failed = append(t.Failed, e.Failed.Days...)
		t.Errs = append(t.Errs, e.Failed.Err)
	case e.Warning != "":
		t.Warnings = append(t.Warnings, e.Warning)
	}
}

// changed notes the partitions that a day's outcome replaced, each once.
func (t *Tally) changed(table, account string, day arrow.Date32, o sinks.Outcome) {
	note := func(day arrow.Date32) {
		p := Partition{Table: table, AccountID: account, Day: day}
		if !slices.Contains(t.Changed, p) {
			t.Changed = append(t.Changed, p)
		}
	}
	if o.Changed {
		note(day)
	}
	for from, left := range o.Left {
		if left.Changed {
			note(from)
		}
	}
}
