package ringcentral

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// The gate lets requests out so that RingCentral never has to refuse one.
//
// RingCentral counts the requests of one user and application by group, over a sliding window, and
// answers the one too many with 429 and a penalty, which any request sent meanwhile starts anew. The
// gate counts the same way, and always a little more than the server does: a request is in flight until its
// answer's header is there, and from then on stays in the window as of that moment, which is later
// than the moment at which the server counted it. So, with nobody else using the same rate, whatever
// the server still counts, the gate counts too.
//
// What others use shows in the Remaining that an answer carries: if the server has fewer left than
// the gate thinks, the difference is booked as if it had been sent now. Before the first answer of a
// group, and after each penalty, one request goes out alone, so that the others know where they stand.
//
// Of the limit the gate may be told to use a part only (share.go). Then there are two counts: our own
// requests are held to the part, and all that are known, others' included, to the limit.
//
// Requests of one group leave in the order in which they came. Only the first in the line sleeps.
type gate struct {
	clock     Clock
	log       *slog.Logger
	share     float64                             // of each limit, over 0 and at most 1
	onPenalty func(group string, until time.Time) // may be nil

	mu      sync.Mutex
	holders int // processes that use the share, this one included
	groups  map[string]*group
	moved   map[operation]string // the group that answers named, where it is not the documented one
	until   time.Time            // end of a penalty over everything
	retries int
	limited int // answers 429
}

type group struct {
	name   string
	limit  int
	window time.Duration
	known  bool // limit and window come from an answer

	alone    bool        // one at a time, until an answer tells the rate
	inFlight int         // let out, not answered
	counted  []time.Time // in the window, oldest first
	own      []time.Time // those of counted that we sent; the latest stays when it has left the window
	until    time.Time   // end of the penalty
	requests int

	turn     chan struct{}      // held by the first in the line
	answered chan struct{}      // wakes the first in the line when it waits for an answer
	look     context.CancelFunc // makes the first in the line look again; nil while nobody has been there
}

const (
	// margin is added to every end that is computed from an answer: the server may take the last
	// instant as still inside, and its clock may run a little slower.
	margin = 50 * time.Millisecond
	// longestWait is how long a penalty, or a Retry-After, may be and still be waited for.
	longestWait = time.Hour
)

func newGate(clock Clock, log *slog.Logger) *gate {
	return &gate{clock: clock, log: log, share: 1, holders: 1, groups: map[string]*group{}, moved: map[operation]string{}}
}

// A pass is the leave to send one request. It must be given back, by one of its methods.
type pass struct {
	gate  *gate
	group *group
	op    operation
	sent  bool
}

// enter waits until a request may be sent. Its errors are the context's, and a temporary *Error when
// the penalty is longer than anybody should wait for.
func (g *gate) enter(ctx context.Context, op operation) (*pass, error) {
	for {
		gr := g.groupOf(op)
		select {
		case gr.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		p, err := g.waitFirst(ctx, op, gr)
		<-gr.turn
		if p != nil || err != nil {
			return p, err
		}
	}
}

// waitFirst is the wait of the first in the line. It returns no pass and no error if the operation has
// turned out to belong to another group.
func (g *gate) waitFirst(ctx context.Context, op operation, gr *group) (*pass, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p, done, err := g.waitOnce(ctx, op, gr); done {
			return p, err
		}
	}
}

// waitOnce tries, and waits until another try makes sense: an end is reached, an answer came, or the rules
// were changed.
func (g *gate) waitOnce(ctx context.Context, op operation, gr *group) (p *pass, done bool, err error) {
	nap, wake := context.WithCancel(ctx)
	defer wake()
	g.wakeWith(gr, wake) // before the try: a change between the two ends the nap at once
	p, wait, penalty := g.try(op, gr)
	switch {
	case p != nil:
		return p, true, nil
	case g.groupOf(op) != gr:
		return nil, true, nil
	case penalty && wait > longestWait:
		return nil, true, &Error{Status: http.StatusTooManyRequests, RetryAfter: wait, Message: "RingCentral's penalty is on"}
	case wait > 0:
		level := slog.LevelDebug
		if penalty {
			level = slog.LevelWarn
		}
		g.log.Log(ctx, level, "waiting for the rate limit", "group", gr.name, "wait", wait, "penalty", penalty)
		err = g.clock.Sleep(nap, wait)
		woken := nap.Err() != nil && ctx.Err() == nil
		return nil, err != nil && !woken, err
	default:
		select {
		case <-gr.answered:
		case <-nap.Done():
		}
		return nil, false, nil
	}
}

// try lets a request out, or says how long to wait: zero is until the next answer.
func (g *gate) try(op operation, gr *group) (p *pass, wait time.Duration, penalty bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.find(op) != gr {
		return nil, 0, false
	}
	now := g.clock.Now()
	if until := later(g.until, gr.until); until.After(now) {
		return nil, until.Sub(now), true
	}
	if gr.alone && gr.inFlight > 0 {
		return nil, 0, false
	}
	gr.expire(now)
	quota, span := g.quota(gr)
	all := room(gr.counted, gr.inFlight, gr.limit, gr.window, now)
	own := room(within(gr.own, span, now), gr.inFlight, quota, span, now)
	switch {
	case all == untilAnswer || own == untilAnswer:
		return nil, 0, false
	case all > 0 || own > 0:
		return nil, max(all, own), false
	}
	gr.inFlight++
	gr.requests++
	return &pass{gate: g, group: gr, op: op}, 0, false
}

const untilAnswer time.Duration = -1

// room is how long it takes until one more request is within the limit: zero is none, untilAnswer that there
// are too many in flight to tell.
func room(sent []time.Time, inFlight, limit int, window time.Duration, now time.Time) time.Duration {
	over := inFlight + len(sent) - limit
	switch {
	case over < 0:
		return 0
	case over < len(sent):
		return sent[over].Add(window + margin).Sub(now)
	default:
		return untilAnswer
	}
}

// within drops what has left the window.
func within(sent []time.Time, window time.Duration, now time.Time) []time.Time {
	n := 0
	for n < len(sent) && !sent[n].Add(window+margin).After(now) {
		n++
	}
	return sent[n:]
}

// expire forgets what has left the window, but for our latest: with less than one request a window it
// still counts.
func (gr *group) expire(now time.Time) {
	gr.counted = within(gr.counted, gr.window, now)
	if n := len(gr.own); n > 0 {
		gr.own = gr.own[min(n-len(within(gr.own, gr.window, now)), n-1):]
	}
}

// book counts a request of ours.
func (gr *group) book(now time.Time) {
	gr.counted = append(gr.counted, now)
	gr.own = append(gr.own, now)
}

func (g *gate) groupOf(op operation) *group {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.find(op)
}

func (g *gate) find(op operation) *group {
	name := op.group()
	if to, ok := g.moved[op]; ok {
		name = to
	}
	return g.named(name)
}

func (g *gate) named(name string) *group {
	gr, ok := g.groups[name]
	if !ok {
		gr = &group{name: name, alone: true, turn: make(chan struct{}, 1), answered: make(chan struct{}, 1)}
		gr.limit, gr.window = documentedRate(name)
		g.groups[name] = gr
	}
	return gr
}

// held tells that a penalty has begun since the pass was given.
func (p *pass) held() bool {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return later(p.gate.until, p.group.until).After(p.gate.clock.Now())
}

// unused gives the pass back: nothing was sent.
func (p *pass) unused() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.group.requests--
	p.leave()
}

// failed is for a request without an answer. The server may have counted it.
func (p *pass) failed() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.leave()
	p.group.book(p.gate.clock.Now())
}

// written is told whenever the request has gone out. net/http sends it once more by itself when a kept
// connection dies under it; the server may have counted both.
func (p *pass) written() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	if p.sent {
		p.group.requests++
		p.gate.retries++
		p.group.book(p.gate.clock.Now())
	}
	p.sent = true
}

// leave takes the request out of flight and wakes who waits for that.
func (p *pass) leave() {
	p.group.inFlight--
	select {
	case p.group.answered <- struct{}{}:
	default:
	}
}

// answered books an answer, learns from its header, and tells of a penalty that it starts or extends.
func (p *pass) answered(status int, h http.Header) {
	name, until, news := p.learnt(status, h)
	if news && p.gate.onPenalty != nil {
		p.gate.onPenalty(name, until)
	}
}

func (p *pass) learnt(status int, h http.Header) (name string, until time.Time, news bool) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	p.leave()
	now, r := g.clock.Now(), readRate(h)
	gr := p.group
	if r.group != "" && r.group != gr.name {
		gr = g.named(r.group)
		g.moved[p.op] = r.group
		gr.requests++
		p.group.requests--
	}
	gr.learn(r)
	if status == http.StatusTooManyRequests {
		g.limited++
		if !r.empty() {
			name = gr.name
		}
		until = now.Add(penaltyOf(h, r, now) + margin)
		return name, until, g.hold(name, until)
	}
	gr.expire(now)
	gr.book(now)
	gr.reconcile(r, now)
	gr.alone = gr.alone && !r.complete()
	return "", time.Time{}, false
}

func (gr *group) learn(r rate) {
	if r.limit > 0 {
		gr.limit = r.limit
	}
	if r.window > 0 {
		gr.window = r.window
	}
	gr.known = gr.known || r.complete()
}

// reconcile books what others have sent. Requests in flight may or may not be among what the server
// counted; they are taken as counted, so that only what is certain is booked.
func (gr *group) reconcile(r rate, now time.Time) {
	if !r.complete() || r.remaining < 0 {
		return
	}
	for others := r.limit - r.remaining - gr.inFlight - len(gr.counted); others > 0; others-- {
		gr.counted = append(gr.counted, now)
	}
}

// hold sends nothing of a group before the given instant; without a name it holds everything: a 429 that
// carries no rate comes from a limit on the account or the address. It tells whether that is longer than
// before.
func (g *gate) hold(name string, until time.Time) bool {
	if name != "" {
		gr := g.named(name)
		gr.alone = true
		return extend(&gr.until, until)
	}
	for _, gr := range g.groups {
		gr.alone = true
	}
	return extend(&g.until, until)
}

func extend(end *time.Time, until time.Time) bool {
	if !until.After(*end) {
		return false
	}
	*end = until
	return true
}

func (g *gate) retried() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retries++
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
