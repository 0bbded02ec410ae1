package pipeline

import (
	"cmp"
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

// AccountStatus is what the lake holds of one account's call log: the company's or, where the lake has nothing of that one, those of
// single extensions.
type AccountStatus struct {
	AccountID string   `json:"account_id"`
	Scope     Scope    `json:"scope"`               // whose call log this is about
	FirstDay  string   `json:"first_day,omitempty"` // of the ledger
	LastDay   string   `json:"last_day,omitempty"`
	Days      int      `json:"days"`      // closed
	Imported  []string `json:"imported"`  // ranges of days that hold saved pages or changes only: RingCentral's list was not read for them
	Gaps      []string `json:"gaps"`      // ranges of days between the first and the last that hold nothing, "from to to"
	Unsettled []string `json:"unsettled"` // ranges of closed days that were not yet read after their lookback
	Unknown   []string `json:"unknown"`   // ranges of days for which RingCentral gave nothing, and may have forgotten the calls
	Partial   []string `json:"partial"`   // ranges of days near the horizon that came back short
	AtRisk    []string `json:"at_risk"`   // ranges of days that are not held and that RingCentral is about to forget
	Rows      int64    `json:"rows"`
	Bytes     int64    `json:"bytes"`
	LastRead  string   `json:"last_read,omitempty"` // when the latest closed read began
	Feed      string   `json:"feed"`                // where the change feed stands, in words

	// Policies is under which privacy policies the days with calls are: ranges of days by the policy's id, or
	// NoPolicy where everything is kept.
	Policies map[string][]string `json:"policies"`

	// Streams is what the lake holds beside that call log.
	Streams []StreamStatus `json:"streams"`

	listing
}

// listing says whose lists the last reading of a stream was made of that is read extension by extension.
type listing struct {
	Answered   int `json:"answered,omitempty"`   // extensions that gave their list
	Extensions int `json:"extensions,omitempty"` // that there were
}

// StreamStatus is what the lake holds of one stream of an account. Of a snapshot, rows are those of its last day.
type StreamStatus struct {
	Stream   string `json:"stream"`
	FirstDay string `json:"first_day,omitempty"` // that is held
	LastDay  string `json:"last_day,omitempty"`
	Days     int    `json:"days"` // held
	Rows     int64  `json:"rows"`
	Bytes    int64  `json:"bytes"`
	LastRead string `json:"last_read,omitempty"` // when the latest reading to its end began

	listing
}

// Status says what the lake holds, account by account, from the ledger alone.
func Status(ctx context.Context, lake *sinks.Lake, terms Terms, now time.Time) ([]AccountStatus, error) {
	accounts, err := lake.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	out := []AccountStatus{}
	for _, account := range accounts {
		s, err := statusOf(ctx, lake, account, terms, now)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func statusOf(ctx context.Context, lake *sinks.Lake, account string, terms Terms, now time.Time) (AccountStatus, error) {
	about, scope := calls, ScopeCompany
	ledger, err := lake.Ledger(ctx, account, about.Name)
	if err == nil && len(ledger) == 0 {
		var own sinks.Ledger
		if own, err = lake.Ledger(ctx, account, extensionCalls.Name); len(own) > 0 {
			about, scope, ledger = extensionCalls, ScopeExtension, own
		}
	}
	if err != nil {
		return AccountStatus{}, err
	}
	feed, err := lake.Feed(ctx, account)
	if err != nil {
		return AccountStatus{}, err
	}
	s := accountStatus(account, ledger)
	s.Scope, s.listing = scope, streamStatus(about, ledger).listing
	s.AtRisk, s.Feed = Ranges(AtRisk(ledger, terms, now)), feedWords(feed)
	if scope == ScopeExtension {
		s.Feed = "not followed: it tells of the company's log"
	}
	s.Streams, err = streamsStatus(ctx, lake, account, about)
	return s, err
}

// streamsStatus lists all streams but the call log that the status is about, those that were never read, too. Logs of extensions are
// listed only where there are some.
func streamsStatus(ctx context.Context, lake *sinks.Lake, account string, about stream) ([]StreamStatus, error) {
	var out []StreamStatus
	for _, stream := range streams {
		if stream.Name == about.Name {
			continue
		}
		ledger, err := lake.Ledger(ctx, account, stream.Name)
		if err != nil {
			return nil, err
		}
		if len(ledger) > 0 || stream.Name != ExtensionCallLogStream {
			out = append(out, streamStatus(stream, ledger))
		}
	}
	return out, nil
}

func streamStatus(stream stream, ledger sinks.Ledger) StreamStatus {
	s := StreamStatus{Stream: stream.Name}
	var lastRead time.Time
	for _, day := range ledger.Days() {
		held := ledger[day]
		if !held.Closed && (stream.byWhat != byCall || held.ContentHash == "") {
			continue
		}
		s.Days++
		s.FirstDay, s.LastDay = cmp.Or(s.FirstDay, day.FormattedString()), day.FormattedString()
		if stream.IsSnapshot() {
			s.Rows = 0
		}
		s.Rows += held.Rows
		s.Bytes += held.Bytes
		if !held.ReadAt.Before(lastRead) {
			lastRead, s.LastRead = held.ReadAt, held.ReadAt.UTC().Format(time.RFC3339)
			s.listing = listing{held.Answered, held.Extensions}
		}
	}
	return s
}

func feedWords(f sinks.FeedState) string {
	switch {
	case f.SyncToken != "":
		return "followed since " + f.Since.UTC().Format(time.RFC3339) + ", last read " + f.SyncTime.UTC().Format(time.RFC3339)
	case f.Unavailable != "":
		return f.Unavailable
	}
	return "not followed"
}

func accountStatus(account string, g sinks.Ledger) AccountStatus {
	s := AccountStatus{AccountID: account}
	held := g.Days()
	of := map[string][]arrow.Date32{}
	var lastRead time.Time
	if len(held) > 0 {
		first, last := held[0], held[len(held)-1]
		s.FirstDay, s.LastDay = first.FormattedString(), last.FormattedString()
		for d := first; d <= last; d++ {
			day := g[d]
			s.Rows += day.Rows
			s.Bytes += day.Bytes
			if day.Closed {
				s.Days++
			}
			if day.ReadAt.After(lastRead) {
				lastRead = day.ReadAt
			}
			kind := kindOf(day)
			of[kind] = append(of[kind], d)
		}
	}
	if !lastRead.IsZero() {
		s.LastRead = lastRead.UTC().Format(time.RFC3339)
	}
	s.Imported, s.Gaps, s.Unsettled = Ranges(of["imported"]), Ranges(of["gap"]), Ranges(of["unsettled"])
	s.Policies = policyRanges(g)
	s.Unknown, s.Partial = Ranges(of[sinks.DoubtUnknown]), Ranges(of[sinks.DoubtPartial])
	return s
}

// kindOf sorts a day of the ledger for the status.
func kindOf(day sinks.LedgerDay) string {
	switch {
	case day.Closed && day.Settled:
		return "settled"
	case day.Closed:
		return "unsettled"
	case day.Doubt != "":
		return day.Doubt
	case day.ContentHash != "":
		return "imported"
	}
	return "gap"
}

// Ranges writes days as ranges of consecutive days, "2026-11-01 to 2026-11-08", the end not included; a single day
// stands alone.
func Ranges(days []arrow.Date32) []string {
	out := []string{}
	for _, w := range runs(days) {
		if w.To == w.From+1 {
			out = append(out, w.From.FormattedString())
			continue
		}
		out = append(out, w.String())
	}
	return out
}
