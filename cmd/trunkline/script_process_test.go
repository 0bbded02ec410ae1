package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits runs a program to its end. Nothing that it prints may hold a credential.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		ts.Fatalf("%s: %v", args[1], err)
	}
	status := 0
	if failed != nil {
		status = failed.ExitCode()
	}
	checkEnd(ts, args[0], status, ts.ReadFile("stdout")+ts.ReadFile("stderr"))
}

func checkEnd(ts *testscript.TestScript, want string, status int, output string) {
	if found := worldOf(ts).secretIn(output); found != "" {
		ts.Fatalf("the output holds a secret, %q", found)
	}
	if strconv.Itoa(status) != want {
		ts.Fatalf("exit status %d, want %s", status, want)
	}
}

// background is a program that runs beside the script.
type background struct {
	cmd            *exec.Cmd
	stdout, stderr output
	done           chan struct{} // closed when it has ended
}

// output is what a program printed so far.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and made anew with every write
}

// Write adds to the text.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
	}
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

// soFar is the text, and a channel that is closed when it grows.
func (o *output) soFar() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.text.String(), o.changed
}

// begin starts a program; one at a time.
func begin(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) < 1 || w.background != nil {
		ts.Fatalf("usage: start PROGRAM ARGS..., after `ends` of the one before")
	}
	ts.Check(ts.Exec("env")) // the script's own variables, which testscript does not tell otherwise
	b := &background{cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	b.cmd.Env = strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = ts.MkAbs("."), &b.stdout, &b.stderr
	ts.Check(b.cmd.Start())
	go func() {
		_ = b.cmd.Wait() // its state tells
		close(b.done)
	}()
	w.background = b
}

func running(ts *testscript.TestScript) *background {
	b := worldOf(ts).background
	if b == nil {
		ts.Fatalf("nothing was started")
	}
	return b
}

func signalTo(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": os.Kill}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal TERM|INT|KILL")
	}
	ts.Check(running(ts).cmd.Process.Signal(signals[args[0]]))
}

// ends waits; afterwards stdout and stderr are those of the program. A program that a signal killed has status -1.
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ends STATUS")
	}
	b := running(ts)
	<-b.done
	worldOf(ts).background = nil
	stdout, _ := b.stdout.soFar()
	stderr, _ := b.stderr.soFar()
	_, err := ts.Stdout().Write([]byte(stdout))
	ts.Check(err)
	_, err = ts.Stderr().Write([]byte(stderr))
	ts.Check(err)
	ts.Logf("[stdout]\n%s[stderr]\n%s", stdout, stderr)
	if b.cmd.Args[1] == "simulate" { // which prints what it serves
		stdout = ""
	}
	checkEnd(ts, args[0], b.cmd.ProcessState.ExitCode(), stdout+stderr)
}

// exports waits for the four variables that `trunkline simulate` prints, and sets them for the script.
func exports(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: exports")
	}
	b := running(ts)
	lines := regexp.MustCompile(`(?m)^export (RC_[A-Z_]+)=(.+)\n`)
	for {
		text, changed := b.stdout.soFar()
		if found := lines.FindAllStringSubmatch(text, -1); len(found) == 4 {
			for _, line := range found {
				ts.Setenv(line[1], line[2])
			}
			return
		}
		select {
		case <-changed:
		case <-b.done:
			stderr, _ := b.stderr.soFar()
			ts.Fatalf("it ended without the exports: %s%s", text, stderr)
		}
	}
}

// stop ends what a failed script left running.
func (b *background) stop() {
	_ = b.cmd.Process.Kill() // it may have ended by itself
	<-b.done
}
