package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trunkline/trunkline/sinks"
)

// Forecast is what a run is expected to ask RingCentral for of one stream. Beside all of them a run logs in, asks which account it is
// and reads the change feed, of whose pages nothing is known beforehand.
type Forecast struct {
	Stream   string
	Group    string // RingCentral's rate group that most of the requests are counted in
	Days     []arrow.Date32
	Units    []Unit  // of the call log: the windows in which its days are read
	Requests float64 // expected, a mean, of what something is known of
	Unknown  int     // requests at least beside them, of what nothing is known
}

// Forecasts tells what the extraction would ask for, stream by stream, from what the lake holds alone. Of an account that is not known,
// OwnAccount, the lake holds nothing.
func Forecasts(ctx context.Context, lake *sinks.Lake, x Extraction) ([]Forecast, error) {
	list, err := chosen(x.Streams, x.Scope)
	if err != nil {
		return nil, err
	}
	f := forecasting{Extraction: x, lake: lake, ledgers: map[string]sinks.Ledger{}}
	if f.AccountID != OwnAccount {
		if f.feed, err = lake.Feed(ctx, f.AccountID); err != nil {
			return nil, err
		}
	}
	var out []Forecast
	for _, s := range list {
		one, err := f.of(ctx, s)
		if err != nil {
			return nil, s.named(err)
		}
		f.lists = f.lists || s.Name == ExtensionsStream && len(one.Days) > 0
		out = append(out, one)
	}
	return out, nil
}

// forecasting is one Forecasts while it runs.
type forecasting struct {
	Extraction
	lake    *sinks.Lake
	feed    sinks.FeedState
	ledgers map[string]sinks.Ledger // by stream, those that were read
	lists   bool                    // the run reads the list of extensions by the way
}

func (f *forecasting) ledger(ctx context.Context, stream string) (g sinks.Ledger, err error) {
	if g, read := f.ledgers[stream]; read {
		return g, nil
	}
	if f.AccountID != OwnAccount {
		g, err = f.lake.Ledger(ctx, f.AccountID, stream)
	}
	f.ledgers[stream] = g
	return g, err
}

func (f *forecasting) of(ctx context.Context, s stream) (Forecast, error) {
	out := Forecast{Stream: s.Name, Group: s.group}
	g, err := f.ledger(ctx, s.Name)
	if err != nil {
		return out, err
	}
	switch out.Days = f.wanted(s, g, f.feed); s.byWhat {
	case bySnapshot:
		if len(out.Days) > 0 {
			out.Requests, out.Unknown = expectSnapshot(g)
		}
	case byExtension:
		err = f.byExtension(ctx, s, g, &out)
	case byWindow:
		if f.Window == nil && f.Strategy == StrategyFeed {
			out.Days = nil // the feed has no days
		}
		out.Units = Units(out.Days, g, f.Sizing, f.Now)
		out.Requests, out.Unknown = expectUnits(out.Units)
	case byCall:
		err = f.byCall(ctx, g, &out)
	}
	return out, err
}

// byExtension expects a list for each extension, and the list of extensions where nothing else of the run reads it.
func (f *forecasting) byExtension(ctx context.Context, s stream, g sinks.Ledger, out *Forecast) error {
	u := unitOf(out.Days, f.Now)
	if len(out.Days) == 0 || !u.From.Before(u.To) {
		out.Days = nil
		return nil
	}
	extensions, err := f.ledger(ctx, ExtensionsStream)
	if err != nil {
		return err
	}
	owners, known, err := ownersHeld(ctx, f.lake, f.AccountID, extensions)
	if err != nil {
		return err
	}
	if known {
		out.Requests = s.expectLists(owners, out.Days, g, f.Sizing)
		requests := out.Requests
		u.Requests = &requests
	} else {
		out.Unknown = 1
	}
	if s.isCallLog() {
		out.Units = []Unit{u}
	}
	if !f.lists {
		requests, unknown := expectSnapshot(extensions)
		out.Requests, out.Unknown = out.Requests+requests, out.Unknown+unknown
	}
	return nil
}

// byCall expects a request for each recording that the held calls name and that was not settled yet. What the days bring that the run reads
// first is not known.
func (f *forecasting) byCall(ctx context.Context, g sinks.Ledger, out *Forecast) error {
	held, err := f.ledger(ctx, CallLogStream)
	if err != nil {
		return err
	}
	out.Days = unfollowed(held, g, f.Window, f.Now)
	for _, day := range out.Days {
		named, err := recordingsNamed(ctx, f.lake, nil, f.AccountID, day)
		if err != nil {
			return err
		}
		settled, err := heldRecordings(ctx, f.lake, f.AccountID, day)
		if err != nil {
			return err
		}
		for id := range named {
			if !settled[id].settled() {
				out.Requests++
			}
		}
	}
	if len(f.wanted(calls, held, f.feed)) > 0 {
		out.Unknown = 1
	}
	return nil
}

// wanted lists the days of a stream that are to be read: today where it is a snapshot; else the window, or what is owed; of what is read
// extension by extension also the days between, since one list is of them all.
func (x Extraction) wanted(s stream, g sinks.Ledger, feed sinks.FeedState) []arrow.Date32 {
	switch {
	case s.byWhat == bySnapshot:
		now := x.Now
		if x.Clock != nil {
			now = x.Clock()
		}
		if today := dayOf(now); !g[today].Closed || x.PollAnyway {
			return []arrow.Date32{today}
		}
		return nil
	case x.Window != nil:
		return x.Window.Days()
	case s.byWhat == byExtension:
		days := Owed(g, sinks.FeedState{}, x.Terms, x.Now) // the feed tells of the company's calls alone
		if len(days) > 0 {
			days = Window{days[0], days[len(days)-1] + 1}.Days()
		}
		return days
	case x.Strategy == StrategyList:
		feed.SyncToken = ""
	}
	return Owed(g, feed, x.Terms, x.Now)
}

// lastRead is the last day that was read to its end.
func lastRead(g sinks.Ledger) (last sinks.LedgerDay) {
	for _, held := range g {
		if held.Closed && !held.ReadAt.Before(last.ReadAt) {
			last = held
		}
	}
	return last
}

// expectSnapshot: as many requests as the last snapshot took; before there is one, at least one.
func expectSnapshot(g sinks.Ledger) (requests float64, unknown int) {
	if last := lastRead(g); last.Pages > 0 {
		return float64(last.Pages), 0
	}
	return 0, 1
}

// expectUnits adds up what is expected of units; of one of which nothing is known, at least one request.
func expectUnits(units []Unit) (requests float64, unknown int) {
	for _, u := range units {
		switch {
		case !u.From.Before(u.To): // the first minute of today: it is not read
		case u.Requests == nil:
			unknown++
		default:
			requests += *u.Requests
		}
	}
	return requests, unknown
}

// expectLists: a page for each extension, and more where their lists are long. Few have most of the records: how many an extension has is taken
// for as uncertain as it is large. Where the last reading got the user's own list alone, so will the next one, after as many refusals.
func (s stream) expectLists(owners int, days []arrow.Date32, g sinks.Ledger, size Sizing) float64 {
	refused := 0
	if s.patience > 0 && lastRead(g).Answered == 1 && owners > 1 {
		refused = min(s.patience, owners-1)
		owners = 1
	}
	if !s.isCallLog() {
		size.CallsPerDay = 0 // it says nothing of other records
	}
	mean := 0.0
	for _, d := range days {
		mean += expected(d, g, size).records / float64(max(1, owners))
	}
	return float64(owners)*meanPages(mean, mean*mean, size.perPage()) + float64(refused)
}

// ownersHeld counts the extensions that can have records of their own, in the last snapshot that the lake holds.
func ownersHeld(ctx context.Context, lake *sinks.Lake, account string, g sinks.Ledger) (n int, known bool, err error) {
	days := g.Days()
	slices.Reverse(days)
	for _, day := range days {
		if g[day].ContentHash == "" {
			continue
		}
		batch, found, err := lake.ReadDay(ctx, ExtensionsStream, account, day)
		if err != nil || !found {
			return 0, false, err
		}
		types, ok := batch.Column(batch.Schema().FieldIndices("type")[0]).(*array.String)
		if !ok {
			return 0, false, fmt.Errorf("snapshot of %s: the types are not text", day.FormattedString())
		}
		for row := range types.Len() {
			if !slices.Contains(ownNothing, types.Value(row)) {
				n++
			}
		}
		return n, true, nil
	}
	return 0, false, nil
}
