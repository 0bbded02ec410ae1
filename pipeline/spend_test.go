package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// TestPlanPredictsWhatRunSpends: for a month of 2,000 calls a working day the requests that are planned are those that are spent, within 5 %,
// for a lake that holds four weeks and for an empty one that is told what to expect.
func TestPlanPredictsWhatRunSpends(t *testing.T) {
	if raced {
		t.Skip("it takes minutes with the race detector, which has nothing to find in it: .ci/run runs it without")
	}
	for _, tc := range []struct {
		seed  int64
		held  int
		calls int
	}{{2, 28, 0}, {1, 28, 0}, {3, 0, 2000}} {
		t.Run(fmt.Sprintf("seed %d, %d days held, %d calls a day", tc.seed, tc.held, tc.calls), func(t *testing.T) {
			now := clock("2026-11-24T06:00:00Z")
			o := simulator.Options{Population: simulator.Population{Seed: tc.seed, Extensions: 50, CallsPerDay: 2000}, HeavyLimit: 6000}
			g := visit(t, host(t, o, &now), &now)
			lake, last := g.open(), dayOf(now)
			month := Window{last - 30, last}
			held := sinks.Ledger{}
			for d := month.From - 28; d < month.From && tc.held > 0; d++ {
				entry := sinks.LedgerDay{Closed: true, ReadAt: now}
				for range g.sim.Records(dayStart(d), dayStart(d+1)) {
					entry.Records++
				}
				held[d] = entry
			}
			if err := lake.WriteLedger(t.Context(), g.sim.AccountID(), CallLogStream, held, nil); err != nil {
				t.Fatal(err)
			}
			x := reading(&month)
			x.NoArchive, x.CallsPerDay = true, tc.calls
			planned := 0.0
			for _, u := range Units(month.Days(), held, x.Sizing, now) {
				planned += *u.Requests
			}
			tally, err := g.extract(lake, x)
			if err != nil {
				t.Fatal(err)
			}
			spent := len(g.lists())
			t.Logf("%.1f requests planned, %d spent for %d records", planned, spent, tally.Records)
			if off := math.Abs(planned-float64(spent)) / float64(spent); off > 0.05 || len(tally.Done) != 30 {
				t.Errorf("%.1f requests planned, %d spent, %d days", planned, spent, len(tally.Done))
			}
		})
	}
}

// TestMemoryDoesNotGrowWithHistory: what a backfill of a hundred days keeps alive when the last page of a unit has come is within 10 % of
// what one of ten days does. All days are equally busy, so that units are, too.
func TestMemoryDoesNotGrowWithHistory(t *testing.T) {
	if raced {
		t.Skip("the race detector has its own memory: .ci/run runs it without")
	}
	now := clock("2026-11-24T06:00:00Z")
	last := dayOf(now)
	g := visit(t, host(t, simulator.Options{HeavyLimit: 6000, Recorded: equalDays(t, Window{last - 107, last})}, &now), &now)
	g.peak(Window{last - 10, last}) // fills pools and caches
	ten, hundred := g.peak(Window{last - 10, last}), g.peak(Window{last - 100, last})
	t.Logf("%d kB for 10 days, %d kB for 100", ten>>10, hundred>>10)
	if ten < 1<<20 || float64(hundred) > 1.1*float64(ten) {
		t.Errorf("%d bytes for 10 days, %d for 100", ten, hundred)
	}
}

// equalDays are days with the same 100 calls each, but for their dates and ids.
func equalDays(t testing.TB, w Window) []simulator.Recording {
	t.Helper()
	now := clock("2026-11-24T06:00:00Z")
	busy := host(t, simulator.Options{Population: simulator.Population{Seed: 1, Extensions: 12, CallsPerDay: 300}}, &now)
	var calls [][]byte
	for record := range busy.Records(clock("2026-11-18T00:00:00Z"), clock("2026-11-19T00:00:00Z")) {
		if len(calls) < 100 {
			calls = append(calls, record)
		}
	}
	var out []simulator.Recording
	for d := w.From; d < w.To; d++ {
		day := bytes.ReplaceAll(bytes.Join(calls, []byte("\n")), []byte("2026-11-18"), []byte(d.FormattedString()))
		day = bytes.ReplaceAll(day, []byte(`"id":"`), fmt.Appendf(nil, `"id":"%d`, d))
		out = append(out, simulator.Recording{Name: d.FormattedString() + ".ndjson", Body: day})
	}
	return out
}

// peak is the most live memory of a backfill at the last page of its units, which have five each, over what there was before. The lake is
// empty but knows each day of the week.
func (g *guest) peak(w Window) (most uint64) {
	g.t.Helper()
	lake := openLake(g.t, g.t.TempDir())
	held := sinks.Ledger{}
	for d := w.From - 7; d < w.From; d++ {
		held[d] = sinks.LedgerDay{Closed: true, ReadAt: *g.now, Records: 100}
	}
	if err := lake.WriteLedger(g.t.Context(), g.sim.AccountID(), CallLogStream, held, nil); err != nil {
		g.t.Fatal(err)
	}
	x := reading(&w)
	x.AccountID = g.sim.AccountID() // so that what is known of it counts from the first unit on
	x.PerPage, x.Clock = 100, func() time.Time { return *g.now }
	before, days := liveMemory(), []arrow.Date32{}
	for event, err := range Extract(g.t.Context(), g.client(), lake, x) {
		if err != nil || event.Failed != nil {
			g.t.Fatal(err, event.Failed)
		}
		if event.Day != nil {
			days = append(days, event.Day.Day)
		}
		if event.Page == nil || event.Page.Number != unitPages {
			continue
		}
		if live := liveMemory(); live > before {
			most = max(most, live-before)
		}
	}
	if len(days) != len(w.Days()) {
		g.t.Errorf("only %v", Ranges(days))
	}
	return most
}

func liveMemory() uint64 {
	runtime.GC()
	runtime.GC() // pools keep what they have over one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
