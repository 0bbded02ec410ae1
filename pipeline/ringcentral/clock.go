package ringcentral

import (
	"context"
	"time"
)

// Clock is where a Client takes its time from. Tests drive it; programs leave it to SystemClock.
type Clock struct {
	// Now is the present instant.
	Now func() time.Time
	// Sleep returns after d, or at once with the context's error when that ends first.
	Sleep func(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's clock.
func SystemClock() Clock { return Clock{Now: time.Now, Sleep: sleep} }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
