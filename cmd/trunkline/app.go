package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
	kongcompletion "github.com/jotaen/kong-completion"
	"golang.org/x/term"
)

// cli is the whole command line: every flag has, by its name alone, an environment variable (--log-level is
// TRUNKLINE_LOG_LEVEL) and a key in trunkline.yaml (log-level).
type cli struct {
	Config    string `help:"Configuration file. Without the flag, trunkline.yaml is read where it exists." placeholder:"FILE"`
	LogFormat string `help:"Form of the log on standard error: text or json." enum:"text,json" default:"text"`
	LogLevel  string `help:"Least severe log lines shown: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`

	Demo       demoCmd                   `cmd:"" help:"Try all of it on an invented company: no account, server or configuration needed."`
	Run        runCmd                    `cmd:"" help:"Extract, load and transform: a window of days, or without one the days that are owed."`
	Extract    extractCmd                `cmd:"" help:"The first half of run: bring days from RingCentral into the lake."`
	Transform  transformCmd              `cmd:"" help:"The second half of run: bring the marts up to date with the lake."`
	Plan       planCmd                   `cmd:"" help:"Show what run would do, stream by stream: days, requests, minutes. Asks the lake only."`
	Status     statusCmd                 `cmd:"" help:"Show what the lake holds: first and last day, gaps, unsettled days, rows, bytes."`
	Verify     verifyCmd                 `cmd:"" help:"Compare the lake with what it says of itself: objects, hashes, rows, ids, names. Changes nothing."`
	Doctor     doctorCmd                 `cmd:"" help:"Try everything that a run needs: credentials, permissions, clock, rate, lake, disk, DuckDB; with a remedy for each."`
	Query      queryCmd                  `cmd:"" help:"Run SQL (DuckDB) over the lake's tables and marts."`
	Open       openCmd                   `cmd:"" help:"Write a DuckDB database file of views over a local lake, for DuckDB itself and the tools on top of it."`
	Marts      martsCmd                  `cmd:"" help:"Say what each mart is, and of one what each of its columns means."`
	Dump       dumpCmd                   `cmd:"" help:"Write records back as RingCentral's JSON, one a line, from the lake's Parquet alone."`
	Inspect    inspectCmd                `cmd:"" help:"Show one call or message as the lake has it, as RingCentral has it now, and the difference."`
	Reconcile  reconcileCmd              `cmd:"" help:"Hold what a CRM, an invoice or an export says there was against the lake: what is missing, different, and why."`
	Replay     replayCmd                 `cmd:"" help:"Convert API pages that were saved on disk into the lake, without the API."`
	Redact     redactCmd                 `cmd:"" help:"Bring held days under the privacy policy of --privacy, and take them out of the archive."`
	Erase      eraseCmd                  `cmd:"" help:"Take a person out of tables and archive, for good."`
	Simulate   simulateCmd               `cmd:"" help:"Serve an invented RingCentral, or recorded records, until interrupted."`
	Version    versionCmd                `cmd:"" help:"Show the versions of trunkline, Go, DuckDB and Arrow."`
	Completion kongcompletion.Completion `cmd:"" help:"Print the line that makes your shell complete trunkline's verbs and flags."`
}

const helpText = `Moves a RingCentral call log out of RingCentral, which forgets it after some months, into Parquet partitions by account and day, and into marts.

Credentials come from the environment, each also as …_FILE naming a file that holds it: RC_SERVER_URL (default https://platform.ringcentral.com), RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT, and RC_MEDIA_URL, from where recordings come (default https://media.ringcentral.com, or the like of it for another platform host).

Exit status: 0 done; 1 failed; 2 usage, configuration or refused credentials; 3 a model, an audit or a verification failed, or a reconciliation found differences; 75 try again later (rate limit, server or network away); 130, 143 interrupted. An interrupted run has replaced whole days only.

The call log is for archives and reports, not for real time: to follow calls as they happen, use RingCentral's webhooks.`

// process is what the command takes from the process that it runs in.
type process struct {
	stdout io.Writer
	stderr *os.File
	args   []string // with the program's name first
	clock  func() time.Time
	sleep  func(context.Context, time.Duration) error // by that clock
}

// session is what a verb works with.
type session struct {
	ctx      context.Context
	stdout   io.Writer
	stderr   io.Writer
	terminal bool // standard error is one
	log      *slog.Logger
	clock    func() time.Time
	sleep    func(context.Context, time.Duration) error // by that clock
	now      time.Time                                  // the clock, read once
	program  string                                     // as a person would type it
	file     *configFile
	summary  *summary
}

// run runs the command and returns its exit status.
func run(ctx context.Context, p process) int {
	s := &session{
		ctx: ctx, stdout: p.stdout, stderr: p.stderr, terminal: term.IsTerminal(int(p.stderr.Fd())),
		clock: p.clock, sleep: p.sleep, now: p.clock().UTC(), program: programName(p.args[0]), log: slog.New(slog.NewTextHandler(p.stderr, nil)),
	}
	s.summary = &summary{RunID: newRunID(), started: time.Now()}
	var line cli
	app, command, err := s.parse(&line, p)
	if app == nil {
		return 0 // help was shown, or a shell was answered
	}
	if command != nil {
		s.summary.Verb = command.Command()
	} else {
		s.summary.Verb = verbOf(p.args[1:])
	}
	if err == nil {
		s.log = newLogger(p.stderr, line.LogFormat, line.LogLevel)
		log.SetOutput(slog.NewLogLogger(s.log.Handler(), slog.LevelInfo).Writer())
		err = command.Run(s)
	}
	return s.finish(err)
}

// parse reads the command line, the environment and the file. A nil app means that nothing is left to do.
func (s *session) parse(line *cli, p process) (app *kong.Kong, command *kong.Context, err error) {
	if s.file, err = readConfigFile(p.args[1:], os.LookupEnv); err != nil {
		return &kong.Kong{}, nil, usage(err)
	}
	exited := false
	app, err = kong.New(line,
		kong.Name("trunkline"), kong.Description(helpText), kong.UsageOnError(),
		kong.DefaultEnvars("TRUNKLINE"), kong.Resolvers(s.file),
		kong.Writers(p.stdout, p.stderr), kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("command line: %w", err)
	}
	kongcompletion.Register(app)
	if exited {
		return nil, nil, nil
	}
	command, err = app.Parse(p.args[1:])
	if exited {
		return nil, nil, nil
	}
	if err != nil {
		hint := "trunkline --help"
		if verb := verbOf(p.args[1:]); verb != "" {
			hint = "trunkline " + verb + " --help"
		}
		return app, nil, usage(fmt.Errorf("%w; see %s", err, hint))
	}
	return app, command, nil
}

// verbs lists all verbs, as the command line has them.
func verbs() (out []string) {
	of := reflect.TypeFor[cli]()
	for i := range of.NumField() {
		if _, is := of.Field(i).Tag.Lookup("cmd"); is {
			out = append(out, strings.ToLower(of.Field(i).Name))
		}
	}
	return out
}

// verbOf finds the verb of a command line that could not be parsed; "" if there is none.
func verbOf(args []string) string {
	for _, a := range args {
		if slices.Contains(verbs(), a) {
			return a
		}
	}
	return ""
}

// finish reports an error, writes the summary as the last line of all output, and returns the exit status.
func (s *session) finish(err error) int {
	status := exitStatus(s.ctx, err)
	if err != nil {
		fmt.Fprintf(s.stderr, "trunkline: %s\n", describe(s.ctx, err))
	}
	s.summary.end(status, err)
	if line := s.summary.line(); line != nil {
		out := s.stdout
		if s.summary.onStderr() {
			out = s.stderr
		}
		if _, e := out.Write(line); e != nil && status == 0 {
			return 1
		}
	}
	return status
}

// describe is the error as a person reads it.
func describe(ctx context.Context, err error) string {
	var by interrupted
	if errors.As(context.Cause(ctx), &by) {
		return by.Error() + "; whole days only were replaced, run it again to go on"
	}
	return err.Error() + fullDisk(err)
}

func newRunID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return time.Now().UTC().Format("20060102T150405.000000000")
	}
	return id.String()
}

func newLogger(w io.Writer, form, level string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		least = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: least}
	if form == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
