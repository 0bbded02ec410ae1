package simulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Faults says how answers are spoilt. The zero value spoils none.
//
// Which answer is spoilt, and how, depends on the seed and on how many requests were admitted before. Of the answers to
// one method, path and query at most three in a row are spoilt, of those to logins two.
type Faults struct {
	// Profile is "none", which is the default, "mild", what a good week has, or "hard", all of it and much of it.
	Profile string
	// Seed chooses one course of faults.
	Seed int64
	// Tokens lets sync tokens of the feed expire before their time now and then. It counts in the profile hard only.
	Tokens bool
}

func (f Faults) check() error {
	switch f.Profile {
	case "", "none", "mild", "hard":
		return nil
	}
	return fmt.Errorf("faults: the profile %q is unknown; give none, mild or hard", f.Profile)
}

// kindOfFault is in which way an answer is spoilt.
type kindOfFault int

const (
	drifts         kindOfFault = iota // the page repeats the last records of the one before, as if newer calls had come in
	repeats                           // the page has the records of the page before
	emptyLast                         // the last page announces one more
	limited                           // 429, everything said
	limitedBriefly                    // 429 without Retry-After
	limitedBare                       // 429 without any header that tells a rate: RingCentral's limits beyond the groups
	tokenDies                         // 401: the session is gone
	tokenExpired                      // the sync token has expired
	timeout                           // 408, as are the next ones from something in front of the API, with HTML
	brokenInside                      // 500
	brokenGateway                     // 502
	unavailable                       // 503
	proxyPage                         // 200 with HTML
	resetBefore                       // the connection is reset before the answer
	resetWithin                       // and within its body
	truncated                         // the body is cut, and its length told as if that were all, but of audio
	drips                             // the body comes in small pieces
	clockJumps                        // the header Date is off by seconds
)

const (
	inARow     = 3
	authInARow = 2
	mildShare  = 0.05
	hardShare  = 0.25
)

// fault is how one answer is spoilt. A nil one spoils nothing.
type fault struct {
	kind kindOfFault
	rng  *rand.Rand
}

func (f *fault) is(kind kindOfFault) bool { return f != nil && f.kind == kind }

// only is the fault if it is one of the kinds.
func (f *fault) only(kinds ...kindOfFault) *fault {
	for _, kind := range kinds {
		if f.is(kind) {
			return f
		}
	}
	return nil
}

// delivery is the fault if it is one that a regular answer suffers on its way.
func (f *fault) delivery() *fault { return f.only(resetWithin, truncated, drips, clockJumps) }

// faults decides about all answers. A nil one lets all pass.
type faults struct {
	Faults
	mu    sync.Mutex
	drawn uint64
	row   map[string]int // spoilt answers in a row, by what was asked
	// moved is by how many records a page was behind, by address without page, then by page and by who asked. The next
	// page must be as far behind, else records would be skipped.
	moved map[string]map[asker]int
}

type asker struct {
	page  int
	token string
}

func newFaults(o Faults) *faults {
	if o.Profile == "" || o.Profile == "none" {
		return nil
	}
	return &faults{Faults: o, row: map[string]int{}, moved: map[string]map[asker]int{}}
}

// draw decides how the answer to a request is spoilt.
func (f *faults) draw(r *http.Request, g group) *fault {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drawn++
	key, most := r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery, inARow
	if g == auth {
		key, most = "auth", authInARow
	}
	rng := rand.New(rand.NewPCG(mix(uint64(f.Seed)), mix(f.drawn)))
	share := mildShare
	if f.Profile == "hard" {
		share = hardShare
	}
	if f.row[key] >= most || rng.Float64() >= share {
		delete(f.row, key)
		return nil
	}
	kind := f.pick(r, g, rng)
	f.row[key]++
	if kind == repeats {
		f.row[key] = most
	}
	return &fault{kind, rng}
}

// pick draws a kind among those that can happen to a request.
func (f *faults) pick(r *http.Request, g group, rng *rand.Rand) kindOfFault {
	list := strings.HasSuffix(r.URL.Path, "/call-log") || strings.HasSuffix(r.URL.Path, "/message-store")
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	hard, later, login := f.Profile == "hard", list && page > 1, g == auth
	possible := []struct {
		kind   kindOfFault
		weight int
		can    bool
	}{
		{drifts, 12, later}, {repeats, 6, later && hard}, {emptyLast, 8, list},
		{limited, 4, true}, {limitedBriefly, 2, hard}, {limitedBare, 2, hard},
		{tokenDies, 3, !login}, {tokenExpired, 10, hard && f.Tokens && r.URL.Query().Get("syncType") == "ISync"},
		{timeout, 2, hard}, {brokenInside, 3, hard}, {brokenGateway, 3, true}, {unavailable, 4, true},
		{proxyPage, 1, hard && !login}, {resetBefore, 4, hard}, {resetWithin, 4, hard}, {truncated, 3, hard && !login},
		{drips, 3, true}, {clockJumps, 3, true},
	}
	sum := 0
	for _, p := range possible {
		if p.can {
			sum += p.weight
		}
	}
	n := rng.IntN(sum)
	for _, p := range possible {
		if !p.can {
			continue
		}
		if n < p.weight {
			return p.kind
		}
		n -= p.weight
	}
	panic("simulator: a draw beyond the sum of its weights")
}

// back is how many records a page repeats of those before it.
func (f *faults) back(r *request, p paging) int {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	walk, who := f.walk(r.URL), r.Header.Get("Authorization")
	if f.moved[walk] == nil {
		f.moved[walk] = map[asker]int{}
	}
	behind := f.behind(walk, who, p.page-1)
	defer func() { f.moved[walk][asker{p.page, who}] = behind }()
	switch {
	case p.page == 1:
		behind = 0
	case r.fault.is(repeats):
		return behind + p.perPage
	case r.fault.is(drifts):
		// A page must bring something new, however often the log moves.
		behind = min(behind+1+r.fault.rng.IntN(5), max(behind, p.perPage/2))
	}
	return behind
}

// behind is by how much a page was behind for the one who asks now. Who has a new token has perhaps read the page with
// an old one, which must be assumed to be any.
func (f *faults) behind(walk, who string, page int) int {
	if n, ok := f.moved[walk][asker{page, who}]; ok {
		return n
	}
	most := 0
	for a, n := range f.moved[walk] {
		if a.page == page {
			most = max(most, n)
		}
	}
	return most
}

// walk is the address of a list without its page.
func (f *faults) walk(u *url.URL) string {
	values := u.Query()
	values.Del("page")
	return u.Path + "?" + values.Encode()
}

// spoils applies the faults that only a page can have; the fault is returned if it made a difference. An empty page
// announces nothing, so that a walk ends.
func (f *fault) spoils(back, records int, more *bool) *fault {
	if f.is(emptyLast) && records > 0 && !*more {
		*more = true
		return f
	}
	if back > 0 {
		return f.only(drifts, repeats)
	}
	return nil
}

// instead is what comes in place of the regular answer, or nil. The headers that tell the rate are set already.
func (s *Simulator) instead(w http.ResponseWriter, r *http.Request, f *fault, key bucketKey) *answer {
	if f == nil {
		return nil
	}
	h, now := w.Header(), s.options.Now()
	a := &answer{fault: f, contentType: "text/html; charset=utf-8"}
	switch f.kind {
	case limited, limitedBriefly:
		s.limiter.punish(key, now)
		h.Set("X-Rate-Limit-Remaining", "0")
		if f.kind == limited {
			h.Set("Retry-After", wholeSeconds(s.options.Penalty))
		}
		a = fail(429, "CMN-301", "Request rate exceeded")
		a.fault = f
		return a
	case limitedBare:
		forgetRate(h)
		a = fail(429, "CMN-310", "Global request rate exceeded")
		a.fault = f
		return a
	case tokenDies:
		s.sessions.end(r)
		a = tokenInvalid("TokenInvalid", "OAU-213", "Token not found")
		a.fault = f
		return a
	case timeout:
		a.status = 408
	case brokenInside:
		a.status = 500
	case brokenGateway:
		a.status = 502
	case unavailable:
		a.status = 503
		if f.rng.IntN(2) == 0 {
			h.Set("Retry-After", strconv.Itoa(1+f.rng.IntN(5)))
		}
	case proxyPage:
		a.status = 200
	case resetBefore:
		// It never reached the API, so it does not count: Go's own transport, for one, repeats such a request unasked.
		s.limiter.forgive(key)
		s.counts.add(key.group, a)
		panic(http.ErrAbortHandler)
	default:
		return nil
	}
	forgetRate(h)
	a.body = fmt.Appendf(nil, "<html><head><title>%d</title></head><body><h1>%s</h1></body></html>\n", a.status, http.StatusText(a.status))
	return a
}

func forgetRate(h http.Header) {
	for _, name := range []string{"Group", "Limit", "Remaining", "Window"} {
		h.Del("X-Rate-Limit-" + name)
	}
}

// jump is by how much the server's clock seems to be off.
func (f *fault) jump() time.Duration {
	if !f.is(clockJumps) {
		return 0
	}
	return time.Duration(f.rng.IntN(61)-30) * time.Second
}

// some is less than all of a length.
func (f *fault) some(length int) int { return f.rng.IntN(max(length, 1)) }

// write sends a body and tells how many bytes of it go out, before they do: a client may have them before the server goes
// on. One that has gone away is its own affair.
func (f *fault) write(w http.ResponseWriter, body []byte, sleep func(time.Duration), sent func(int)) {
	hand := func(piece []byte) {
		sent(len(piece))
		_, _ = w.Write(piece)
	}
	switch {
	case f.is(resetWithin):
		hand(body[:f.some(len(body))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case f.is(drips):
		const pieces, pause = 8, 20 * time.Millisecond
		for i := range pieces {
			hand(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
			_ = http.NewResponseController(w).Flush()
			sleep(pause)
		}
	default:
		hand(body)
	}
}
