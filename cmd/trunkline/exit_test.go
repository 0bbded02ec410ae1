package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

func TestExitStatus(t *testing.T) {
	bad, plain := usage(errors.New("bad flag")), errors.New("no luck")
	model, audit := &sql.ModelError{Model: "m", Err: plain}, &sql.AuditError{Audit: "a", Rows: []string{"x=1"}, Count: 1}
	away, refused, missing := &ringcentral.Error{Status: 503}, &ringcentral.Error{Status: 401}, &ringcentral.Error{Status: 403}
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"anything", plain, 1},
		{"usage", fmt.Errorf("run: %w", bad), 2},
		{"empty window", pipeline.ErrEmptyWindow, 2},
		{"cache limit", fmt.Errorf("%w: 3 bytes", pipeline.ErrCacheLimit), 2},
		{"layout", fmt.Errorf("x: %w", sinks.ErrLayout), 2},
		{"login refused", fmt.Errorf("page 1: %w", refused), 2},
		{"permission missing", fmt.Errorf("page 1: %w", missing), 2},
		{"record gone", &ringcentral.Error{Status: 404}, 1},
		{"model", fmt.Errorf("x: %w", model), 3},
		{"audit", fmt.Errorf("x: %w", audit), 3},
		{"server away", fmt.Errorf("page 1: %w", away), 75},
		{"rate", &ringcentral.Error{Status: 429}, 75},
		{"network", &ringcentral.Error{}, 75},
		{"2 before 1", errors.Join(plain, refused), 2},
		{"1 before 3", errors.Join(audit, plain), 1},
		{"3 before 75", errors.Join(away, model), 3},
		{"joined within joined", errors.Join(away, errors.Join(away, plain)), 1},
	} {
		if got := exitStatus(t.Context(), c.err); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestExitStatusOfInterruption holds that a signal weighs more than the errors that it caused, and that it does not
// matter to what was done by then.
func TestExitStatusOfInterruption(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(interrupted{signal})
		if got := exitStatus(ctx, usage(context.Canceled)); got != want {
			t.Errorf("%v: %d, want %d", signal, got, want)
		}
		if got := exitStatus(ctx, nil); got != 0 {
			t.Errorf("%v after the end: %d, want 0", signal, got)
		}
	}
}
