package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func heavyLimiter(d *driven) *limiter {
	return &limiter{now: d.Now, group: "heavy", limit: 10, window: time.Minute, penalty: time.Minute}
}

func TestTwentyFiveRequestsTakeTheLeastTime(t *testing.T) {
	var l *limiter
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { l.guard(servePage)(w, r) })
	l = heavyLimiter(f.clock)
	c := f.client(t)
	for range 25 {
		mustRead(t, c)
	}
	// Ten at once, ten after a minute, five after another: less is not possible.
	if took := f.clock.Now().Sub(epoch); took < 2*time.Minute || took >= 3*time.Minute {
		t.Errorf("25 requests took %s", took)
	}
	if l.refused != 0 {
		t.Errorf("%d requests were refused", l.refused)
	}
}

func TestManyGoroutinesEarnNoPenalty(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var l *limiter
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 0))
			drift := func(clock *driven) {
				mu.Lock()
				defer mu.Unlock()
				clock.advance(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			f := newFake(t, nil)
			l = heavyLimiter(f.clock)
			f.Config.Handler = latency(f, drift, l, f.Config.Handler)
			c := f.client(t)
			var wg sync.WaitGroup
			for range 32 {
				wg.Go(func() {
					for range 4 {
						if err := readOne(t.Context(), c); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if l.refused != 0 {
				t.Errorf("%d requests were refused", l.refused)
			}
			if got := c.Requests(); got.Groups["Heavy"] != 128 || got.RateLimited != 0 || got.Retries != 0 {
				t.Errorf("requests: %+v", got)
			}
		})
	}
}

// latency lets time pass on the way to the server and on the way back.
func latency(f *fake, drift func(*driven), l *limiter, login http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		drift(f.clock)
		defer drift(f.clock)
		if r.URL.Path == tokenPath {
			login.ServeHTTP(w, r)
			return
		}
		l.guard(servePage)(w, r)
	})
}

// rateHeader is an answer's header.
func rateHeader(group string, limit, remaining int) http.Header {
	h := http.Header{}
	h.Set("X-Rate-Limit-Group", group)
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(remaining))
	h.Set("X-Rate-Limit-Window", "60")
	return h
}

// let lets out as many requests as the gate admits at this moment.
func let(g *gate) []*pass {
	var out []*pass
	for {
		p, _, _ := g.try(readCallLog, g.groupOf(readCallLog))
		if p == nil {
			return out
		}
		out = append(out, p)
	}
}

func TestFirstRequestGoesAlone(t *testing.T) {
	d := newDriven()
	g := newGate(d.clock(), slog.New(slog.DiscardHandler))
	out := let(g)
	if len(out) != 1 {
		t.Fatalf("%d requests before the first answer", len(out))
	}
	out[0].failed() // an answer that says nothing changes nothing
	if out = let(g); len(out) != 1 {
		t.Fatalf("%d requests after no answer", len(out))
	}
	out[0].answered(200, rateHeader("HEAVY", 10, 8))
	if out = let(g); len(out) != 8 {
		t.Errorf("%d requests with 8 remaining", len(out))
	}
}

func TestOthersShareTheRate(t *testing.T) {
	d := newDriven()
	g := newGate(d.clock(), slog.New(slog.DiscardHandler))
	let(g)[0].answered(200, rateHeader("heavy", 10, 2))
	out := let(g)
	if len(out) != 2 {
		t.Fatalf("%d requests with 2 remaining", len(out))
	}
	// The answers come in the other order; neither tells anything new.
	out[1].answered(200, rateHeader("heavy", 10, 0))
	out[0].answered(200, rateHeader("heavy", 10, 1))
	d.advance(time.Minute)
	if n := len(let(g)); n != 0 {
		t.Errorf("%d requests exactly one window later", n)
	}
	d.advance(margin)
	if n := len(let(g)); n != 10 {
		t.Errorf("%d requests after the window", n)
	}
}

func TestRequestsInFlightAreNotOthers(t *testing.T) {
	g := newGate(newDriven().clock(), slog.New(slog.DiscardHandler))
	let(g)[0].answered(200, rateHeader("heavy", 10, 5))
	out := let(g)
	out[0].answered(200, rateHeader("heavy", 10, 0)) // the server has counted the other four already
	for _, p := range out[1:] {
		p.unused()
	}
	if n := len(let(g)); n != 4 {
		t.Errorf("%d requests, want the 4 that were given back", n)
	}
}

func TestPenaltyLengths(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    time.Duration
	}{
		"seconds":               {[]string{"Retry-After", "7", "X-Rate-Limit-Window", "60"}, 7 * time.Second},
		"date":                  {[]string{"Retry-After", epoch.Add(95 * time.Second).Format(http.TimeFormat)}, 95 * time.Second},
		"date gone by":          {[]string{"Retry-After", epoch.Add(-time.Hour).Format(http.TimeFormat)}, time.Minute},
		"nonsense":              {[]string{"Retry-After", "soon"}, time.Minute},
		"window":                {[]string{"X-Rate-Limit-Window", "90"}, 90 * time.Second},
		"short window":          {[]string{"X-Rate-Limit-Window", "5"}, 30 * time.Second},
		"nothing":               {nil, time.Minute},
		"window without sense":  {[]string{"X-Rate-Limit-Window", "-60"}, time.Minute},
		"window beyond measure": {[]string{"X-Rate-Limit-Window", "99999999999"}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, inOrder(reply(429, `{"errorCode":"CMN-301"}`, c.headers...), servePage))
			client := f.client(t)
			mustRead(t, client)
			if diff := cmp.Diff([]time.Duration{c.want + margin}, f.clock.slept); diff != "" {
				t.Error(diff)
			}
			if got := client.Requests(); got.RateLimited != 1 || got.Retries != 1 || got.Total != 3 {
				t.Errorf("requests: %+v", got)
			}
		})
	}
}

func TestPenaltyHoldsAllAndIsExtended(t *testing.T) {
	const n = 5
	var mu sync.Mutex
	arrived, early := 0, 0
	var end time.Time
	all := make(chan struct{})
	var f *fake
	f = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		arrived++
		k := arrived
		if k > n+1 && f.clock.Now().Before(end) {
			early++
		}
		if k == n+1 {
			close(all)
		}
		mu.Unlock()
		if k == 1 || k > n+1 {
			reply(200, onePage, "X-Rate-Limit-Limit", "10", "X-Rate-Limit-Window", "60")(w, r)
			return
		}
		<-all // five are under way when the first is refused; each refusal starts the penalty anew
		mu.Lock()
		wait := 20 + 10*k
		end = later(end, f.clock.Now().Add(time.Duration(wait)*time.Second))
		mu.Unlock()
		reply(429, "", "Retry-After", strconv.Itoa(wait), "X-Rate-Limit-Group", "heavy")(w, r)
	})
	c := f.client(t)
	c.gate.clock.Sleep = func(ctx context.Context, d time.Duration) error {
		for c.Requests().RateLimited < n { // what is still on its way back cannot be known
			runtime.Gosched()
		}
		return f.clock.Sleep(ctx, d)
	}
	mustRead(t, c)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := readOne(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if early != 0 || arrived != 1+2*n {
		t.Errorf("%d requests, %d of them during the penalty", arrived, early)
	}
}

func TestPenaltyWithoutRateHoldsEveryGroup(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == accountPath {
			reply(200, `{"id":1}`)(w, r)
			return
		}
		reply(429, "", "Retry-After", "45")(w, r)
	})
	c := f.client(t)
	c.tries = 1
	if e := asError(t, readOne(t.Context(), c)); !e.Temporary() || e.RetryAfter != 45*time.Second {
		t.Errorf("%+v", e)
	}
	if _, err := c.AccountID(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{45*time.Second + margin}, f.clock.slept); diff != "" {
		t.Error(diff)
	}
}

func TestPenaltyOfOneGroupLeavesOthersAlone(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == accountPath {
			reply(200, `{"id":1}`)(w, r)
			return
		}
		reply(429, "", "Retry-After", "45", "X-Rate-Limit-Group", "heavy")(w, r)
	})
	c := f.client(t)
	c.tries = 1
	asError(t, readOne(t.Context(), c))
	if _, err := c.AccountID(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.clock.slept) != 0 {
		t.Errorf("waited %s", f.clock.slept)
	}
}

func TestPenaltyTooLongToWaitFor(t *testing.T) {
	f := newFake(t, reply(429, "", "Retry-After", "86400", "X-Rate-Limit-Group", "heavy"))
	c := f.client(t)
	for range 2 { // the second finds the penalty at the gate
		e := asError(t, readOne(t.Context(), c))
		if !e.Temporary() || e.RetryAfter < 23*time.Hour || e.Path != logPath {
			t.Errorf("%+v", e)
		}
	}
	if n := f.count(logPath); n != 1 || len(f.clock.slept) != 0 {
		t.Errorf("%d requests, waits %s", n, f.clock.slept)
	}
}

func TestRateLimitedForLong(t *testing.T) {
	f := newFake(t, reply(429, `{"errorCode":"CMN-301","message":"Request rate exceeded"}`))
	e := asError(t, readOne(t.Context(), f.client(t)))
	if !e.Temporary() || e.Status != 429 || e.Tries != 6 || e.Code != "CMN-301" {
		t.Errorf("%+v", e)
	}
	if n := f.count(logPath); n != 6 {
		t.Errorf("%d requests", n)
	}
}

func TestRateIsLearnt(t *testing.T) {
	f := newFake(t, reply(200, onePage, "X-Rate-Limit-Group", "mEDIUM", "X-Rate-Limit-Limit", "17",
		"X-Rate-Limit-Remaining", "16", "X-Rate-Limit-Window", "30"))
	c := f.client(t)
	if limit, window, known := c.Rate("Heavy"); limit != 10 || window != time.Minute || known {
		t.Errorf("before: %d in %s, %t", limit, window, known)
	}
	mustRead(t, c)
	if limit, window, known := c.Rate("medium"); limit != 17 || window != 30*time.Second || !known {
		t.Errorf("after: %d in %s, %t", limit, window, known)
	}
	// The answer's group goes before the documented one: 17 pass without a wait, the next waits.
	for range 16 {
		mustRead(t, c)
	}
	if len(f.clock.slept) != 0 {
		t.Errorf("waited %s", f.clock.slept)
	}
	mustRead(t, c)
	if diff := cmp.Diff([]time.Duration{30*time.Second + margin}, f.clock.slept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"Medium": 18, "Auth": 1}, c.Requests().Groups); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentedRates(t *testing.T) {
	f := newFake(t, servePage)
	c := f.client(t)
	for group, want := range map[string]int{"heavy": 10, "MEDIUM": 40, "Light": 50, "auth": 5, "new": 10} {
		if limit, window, known := c.Rate(group); limit != want || window != time.Minute || known {
			t.Errorf("%s: %d in %s, %t", group, limit, window, known)
		}
	}
}

func TestCancelEndsEveryWait(t *testing.T) {
	limited := reply(429, "", "Retry-After", "60", "X-Rate-Limit-Group", "heavy")
	for name, api := range map[string]http.HandlerFunc{"penalty": limited, "backoff": reply(503, "")} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, api)
			c := f.client(t)
			ctx, cancel := context.WithCancel(t.Context())
			stuck := func(ctx context.Context, _ time.Duration) error {
				cancel()
				<-ctx.Done()
				return ctx.Err()
			}
			c.clock.Sleep, c.gate.clock.Sleep = stuck, stuck
			if err := readOne(ctx, c); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if n := f.count(logPath); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestCancelEndsTheWaitForOthers(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		servePage(w, r)
	})
	c := f.client(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := readOne(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 3 { // one is first in the line, two wait for their turn
		wg.Go(func() { errs <- readOne(ctx, c) })
	}
	cancel()
	for range 3 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	close(release)
	wg.Wait()
}

func TestSystemClockSleep(t *testing.T) {
	clock := SystemClock()
	if err := clock.Sleep(t.Context(), time.Microsecond); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := clock.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
