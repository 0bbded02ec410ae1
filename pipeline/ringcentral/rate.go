package ringcentral

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// rate is what the X-Rate-Limit headers of one answer say. Zero is unsaid, except for remaining.
type rate struct {
	group     string
	limit     int
	remaining int // -1 is unsaid
	window    time.Duration
}

// complete tells whether the rate itself is known.
func (r rate) complete() bool { return r.limit > 0 && r.window > 0 }

// empty tells whether the answer says nothing at all.
func (r rate) empty() bool {
	return r.group == "" && r.limit == 0 && r.remaining < 0 && r.window == 0
}

func readRate(h http.Header) rate {
	r := rate{group: groupName(h.Get("X-Rate-Limit-Group")), remaining: -1}
	r.limit = readCount(h, "X-Rate-Limit-Limit", 0)
	r.remaining = readCount(h, "X-Rate-Limit-Remaining", -1)
	r.window = time.Duration(readCount(h, "X-Rate-Limit-Window", 0)) * time.Second
	return r
}

// readCount takes a header that is not a plain count, or is beyond any sense, as absent.
func readCount(h http.Header, name string, absent int) int {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
	if err != nil || n < 0 || n > 1e6 {
		return absent
	}
	return n
}

// penaltyOf is how long a 429 asks to be silent: what Retry-After says, else the window, else a
// minute; RingCentral asks for at least 30 s where its answer says nothing.
func penaltyOf(h http.Header, r rate, now time.Time) time.Duration {
	if d, ok := retryAfter(h, now); ok {
		return d
	}
	if r.window > 0 {
		return max(r.window, 30*time.Second)
	}
	return time.Minute
}

// retryAfter reads seconds or a date. A date that is not in the future says nothing: the two clocks
// differ.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
		return time.Duration(min(n, 1e8)) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now), true
	}
	return 0, false
}

// Requests is what a Client has sent so far.
type Requests struct {
	Total       int            // all of them, logins included
	Groups      map[string]int // by rate group: Heavy, Medium, Light, Auth
	Retries     int            // of the total, those that repeated an earlier one
	RateLimited int            // answers 429
}

// Requests tells what has been sent so far. It may be called at any time.
func (c *Client) Requests() Requests {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	r := Requests{Groups: map[string]int{}, Retries: c.gate.retries, RateLimited: c.gate.limited}
	for name, gr := range c.gate.groups {
		r.Total += gr.requests
		if gr.requests > 0 {
			r.Groups[name] = gr.requests
		}
	}
	return r
}

// Rate tells how many requests of a group (Heavy, Medium, Light, Auth; in any case) are permitted in
// a window. As long as no answer has said so, known is false and the numbers are RingCentral's
// documented defaults.
func (c *Client) Rate(group string) (limit int, window time.Duration, known bool) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	name := groupName(group)
	if gr, ok := c.gate.groups[name]; ok {
		return gr.limit, gr.window, gr.known
	}
	limit, window = documentedRate(name)
	return limit, window, false
}
