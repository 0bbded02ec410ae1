package pipeline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// The simulation is the whole of an extraction's life under everything that RingCentral and machines do: an invented company whose
// records appear late, change, move and are deleted, faults of every kind, runs that are hourly or nightly or days apart,
// overlap, and are killed at any operation. Time, store and network are simulated, so that a seed is one history, always
// the same. After the last run the lake must hold what it can know: see simulation_check_test.go.

var (
	seeds    = flag.Int("seeds", 20, "seeds of the simulation")
	fromSeed = flag.Uint64("from", 1, "the first of them")
)

// TestSimulation: go test ./pipeline -run Simulation -seeds N -from S. Each core lives through its share of the seeds.
func TestSimulation(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and short-lived
	var failed atomic.Int64
	cores := uint64(runtime.GOMAXPROCS(0))
	t.Run("cores", func(t *testing.T) {
		for core := range cores {
			t.Run(fmt.Sprint(core), func(t *testing.T) {
				t.Parallel()
				for seed := *fromSeed + core; seed < *fromSeed+uint64(*seeds) && failed.Load() < 5; seed += cores {
					if !simulate(t, seed) {
						failed.Add(1)
						t.Errorf("seed %d fails; it alone: go test ./pipeline -run Simulation -seeds 1 -from %d", seed, seed)
					}
				}
			})
		}
	})
	if failed.Load() >= 5 {
		t.Error("five seeds have failed: the others were not tried")
	}
}

// world is one seed's company, store and time.
type world struct {
	t         testing.TB
	rng       *rand.Rand
	now       time.Time     // of the server
	skew      time.Duration // of the machine that runs
	sim       *simulator.Simulator
	store     *memory
	terms     Terms
	perPage   int
	strategy  Strategy
	faultless bool // no fault but what is being tested as one: requests are counted
	hides     bool // RingCentral refuses to show deleted records
	feedHides bool // the feed does not tell of deletions
	retention time.Duration
	reads     []seen // closed readings of days
	passes    []seen // readings of the change feed
	spent     int    // requests for the windows that were read to their end
	least     int    // that these would have taken at least
	history   []string
	faults    []string // found on the way
	scratch   string
	cache     string   // of the machine on which all of it runs
	beside    []string // streams that are read, too
	messages  []seen   // readings of days of messages
	snapshots []seen   // readings of snapshots of extensions
	uneven    bool     // runs overlapped or were killed: the archive may hold reads in another order
}

// seen is a time in which everything that was there in a day was seen; day is the first of all days for the feed.
type seen struct {
	day       arrow.Date32
	until     time.Time // calls that start later were not asked for
	began     time.Time
	ended     time.Time
	since     time.Time // of the feed: changes after it
	newlyHeld bool
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)))
}

func (w *world) pick(n int) int { return w.rng.IntN(n) }

func (w *world) note(format string, a ...any) {
	w.history = append(w.history, w.now.Format("01-02 15:04:05 ")+fmt.Sprintf(format, a...))
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), store: newMemory(), scratch: t.TempDir(), cache: t.TempDir()}
	w.now = time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC).Add(w.between(0, 48*time.Hour))
	w.strategy = []Strategy{StrategyAuto, StrategyList}[w.pick(2)]
	w.terms = Terms{Since: w.between(36*time.Hour, 96*time.Hour), Lookback: 72 * time.Hour}
	w.perPage = []int{1000, 1000, 25, 7}[w.pick(4)]
	within := 60 * time.Hour
	if w.strategy == StrategyAuto && w.chance(0.5) {
		within = 10 * 24 * time.Hour
	}
	o := &simulator.Options{
		Population: simulator.Population{
			Seed: int64(seed), Extensions: 5 + w.pick(8), CallsPerDay: 8 + w.pick(30), Location: time.UTC,
			Alive: true, ChangesWithin: within,
		},
		HeavyLimit: 10, Now: func() time.Time { return w.now }, Sleep: func(d time.Duration) { w.now = w.now.Add(d) },
	}
	o.Faults = simulator.Faults{Profile: []string{"", "mild", "hard"}[w.pick(3)], Seed: int64(seed), Tokens: w.chance(0.5)}
	w.faultless = o.Faults.Profile == ""
	if w.chance(0.2) {
		w.retention = w.between(4*24*time.Hour, 8*24*time.Hour)
		o.Retention, w.terms.Retention = w.retention, w.retention
	}
	w.hides, w.feedHides = w.chance(0.2), w.chance(0.3)
	o.RefuseShowDeleted, o.FeedHidesDeleted = w.hides, w.feedHides
	if w.chance(0.2) {
		o.Feed = []simulator.Feed{simulator.FeedMissing, simulator.FeedRefused}[w.pick(2)]
	}
	if w.chance(0.2) {
		o.FeedTokenLifetime = w.between(2*time.Hour, 50*time.Hour)
	}
	var err error
	if w.sim, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	if rand.New(rand.NewPCG(seed, 2)).IntN(3) == 0 {
		w.beside = Streams()
	}
	w.note("streams %v, strategy %s, %d a page, faults %q, retention %s, hides deleted %v and in the feed %v, feed %q, token lives %s, changes within %s",
		w.beside, w.strategy, w.perPage, o.Faults.Profile, w.retention, w.hides, w.feedHides, o.Feed, o.FeedTokenLifetime, within)
	return w
}

// Building marts takes longer than most histories: they are built and audited after every twentieth seed, and with every sixtieth in
// between, too.
const (
	martsEvery     = 20
	martsManyEvery = 60
)

// simulate lives one seed's history and reports whether the lake is right after it.
func simulate(t testing.TB, seed uint64) bool {
	w, between := newWorld(t, seed), rand.New(rand.NewPCG(seed, 3))
	for range 4 + w.pick(5) {
		w.pass()
		switch w.pick(9) {
		case 0:
			w.overlap()
		case 1, 2:
			w.uneven = true
			w.run(w.process(w.end(w.pick(60))))
		case 3:
			w.window()
		case 4:
			w.rebuild()
		default:
			w.run(w.process(-1))
		}
		if seed%martsManyEvery == 0 && between.IntN(4) == 0 {
			w.faults = append(w.faults, w.martsBetween()...)
		}
	}
	// However it ends: the next run that is left alone brings everything in order.
	w.pass()
	var last *process
	for range 4 {
		if last = w.process(-1); w.run(last) && len(last.tally.Failed)+len(last.tally.Errs) == 0 {
			break
		}
		w.now = w.now.Add(6 * time.Minute)
	}
	faults := w.check(last)
	if seed%martsEvery == 0 {
		faults = append(faults, w.checkMarts(seed%martsManyEvery == 0)...)
	}
	if len(faults) == 0 {
		return true
	}
	t.Errorf("seed %d:\n  %s\nhistory:\n  %s", seed, strings.Join(faults, "\n  "), strings.Join(w.history, "\n  "))
	return false
}

// pass lets time go by until the next run: minutes, an hour, a night, or days.
func (w *world) pass() {
	switch w.pick(6) {
	case 0:
		w.now = w.now.Add(w.between(time.Minute, 20*time.Minute))
	case 1, 2:
		w.now = w.now.Add(w.between(50*time.Minute, 70*time.Minute))
	case 3, 4:
		w.now = w.now.Add(w.between(20*time.Hour, 28*time.Hour))
	default:
		w.now = w.now.Add(w.between(24*time.Hour, 80*time.Hour))
	}
	if w.chance(0.2) {
		w.skew = w.between(-3*time.Second, 3*time.Second)
	}
}

// process is one execution of the command.
type process struct {
	*world
	x         Extraction
	left      int  // operations until it is killed; below zero: it is not
	loses     bool // it dies after the operation took effect
	dead      bool
	suspend   func()    // lets other processes go on; nil where there are none
	began     time.Time // of the window that is being read, at the server
	inWindow  int       // records of it
	asked     int       // requests for it so far
	refused   bool      // the first request of a process, where RingCentral refuses to show deleted records
	tally     Tally
	err       error
	before    sinks.Ledger
	feedState sinks.FeedState
	planned   time.Time // when the stream that is read was planned
}

func (w *world) process(left int) *process {
	return &process{world: w, left: left, loses: w.chance(0.5), x: Extraction{
		AccountID: OwnAccount, Strategy: w.strategy, Terms: w.terms, Sizing: Sizing{CallsPerDay: 20, PerPage: w.perPage},
		RunID: fmt.Sprintf("run-%d", len(w.history)), Streams: w.beside,
	}}
}

// end is after how many operations a process is killed: where there is more than the call log, some live to read that.
func (w *world) end(operations int) int {
	if w.beside != nil && operations%2 == 0 {
		return 10 * operations
	}
	return operations
}

// step is asked before each operation on the store and each request.
func (p *process) step(operation string) error {
	if p.dead {
		return errKilled
	}
	if p.left == 0 && !(p.loses && strings.HasPrefix(operation, "write")) {
		p.dead = true
		return errKilled
	}
	if p.left > 0 {
		p.left--
	}
	passes := 3 * time.Millisecond
	if uri, ok := strings.CutPrefix(operation, "request "); ok {
		passes = p.between(20*time.Millisecond, 900*time.Millisecond)
		list := strings.Contains(uri, "/call-log?")
		if list && strings.Contains(uri, "page=1&") || strings.Contains(uri, "sync?") {
			p.began = p.now
		}
		switch {
		case list && p.hides && !p.refused:
			p.refused = true
		case list:
			p.asked++
		}
	}
	p.now = p.now.Add(passes)
	if p.suspend != nil {
		p.suspend()
	}
	return nil
}

// lost is asked after a write took effect.
func (p *process) lost() bool {
	p.dead = p.dead || p.left == 0
	return p.dead
}

func (p *process) clock() time.Time { return p.now.Add(p.skew) }

func (p *process) client() (*ringcentral.Client, error) {
	id, secret, jwt := p.sim.Credentials()
	return ringcentral.New(ringcentral.Credentials{ServerURL: "http://127.0.0.1:1", ClientID: id, ClientSecret: secret, JWT: jwt},
		&ringcentral.Options{HTTPClient: &http.Client{Transport: direct{p.sim, p.step}}, Tries: 8, Clock: ringcentral.Clock{
			Now: p.clock, Sleep: func(ctx context.Context, d time.Duration) error {
				p.now = p.now.Add(d)
				if p.suspend != nil {
					p.suspend()
				}
				return ctx.Err()
			},
		}})
}

// live runs the extraction from its first operation to its last.
func (p *process) live() {
	p.x.Now, p.x.Clock = p.clock(), p.clock
	client, err := p.client()
	if err != nil {
		p.t.Fatal(err)
	}
	bucket := p.store.open(p.step, p.lost)
	defer bucket.Close()
	lake, err := sinks.Open(p.t.Context(), bucket, &sinks.LakeOptions{Scratch: p.scratch, CacheDir: p.cache})
	if err != nil {
		p.err = err
		return
	}
	defer lake.Close()
	for event, err := range Extract(p.t.Context(), client, lake, p.x) {
		if err != nil {
			p.err = err
			break
		}
		p.tally.Add(event)
		p.saw(event)
	}
	_ = client.Logout(p.t.Context()) // a dead process cannot
}

// saw notes which days were seen when.
func (p *process) saw(e Event) {
	if e.Stream != "" && e.Stream != CallLogStream {
		p.sawBeside(e)
		return
	}
	switch {
	case e.Page != nil && e.Page.Feed:
	case e.Page != nil && e.Page.Number == 1:
		p.inWindow = e.Page.Records
	case e.Page != nil:
		p.inWindow += e.Page.Records
	case e.Day != nil:
		held := p.before[e.Day.Day]
		p.reads = append(p.reads, seen{day: e.Day.Day, until: p.x.Now.Add(-settleDelay - 10*time.Second), began: p.began, ended: p.now, newlyHeld: !held.Closed && e.Day.Doubt == ""})
		if p.inWindow >= 0 {
			p.least += max(1, (p.inWindow+p.perPage-1)/p.perPage)
			p.spent += p.asked
			p.inWindow, p.asked = -1, 0
		}
	}
}

// state reads the ledger and the feed's state as they lie in the store.
func (w *world) state() (sinks.Ledger, sinks.FeedState) {
	alive := func(string) error { return nil }
	bucket := w.store.open(alive, func() bool { return false })
	defer bucket.Close()
	lake, err := sinks.Open(w.t.Context(), bucket, &sinks.LakeOptions{Scratch: w.scratch})
	if err != nil {
		w.t.Fatal(err)
	}
	defer lake.Close()
	ledger, err := lake.Ledger(w.t.Context(), w.sim.AccountID(), CallLogStream)
	if err != nil {
		w.t.Fatal(err)
	}
	feed, err := lake.Feed(w.t.Context(), w.sim.AccountID())
	if err != nil {
		w.t.Fatal(err)
	}
	return ledger, feed
}

// run lets one process live alone and reports whether it ended well.
func (w *world) run(p *process) bool {
	p.before, p.feedState = w.state()
	p.live()
	w.passed(p)
	return p.err == nil
}

// passed notes what a process, or several at once, have done to the feed.
func (w *world) passed(p *process) {
	_, after := w.state()
	if first, ok := firstHeld(p.before); ok && after.SyncToken != "" && !after.SyncTime.Equal(p.feedState.SyncTime) {
		since := after.Since
		if p.feedState.SyncToken != "" && p.feedState.Since.Equal(after.Since) {
			since = p.feedState.SyncTime
		}
		w.passes = append(w.passes, seen{day: first, since: since, began: after.SyncTime, ended: w.now})
	}
	if w.faultless && !p.dead && p.asked > 0 {
		w.faults = append(w.faults, fmt.Sprintf("%s: %d requests for a window that was not read to its end", p.x.RunID, p.asked))
	}
	w.note("%s, killed %v: planned %v, done %v, changed %d, failed %v, error %v, warnings %q", p.x.RunID, p.dead, Ranges(p.tally.Planned),
		Ranges(p.tally.Done), len(p.tally.Changed), Ranges(p.tally.Failed), errors.Join(append(p.tally.Errs, p.err)...), p.tally.Warnings)
}

// overlap lets two processes live at once, each suspended at any operation.
func (w *world) overlap() {
	w.uneven, w.faultless = true, false // two that do not know of each other may earn a penalty
	var next []func() (struct{}, bool)
	var both []*process
	for range 2 {
		p := w.process(-1)
		p.before, p.feedState = w.state()
		if w.chance(0.3) {
			p.left = w.end(w.pick(60))
		}
		resume, stop := iter.Pull(func(yield func(struct{}) bool) {
			p.suspend = func() { yield(struct{}{}) }
			p.live()
		})
		defer stop()
		next, both = append(next, resume), append(both, p)
	}
	for len(next) > 0 {
		n := w.pick(len(next))
		for range 1 + w.pick(12) {
			if _, going := next[n](); !going {
				next = append(next[:n], next[n+1:]...)
				break
			}
		}
	}
	w.note("two at once")
	for _, p := range both {
		p.suspend = nil
		w.passed(p)
	}
}

// window reads some days by name.
func (w *world) window() {
	p := w.process(-1)
	if w.chance(0.3) {
		w.uneven, p.left = true, w.pick(40)
	}
	last := dayOf(w.now)
	from := last - arrow.Date32(w.pick(6))
	p.x.Window = &Window{From: from, To: min(last+1, from+1+arrow.Date32(w.pick(3)))}
	w.run(p)
}

// rebuild folds the archive into the lake that it came from.
func (w *world) rebuild() {
	p := w.process(-1)
	if w.chance(0.3) {
		p.left = w.pick(40)
	}
	bucket := w.store.open(p.step, p.lost)
	defer bucket.Close()
	lake, err := sinks.Open(w.t.Context(), bucket, &sinks.LakeOptions{Scratch: w.scratch})
	changed := 0
	if err == nil {
		defer lake.Close()
		for event, e := range Rebuild(w.t.Context(), lake, Rebuilding{AccountID: w.sim.AccountID(), Terms: w.terms, Now: p.clock()}) {
			if err = e; err == nil && event.Day != nil && event.Day.Outcome.Changed {
				changed++
			}
		}
	}
	w.note("replay of the archive, killed %v: changed %d, error %v", p.dead, changed, err)
}
