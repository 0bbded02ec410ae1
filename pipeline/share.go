package pipeline

import (
	"context"
	"log/slog"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

const (
	// holdRenewed is how often a process says that it still shares the rate.
	holdRenewed = 20 * time.Second
	// holdLasts is for how long the others believe it. It is several renewals, so that a slow store, or clocks that differ by
	// less than a minute, cost nobody the share.
	holdLasts = 90 * time.Second
)

// Sharing makes processes of one user and application share RingCentral's rate: each enters itself in the lake, takes its
// part of the rate, and tells the others of penalties. A process that cannot reach the lake goes on with the share that it knows.
type Sharing struct{ met chan penalty }

type penalty struct {
	group string
	until time.Time
}

// NewSharing makes a Sharing whose Penalty can be given to a client as its OnPenalty.
func NewSharing() *Sharing { return &Sharing{met: make(chan penalty, 64)} }

// Penalty takes note of a penalty, to tell the others.
func (s *Sharing) Penalty(group string, until time.Time) {
	select {
	case s.met <- penalty{group, until}:
	default: // so many are waiting to be told that one more says nothing new
	}
}

// Join enters the process as a holder of the client's rate and keeps it entered until leave is called, which takes it out
// again, or a window later if it has sent something. Times are clock's.
func (s *Sharing) Join(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, holder string, clock func() time.Time, log *slog.Logger) (leave func()) {
	ctx, stop := context.WithCancel(ctx)
	hold := func(ctx context.Context, lasts time.Duration, met map[string]time.Time) {
		now := clock()
		share, err := lake.Hold(ctx, c.RateKey(), holder, now, now.Add(lasts), met)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("the rate could not be shared through the lake; going on with the share that is known", "error", err)
			}
			return
		}
		c.SetHolders(max(1, len(share.Holders)))
		for group, until := range share.Penalties {
			c.HoldUntil(group, until)
		}
	}
	hold(ctx, holdLasts, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		renew := time.NewTicker(holdRenewed)
		defer renew.Stop()
		for {
			met := map[string]time.Time{}
			select {
			case <-ctx.Done():
				return
			case <-renew.C:
			case p := <-s.met:
				met[p.group] = p.until
			}
			hold(ctx, holdLasts, met)
		}
	}()
	return func() {
		stop()
		<-done
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// What was sent counts for a window, and so does its sender's part of the rate.
		counts := time.Duration(0)
		if c.Requests().Groups["Heavy"] > 0 {
			_, counts, _ = c.Rate("Heavy")
		}
		hold(last, counts, nil)
	}
}
