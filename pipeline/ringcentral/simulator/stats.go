package simulator

import (
	"net/http"
	"sync"
)

// Count is how many requests came, and how many of them were refused with status 429 because the limit was exceeded or
// a penalty was not sat out. Refusals that are faults are not among them.
type Count struct {
	Requests, Limited int64
}

// Stats is what a Simulator did since it was made.
type Stats struct {
	// Auth, Light, Medium and Heavy count by rate group; Other is requests without one: unknown paths, and requests
	// that were refused with 401 before they were counted.
	Auth, Light, Medium, Heavy, Other Count
	// Logins is how many access tokens were issued.
	Logins int64
	// Records is how many call records were sent, each as often as it was sent.
	Records int64
	// Messages is how many messages were sent, each as often as it was sent.
	Messages int64
	// Bytes is the length of all response bodies, before compression.
	Bytes int64
	// Faults is how many answers were spoilt, because Options.Faults says so.
	Faults int64
}

// Requests is the number of requests of all groups.
func (s Stats) Requests() int64 {
	return s.Auth.Requests + s.Light.Requests + s.Medium.Requests + s.Heavy.Requests + s.Other.Requests
}

// Stats returns the counts so far.
func (s *Simulator) Stats() Stats {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return s.counts.stats
}

type counts struct {
	mu    sync.Mutex
	stats Stats
}

func (c *counts) add(g group, a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := c.stats.of(g)
	count.Requests++
	switch {
	case a.fault != nil:
		c.stats.Faults++
	case a.status == http.StatusTooManyRequests:
		count.Limited++
	}
	c.stats.Records += int64(a.records)
	c.stats.Messages += int64(a.messages)
	c.stats.Bytes += int64(len(a.body))
}

func (c *counts) login() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Logins++
}

func (s *Stats) of(g group) *Count {
	switch g {
	case auth:
		return &s.Auth
	case light:
		return &s.Light
	case medium:
		return &s.Medium
	case heavy:
		return &s.Heavy
	default:
		return &s.Other
	}
}
