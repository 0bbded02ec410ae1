// Command trunkline moves a RingCentral account's call log into tables that its owner keeps: pages from the API, Parquet
// partitions by account and day in any bucket, and marts by DuckDB. `trunkline --help` lists its verbs.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // time zones on machines without a database of them

	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	_ "github.com/trunkline/trunkline/sinks/disk"
)

func main() { os.Exit(start(ringcentral.SystemClock())) }

// start runs the command as this process and returns its exit status.
func start(clock ringcentral.Clock) int {
	stdout := os.Stdout
	// Libraries that print on standard output, as gcsblob does without credentials, must not spoil a result.
	os.Stdout = os.Stderr
	log.SetFlags(0)
	unsetEmpty(os.Environ())
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // buffers of pages and days are large and short-lived: less memory for little time
	}
	ctx, stop := interruptible()
	defer stop()
	return run(ctx, process{stdout: stdout, stderr: os.Stderr, args: os.Args, clock: clock.Now, sleep: clock.Sleep})
}

// unsetEmpty makes a variable of ours that is set to nothing one that is not set, so that it hides nothing.
func unsetEmpty(environ []string) {
	for _, v := range environ {
		if name, value, _ := strings.Cut(v, "="); value == "" && strings.HasPrefix(name, "TRUNKLINE_") {
			_ = os.Unsetenv(name) // it cannot fail for a name that was there
		}
	}
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// interruptible returns a context that the first SIGINT or SIGTERM ends; the second ends the process at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for s := range signals {
			number, _ := s.(syscall.Signal)
			if ctx.Err() != nil {
				os.Exit(128 + int(number))
			}
			cancel(interrupted{number})
		}
	}()
	return ctx, func() { signal.Stop(signals); close(signals); cancel(nil) }
}
