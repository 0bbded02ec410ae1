package ringcentral

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// direct is a RingCentral without a network, so that a bubble of testing/synctest drives the time: there, sleeps
// of many clients overlap exactly.
type direct http.HandlerFunc

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.URL.Path == tokenPath {
		fmt.Fprintf(w, `{"access_token":"%s1","expires_in":3600}`, tokenPrefix)
	} else {
		d(w, r)
	}
	return w.Result(), nil
}

// bubbleClient has the bubble's time.
func bubbleClient(t *testing.T, api http.HandlerFunc, o Options) *Client {
	t.Helper()
	o.HTTPClient = &http.Client{Transport: direct(api)}
	c, err := New(Credentials{ServerURL: "https://platform.example", ClientID: "client-id", ClientSecret: secretOfApp, JWT: secretJWT}, &o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bubbleLimiter() *limiter {
	return &limiter{now: time.Now, group: "heavy", limit: 10, window: time.Minute, penalty: time.Minute}
}

// slow takes a while on the way to the server and on the way back.
func slow(random *rand.Rand, next http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	pause := func() {
		mu.Lock()
		d := time.Duration(random.IntN(4000)) * time.Millisecond
		mu.Unlock()
		time.Sleep(d)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		pause()
		next(w, r)
		pause()
	}
}

func TestManyClientsEarnNoPenalty(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 10} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("%d clients, seed %d", n, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { manyClients(t, n, rand.New(rand.NewPCG(seed, uint64(n)))) })
			})
		}
	}
}

func manyClients(t *testing.T, n int, random *rand.Rand) {
	const each = 24 // requests of a client
	l := bubbleLimiter()
	api := slow(random, l.guard(servePage))
	began := time.Now()
	var wg sync.WaitGroup
	for range n {
		c := bubbleClient(t, api, Options{})
		c.SetHolders(n)
		for range 6 {
			wg.Go(func() {
				for range each / 6 {
					mustReadAs(t, c)
				}
			})
		}
	}
	wg.Wait()
	if l.refused != 0 {
		t.Errorf("%d requests were refused", l.refused)
	}
	// A window more than its part needs, and half as much again: the answers are slow.
	windows := float64(each) / float64(10/n)
	if took := time.Since(began); took > time.Duration((windows*1.5+1)*float64(time.Minute)) {
		t.Errorf("%d requests each took %s", each, took)
	}
}

// mustReadAs is mustRead for other goroutines than the test's.
func mustReadAs(t *testing.T, c *Client) {
	if err := readOne(t.Context(), c); err != nil {
		t.Error(err)
	}
}

func TestMoreClientsThanTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		l := bubbleLimiter()
		var wg sync.WaitGroup
		for k := range n {
			c := bubbleClient(t, l.guard(servePage), Options{})
			c.SetHolders(n)
			c.HoldUntil("heavy", time.Now().Add(time.Duration(k)*2*(time.Minute+margin)/n))
			wg.Go(func() {
				for range 5 {
					mustReadAs(t, c)
				}
			})
		}
		wg.Wait()
		if l.refused != 0 {
			t.Errorf("%d requests were refused", l.refused)
		}
	})
}

// TestPenaltiesAreShared: more processes than the rate begin at once, which cannot end well, and recover from it
// by telling each other.
func TestPenaltiesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		l := bubbleLimiter()
		clients := make([]*Client, n)
		for k := range n {
			clients[k] = bubbleClient(t, l.guard(servePage), Options{OnPenalty: func(group string, until time.Time) {
				for _, c := range clients {
					c.HoldUntil(group, until)
				}
			}})
			clients[k].SetHolders(n)
		}
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				for range 3 {
					mustReadAs(t, c)
				}
			})
		}
		wg.Wait()
		if l.refused > n {
			t.Errorf("%d requests were refused", l.refused)
		}
	})
}

// sentAt reads n times, one after the other, and tells when each request came.
func sentAt(t *testing.T, n, limit int, share float64, holders int) []time.Duration {
	t.Helper()
	var out []time.Duration
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := bubbleLimiter()
		l.limit = limit
		c := bubbleClient(t, l.guard(func(w http.ResponseWriter, r *http.Request) {
			out = append(out, time.Since(began))
			servePage(w, r)
		}), Options{RateShare: share})
		c.SetHolders(holders)
		for range n {
			mustRead(t, c)
		}
	})
	return out
}

func TestQuota(t *testing.T) {
	const w = time.Minute + margin
	for name, c := range map[string]struct {
		limit   int
		share   float64
		holders int
		want    []time.Duration
	}{
		"all":                    {3, 0, 0, []time.Duration{0, 0, 0, w, w}},
		"half":                   {4, 0.5, 1, []time.Duration{0, 0, w, w, 2 * w}},
		"rounded down":           {5, 0.5, 1, []time.Duration{0, 0, w, w, 2 * w}},
		"less than one":          {5, 0.01, 1, []time.Duration{0, w, 2 * w}},
		"exactly one":            {10, 0.1, 1, []time.Duration{0, w, 2 * w}},
		"29 of 100":              {100, 0.29, 29, []time.Duration{0, w, 2 * w}},
		"two holders":            {5, 1, 2, []time.Duration{0, 0, w, w, 2 * w}},
		"ten holders of ten":     {10, 1, 10, []time.Duration{0, w, 2 * w}},
		"twenty holders of ten":  {10, 1, 20, []time.Duration{0, 2 * w, 4 * w}},
		"holders of a half":      {10, 0.5, 10, []time.Duration{0, 2 * w}},
		"holders of the minimum": {10, 0.01, 3, []time.Duration{0, 3 * w}},
	} {
		t.Run(name, func(t *testing.T) {
			got := sentAt(t, len(c.want), c.limit, c.share, c.holders)
			if diff := cmp.Diff(c.want, got, cmp.Transformer("ms", time.Duration.Milliseconds)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOthersCountAgainstTheWholeLimit(t *testing.T) {
	g := newGate(newDriven().clock(), discardSlog())
	g.share = 0.5
	let(g)[0].answered(200, rateHeader("heavy", 10, 5)) // four of others: our half is still ours
	if n := len(let(g)); n != 4 {
		t.Errorf("%d requests with 5 remaining", n)
	}
	g = newGate(newDriven().clock(), discardSlog())
	g.share = 0.5
	let(g)[0].answered(200, rateHeader("heavy", 10, 2)) // seven of others leave less than our half
	if n := len(let(g)); n != 2 {
		t.Errorf("%d requests with 2 remaining", n)
	}
}

func TestHoldersReachWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLimiter()
		c := bubbleClient(t, l.guard(servePage), Options{})
		c.SetHolders(10)
		mustRead(t, c)
		began := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { mustReadAs(t, c) })
		}
		time.Sleep(5 * time.Second)
		c.SetHolders(1)
		wg.Wait()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("waited %s", took)
		}
		c.SetHolders(40) // and for those to come
		mustRead(t, c)
		if took := time.Since(began); took != 5*time.Second+4*(time.Minute+margin) {
			t.Errorf("waited %s", took)
		}
	})
}

// TestQuotaBelowOneRemembers: a request that has left the server's window still counts for us.
func TestQuotaBelowOneRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLimiter()
		c := bubbleClient(t, l.guard(servePage), Options{})
		c.SetHolders(20)
		began := time.Now()
		mustRead(t, c)
		time.Sleep(90 * time.Second)
		mustRead(t, c)
		if took := time.Since(began); took != 2*(time.Minute+margin) {
			t.Errorf("sent after %s", took)
		}
	})
}

func TestHoldUntil(t *testing.T) {
	const seconds = time.Second
	for name, c := range map[string]struct {
		holds map[time.Duration]time.Duration // when it is said: how long from the beginning
		group string
		want  time.Duration
	}{
		"once":            {map[time.Duration]time.Duration{0: 30 * seconds}, "HEAVY", 30 * seconds},
		"everything":      {map[time.Duration]time.Duration{0: 30 * seconds}, "", 30 * seconds},
		"another group":   {map[time.Duration]time.Duration{0: 30 * seconds}, "Medium", 0},
		"not shortened":   {map[time.Duration]time.Duration{0: 30 * seconds, seconds: 10 * seconds}, "heavy", 30 * seconds},
		"extended":        {map[time.Duration]time.Duration{0: 30 * seconds, seconds: 90 * seconds}, "heavy", 90 * seconds},
		"extended late":   {map[time.Duration]time.Duration{0: 30 * seconds, 29 * seconds: 31 * seconds}, "", 31 * seconds},
		"already gone by": {map[time.Duration]time.Duration{0: -seconds}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				client := bubbleClient(t, servePage, Options{})
				var wg sync.WaitGroup
				for at, until := range c.holds {
					if at == 0 {
						client.HoldUntil(c.group, began.Add(until))
						continue
					}
					wg.Go(func() {
						time.Sleep(at)
						client.HoldUntil(c.group, began.Add(until))
					})
				}
				mustRead(t, client)
				if took := time.Since(began); took != c.want {
					t.Errorf("sent after %s, want %s", took, c.want)
				}
				wg.Wait()
			})
		})
	}
}

func TestHoldWhileTheRateIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bubbleLimiter()
		c := bubbleClient(t, l.guard(servePage), Options{})
		for range 10 {
			mustRead(t, c)
		}
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { mustReadAs(t, c) }) // would go after a minute
		time.Sleep(time.Second)
		c.HoldUntil("heavy", began.Add(100*time.Second))
		wg.Wait()
		if took := time.Since(began); took != 100*time.Second {
			t.Errorf("sent after %s", took)
		}
	})
}

// TestHoldThatBeginsDuringTheLogin: who has the leave to send, and waits for a token, has it no more.
func TestHoldThatBeginsDuringTheLogin(t *testing.T) {
	var c *Client
	f := newFake(t, servePage)
	f.login = func(w http.ResponseWriter, r *http.Request) {
		c.HoldUntil("heavy", epoch.Add(30*time.Second))
		reply(200, `{"access_token":"`+tokenPrefix+`1"}`)(w, r)
	}
	c = f.client(t)
	got, err := readAll(t.Context(), c, nil)
	if err != nil || !got[0].ReadAt.Equal(epoch.Add(30*time.Second)) || c.Requests().Total != 2 {
		t.Errorf("%v, %v, %+v", got, err, c.Requests())
	}
}

func TestHoldTooLongToWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := bubbleClient(t, servePage, Options{})
		began := time.Now()
		c.HoldUntil("heavy", began.Add(time.Minute))
		errs := make(chan error)
		go func() { errs <- readOne(t.Context(), c) }()
		time.Sleep(time.Second)
		c.HoldUntil("", began.Add(2*time.Hour))
		if e := asError(t, <-errs); !e.Temporary() || time.Since(began) != time.Second {
			t.Errorf("%+v after %s", e, time.Since(began))
		}
	})
}

func TestCancelEndsAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := bubbleClient(t, servePage, Options{})
		c.HoldUntil("", time.Now().Add(time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := readOne(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestPenaltiesAreTold(t *testing.T) {
	type told struct {
		Group string
		Until time.Time
	}
	var got []told
	var c *Client
	f := newFake(t, inOrder(
		reply(429, "", "Retry-After", "10", "X-Rate-Limit-Group", "heavy"),
		reply(429, "", "Retry-After", "20"),
		servePage,
	))
	c, err := New(f.credentials(), &Options{HTTPClient: f.Client(), Clock: f.clock.clock(), OnPenalty: func(group string, until time.Time) {
		c.Requests() // the gate is not locked
		got = append(got, told{group, until})
	}})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, c)
	first := epoch.Add(10*time.Second + margin)
	if diff := cmp.Diff([]told{{"Heavy", first}, {"", first.Add(20*time.Second + margin)}}, got); diff != "" {
		t.Error(diff)
	}
	if n := f.count(logPath); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestShorterPenaltyIsNotTold(t *testing.T) {
	g := newGate(newDriven().clock(), discardSlog())
	var got []string
	g.onPenalty = func(group string, until time.Time) { got = append(got, group+until.Sub(epoch).String()) }
	let(g)[0].answered(200, rateHeader("heavy", 10, 9))
	out := let(g)
	for n, wait := range []string{"30", "20", "40", "40"} {
		h := rateHeader("heavy", 10, 0)
		h.Set("Retry-After", wait)
		out[n].answered(429, h)
	}
	if diff := cmp.Diff([]string{"Heavy30.05s", "Heavy40.05s"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRateShareIsChecked(t *testing.T) {
	for _, share := range []float64{-0.1, 1.01, math.NaN(), math.Inf(1)} {
		_, err := New(Credentials{ServerURL: "https://h", ClientID: "id", ClientSecret: "secret", JWT: "jwt"}, &Options{RateShare: share})
		if err == nil || !strings.Contains(err.Error(), "rate share") {
			t.Errorf("%g: %v", share, err)
		}
	}
}

func jwtOf(payload string) string {
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestRateKey(t *testing.T) {
	key := func(server, client, jwt string) string {
		c, err := New(Credentials{ServerURL: server, ClientID: client, ClientSecret: "secret", JWT: jwt}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.RateKey()
	}
	const server = "https://platform.example"
	base := key(server, "id", jwtOf(`{"sub":"63","jti":"a"}`))
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(base) {
		t.Errorf("%q", base)
	}
	for name, other := range map[string]string{
		"another JWT of the user": key(server, "id", jwtOf(`{"jti":"b","sub":"63"}`)),
		"padded":                  key(server, "id", "e30."+base64.URLEncoding.EncodeToString([]byte(`{"sub":"63"}`))+".x"),
		"the server with port":    key("https://Platform.example:443/", "id", jwtOf(`{"sub":"63"}`)),
	} {
		if other != base {
			t.Errorf("%s: another key", name)
		}
	}
	seen := map[string]string{base: "base"}
	for name, other := range map[string]string{
		"server":        key("https://platform.elsewhere", "id", jwtOf(`{"sub":"63"}`)),
		"application":   key(server, "id2", jwtOf(`{"sub":"63"}`)),
		"user":          key(server, "id", jwtOf(`{"sub":"64"}`)),
		"no user":       key(server, "id", jwtOf(`{"jti":"63"}`)),
		"number":        key(server, "id", jwtOf(`{"sub":63}`)),
		"no JSON":       key(server, "id", secretJWT),
		"no JWT":        key(server, "id", "63"),
		"named as hash": key(server, "id", "64"),
	} {
		if before, ok := seen[other]; ok {
			t.Errorf("%s: the key of %s", name, before)
		}
		seen[other] = name
	}
}
