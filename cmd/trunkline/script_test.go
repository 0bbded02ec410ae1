package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
)

// TestMain lets this binary stand in for the command: scripts run it as a process of its own, named trunkline.
func TestMain(m *testing.M) {
	testscript.Main(ended{m}, map[string]func(){
		"trunkline": func() { os.Exit(start(scriptClock(os.Getenv(clockVariable), os.Getenv(lapseVariable)))) },
	})
}

// TestScripts runs testdata/script. What follows lists the commands that the scripts have beside testscript's own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,     // exits STATUS PROGRAM ARGS...: run it and expect the exit status
			"start":     begin,     // start PROGRAM ARGS...: run it beside the script
			"signal":    signalTo,  // signal TERM|INT|KILL: send it to what was started
			"ends":      ends,      // ends STATUS: wait for what was started
			"exports":   exports,   // take over the `export NAME=value` lines that it prints
			"clock":     setClock,  // clock INSTANT: what time it is from now on, for commands and servers
			"serve":     serveIt,   // serve [-extensions=N] [-calls=N] [-perpage=N] [FILES...]: a RingCentral, and RC_...
			"fault":     setFault,  // fault KIND [page=N] [after=N] [times=N]: break its call log; fault off
			"reached":   reached,   // wait until a request has met `fault hold`
			"requests":  requests,  // requests KIND=N...: how many came since the last time this was asked
			"truth":     truth,     // truth NAME FROM TO: set NAME to the number of calls that there are
			"sent":      sent,      // sent NAME: set NAME to the number of calls that the server sent
			"lastjson":  lastJSON,  // lastjson stdout|stderr|FILE PATH=VALUE...: look into the last line
			"firstjson": firstJSON, // and into the first
			"lakehash":  lakeHash,  // lakehash save|same [-tables] NAME DIR: compare all files of a lake
			"files":     files,     // files DIR: print the names of all files
			"tmpfs":     tmpfs,     // tmpfs DIR SIZE: mount a small disk there, or give the one that is there another size
			"secret":    secret,    // secret TEXT...: expect these in no output, too
			"secrets":   secrets,   // secrets DIR|FILE...: expect some credential of the server in there
		},
	})
}

// clockVariable tells commands that scripts run what time it is, as the difference to the machine's clock; lapseVariable, if it is
// set, since when their time passes lapseFactor times as fast as the machine's.
const (
	clockVariable = "SCRIPT_CLOCK_OFFSET"
	lapseVariable = "SCRIPT_CLOCK_LAPSE"
	lapseFactor   = 60
)

// scriptStart is when scripts begin, a Wednesday: so no script meets midnight or a change of the month by accident.
func scriptStart() time.Time { return time.Date(2026, 11, 11, 12, 0, 0, 0, time.UTC) }

// scriptClock is the machine's clock, moved by a duration in Go's notation, and perhaps in a hurry since an instant.
func scriptClock(offset, lapse string) ringcentral.Clock {
	moved, err := time.ParseDuration(offset)
	if err != nil {
		panic(clockVariable + ": " + err.Error())
	}
	system := ringcentral.SystemClock()
	if lapse == "" {
		return ringcentral.Clock{Now: func() time.Time { return time.Now().Add(moved) }, Sleep: system.Sleep}
	}
	since, err := time.Parse(time.RFC3339Nano, lapse)
	if err != nil {
		panic(lapseVariable + ": " + err.Error())
	}
	return ringcentral.Clock{
		Now:   func() time.Time { return since.Add(time.Since(since)*lapseFactor + moved) },
		Sleep: func(ctx context.Context, d time.Duration) error { return system.Sleep(ctx, d/lapseFactor+1) },
	}
}

// setup gives each script a clock, a home, and a world to change.
func setup(e *testscript.Env) error {
	w := &world{lakes: map[string]map[string]string{}, seen: map[string]int{}}
	w.offset = time.Until(scriptStart()).Round(time.Millisecond)
	e.Values[worldKey] = w
	e.Setenv(clockVariable, w.offset.String())
	e.Setenv("HOME", e.WorkDir+"/home")
	e.Setenv("TZ", "Pacific/Apia") // nothing may depend on the machine's zone
	// Scripts do in seconds what takes days; polling.txtar is about the refusal, and risk.txtar about what is forgotten.
	e.Setenv("TRUNKLINE_POLL_ANYWAY", "true")
	e.Setenv("TRUNKLINE_RETENTION", "0d")
	e.Setenv("TRUNKLINE_STREAMS", pipeline.CallLogStream) // the others have a script of their own
	// The race detector's wait for the reports of other threads: a second for each command.
	e.Setenv("GORACE", "atexit_sleep_ms=0")
	e.Defer(w.close)
	return nil
}

// worldOf is the world of a script.
func worldOf(ts *testscript.TestScript) *world {
	w, ok := ts.Value(worldKey).(*world)
	if !ok {
		ts.Fatalf("setup did not make the script's world")
	}
	return w
}

// setClock changes the time for the commands and the server; between two changes it passes as usual.
func setClock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: clock INSTANT")
	}
	at, err := time.Parse(time.RFC3339, args[0])
	ts.Check(err)
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset = time.Until(at).Round(time.Millisecond)
	ts.Setenv(clockVariable, w.offset.String())
}
