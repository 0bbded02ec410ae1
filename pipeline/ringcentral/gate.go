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
// Requests of one group leave in the order in which they came. Only the first in the line sleeps.
type gate struct {
	clock Clock
	log   *slog.Logger

	mu      sync.Mutex
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
	until    time.Time   // end of the penalty
	requests int

	turn     chan struct{} // held by the first in the line
	answered chan struct{} // wakes the first in the line
}

const (
	// margin is added to every end that is computed from an answer: the server may take the last
	// instant as still inside, and its clock may run a little slower.
	margin = 50 * time.Millisecond
	// longestWait is how long a penalty, or a Retry-After, may be and still be waited for.
	longestWait = time.Hour
)

func newGate(clock Clock, log *slog.Logger) *gate {
	return &gate{clock: clock, log: log, groups: map[string]*group{}, moved: map[operation]string{}}
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
		p, wait, penalty := g.try(op, gr)
		switch {
		case p != nil:
			return p, nil
		case g.groupOf(op) != gr:
			return nil, nil
		case penalty && wait > longestWait:
			return nil, &Error{Status: http.StatusTooManyRequests, RetryAfter: wait, Message: "RingCentral's penalty is on"}
		case wait > 0:
			level := slog.LevelDebug
			if penalty {
				level = slog.LevelWarn
			}
			g.log.Log(ctx, level, "waiting for the rate limit", "group", gr.name, "wait", wait, "penalty", penalty)
			if err := g.clock.Sleep(ctx, wait); err != nil {
				return nil, err
			}
		default:
			select {
			case <-gr.answered:
			case <-ctx.Done():
			}
		}
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
	gr.expire(now)
	over := gr.inFlight + len(gr.counted) - gr.limit
	switch {
	case gr.alone && gr.inFlight > 0:
		return nil, 0, false
	case over < 0:
		gr.inFlight++
		gr.requests++
		return &pass{gate: g, group: gr, op: op}, 0, false
	case over < len(gr.counted):
		return nil, gr.counted[over].Add(gr.window + margin).Sub(now), false
	default:
		return nil, 0, false
	}
}

// expire forgets what has left the window.
func (gr *group) expire(now time.Time) {
	n := 0
	for n < len(gr.counted) && !gr.counted[n].Add(gr.window+margin).After(now) {
		n++
	}
	gr.counted = gr.counted[n:]
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
	p.group.counted = append(p.group.counted, p.gate.clock.Now())
}

// written is told whenever the request has gone out. net/http sends it once more by itself when a kept
// connection dies under it; the server may have counted both.
func (p *pass) written() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	if p.sent {
		p.group.requests++
		p.gate.retries++
		p.group.counted = append(p.group.counted, p.gate.clock.Now())
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

// answered books an answer and learns from its header.
func (p *pass) answered(status int, h http.Header) {
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
		g.punish(gr, r, now.Add(penaltyOf(h, r, now)+margin))
		return
	}
	gr.expire(now)
	gr.counted = append(gr.counted, now)
	gr.reconcile(r, now)
	gr.alone = gr.alone && !r.complete()
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

// punish holds the group until the given instant. A 429 that carries no rate comes from a limit on
// the account or the address, and holds everything.
func (g *gate) punish(gr *group, r rate, until time.Time) {
	g.limited++
	if !r.empty() {
		gr.until = later(gr.until, until)
		gr.alone = true
		return
	}
	g.until = later(g.until, until)
	for _, gr := range g.groups {
		gr.alone = true
	}
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
