package simulator

import (
	"sync"
	"time"
)

// limiter counts requests per user, application and group in a sliding window. Exceeding the limit starts a penalty,
// during which everything is refused; a request that comes during a penalty starts it anew. A penalty that was sat out
// leaves an empty window behind: that is assumed, RingCentral's window and penalty are equally long.
type limiter struct {
	window, penalty time.Duration

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	user, application string
	group             group
}

type bucket struct {
	admitted    []time.Time // of the current window, oldest first
	closedUntil time.Time
}

func newLimiter(window, penalty time.Duration) *limiter {
	return &limiter{window: window, penalty: penalty, buckets: map[bucketKey]*bucket{}}
}

// punish starts a penalty as if the limit had been exceeded.
func (l *limiter) punish(key bucketKey, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets[key] = &bucket{closedUntil: now.Add(l.penalty)}
}

// forgive takes back the last request that was admitted.
func (l *limiter) forgive(key bucketKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[key]; b != nil && len(b.admitted) > 0 {
		b.admitted = b.admitted[:len(b.admitted)-1]
	}
}

// take admits one request or refuses it; remaining is what the window still admits after this one.
func (l *limiter) take(key bucketKey, limit int, now time.Time) (remaining int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		b = &bucket{}
		l.buckets[key] = b
	}
	for len(b.admitted) > 0 && !b.admitted[0].After(now.Add(-l.window)) {
		b.admitted = b.admitted[1:]
	}
	if now.Before(b.closedUntil) || len(b.admitted) >= limit {
		b.admitted = nil
		b.closedUntil = now.Add(l.penalty)
		return 0, false
	}
	b.admitted = append(b.admitted, now)
	return limit - len(b.admitted), true
}
