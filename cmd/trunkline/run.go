package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// windowFlags say which days are meant.
type windowFlags struct {
	From string `help:"First day (YYYY-MM-DD, UTC), or an RFC 3339 instant; widened to whole UTC days. Without a window, the days that are owed." placeholder:"DAY"`
	To   string `help:"Day after the last one, or an instant. Default: now." placeholder:"DAY"`
	termFlags
}

// termFlags say how long things take at RingCentral.
type termFlags struct {
	Since     span `help:"How far back an empty lake starts, where no window is given." default:"30d"`
	Lookback  span `help:"How long after a day's end late edits are expected; the day is read again after it." default:"72h"`
	Retention span `help:"How long RingCentral keeps a call. Days that near this age and are not held are reported, and empty answers for older ones are not believed; 0 means for ever." default:"270d"`
}

func (f termFlags) terms() pipeline.Terms {
	return pipeline.Terms{Since: time.Duration(f.Since), Lookback: time.Duration(f.Lookback), Retention: time.Duration(f.Retention)}
}

// window is the explicit window, nil without one.
func (f windowFlags) window(s *session) (*pipeline.Window, error) {
	if f.From == "" && f.To == "" {
		return nil, nil
	}
	w, notes, err := pipeline.ParseWindow(f.From, f.To, s.now)
	if err != nil {
		return nil, usage(err)
	}
	for _, note := range notes {
		s.log.Info(note)
		s.summary.Warnings = append(s.summary.Warnings, note)
	}
	return &w, nil
}

// account is RingCentral's id of an account, or ~ for the account of the login.
type account string

// UnmarshalText reads an id, which is digits: it becomes part of addresses and of names in the lake.
func (a *account) UnmarshalText(text []byte) error {
	if s := string(text); s != pipeline.OwnAccount && (s == "" || strings.Trim(s, "0123456789") != "") {
		return fmt.Errorf("%q: expected an id of digits, or %s", s, pipeline.OwnAccount)
	}
	*a = account(text)
	return nil
}

// scopeFlags say whose call log is meant.
type scopeFlags struct {
	Scope string `help:"Whose call log is read: company, or extension for users without the company's permission. Then the log of each extension that the user may read, his own at least, goes to the table extension_call_log." enum:"company,extension" default:"company"`
}

func (f scopeFlags) scope() pipeline.Scope { return pipeline.Scope(f.Scope) }

// sourceFlags say whose call log is read, and how patiently.
type sourceFlags struct {
	AccountID account `help:"Account to read; ~ is the account of the login." default:"~"`
	scopeFlags
	CallsPerDay int        `help:"Calls to expect on a working day of which the lake knows nothing; 0 means unknown." default:"0"`
	PerPage     int        `help:"Records a page, 1 to 1000; fewer only where pages are too large to arrive." default:"1000"`
	Strategy    string     `help:"How changes are found: auto reads days from the list and changes from the change feed, list reads days again, feed reads changes only." enum:"auto,list,feed" default:"auto"`
	Streams     streamList `help:"What to read, with commas between: call_log, account, extensions, call_queues, phone_numbers, messages, recordings (the audio of calls, one request each). Streams that are named must be readable; of the default ones, those that the user may not read are left out with a warning." default:"call_log,account,extensions,call_queues,phone_numbers" placeholder:"STREAM,…"`
	Archive     string     `help:"Keep the pages of every read that changed something, so that tables can be built again offline: on, off, or auto, which is on unless --privacy takes something away." enum:"auto,on,off" default:"auto"`
	AllowShrink bool       `help:"Make a day exactly what RingCentral gives of it, even if that is less than the lake holds."`
	PollAnyway  bool       `help:"Read days again that were read under five minutes ago."`
	RateShare   float64    `help:"Share of RingCentral's permitted rate that may be used, for accounts with other integrations: above 0, at most 1." default:"1"`
	privacyFlags
	Tries     int  `help:"How often one request is tried before it counts as failed." default:"6"`
	RetryWait span `help:"Wait before the first repetition of a failed request; it doubles, up to a minute." default:"2s"`
}

func (f sourceFlags) client(s *session, creds ringcentral.Credentials, sharing *pipeline.Sharing) (*ringcentral.Client, error) {
	c, err := ringcentral.New(creds, &ringcentral.Options{
		UserAgent: userAgent(), Clock: ringcentral.Clock{Now: s.clock, Sleep: s.sleep}, Log: s.log,
		Tries: f.Tries, RetryWait: time.Duration(f.RetryWait), RateShare: f.RateShare, OnPenalty: sharing.Penalty,
	})
	if err != nil {
		return nil, usage(err)
	}
	return c, nil
}

// outputFlags choose the form of the result.
type outputFlags struct {
	Output string `help:"Form of the result: text for people, json for programs." enum:"text,json" default:"text"`
}

type runCmd struct {
	lakeFlags
	windowFlags
	sourceFlags
	martFlags
	outputFlags
}

// Run extracts and then transforms what the lake holds, also where some days failed.
func (c *runCmd) Run(s *session) error {
	marts, err := c.marts(s, c.Retention)
	if err != nil {
		return err
	}
	source, err := prepare(s, c.windowFlags, c.sourceFlags)
	if err != nil {
		return err
	}
	return withLake(s, c.lakeFlags, func(lake *sinks.Lake) error {
		engine, err := marts.engine(s.ctx, lake)
		if err != nil {
			return err
		}
		defer engine.Close()
		err = s.extract(lake, source)
		if s.ctx.Err() != nil {
			return errors.Join(err, context.Cause(s.ctx))
		}
		return errors.Join(err, transform(s, lake, engine, marts.zone), s.report(c.Output))
	})
}

type extractCmd struct {
	lakeFlags
	windowFlags
	sourceFlags
	outputFlags
}

// Run brings days into the lake and leaves the marts as they are.
func (c *extractCmd) Run(s *session) error {
	source, err := prepare(s, c.windowFlags, c.sourceFlags)
	if err != nil {
		return err
	}
	return withLake(s, c.lakeFlags, func(lake *sinks.Lake) error {
		return errors.Join(s.extract(lake, source), s.report(c.Output))
	})
}

type transformCmd struct {
	lakeFlags
	Retention span `help:"How long RingCentral keeps a call, for marts.archive_coverage; 0 means for ever." default:"270d"`
	martFlags
	outputFlags
}

// Help says where the rest of what the marts are built by stands.
func (c *transformCmd) Help() string {
	return `Business hours, holidays, rate cards and whose numbers are whose stand in the configuration file alone, under the keys business-hours, holidays and billing: docs/configuration.md has an example. What they change is built again, and nothing else.`
}

// Run brings the marts up to date with the lake.
func (c *transformCmd) Run(s *session) error {
	marts, err := c.marts(s, c.Retention)
	if err != nil {
		return err
	}
	return withLake(s, c.lakeFlags, func(lake *sinks.Lake) error {
		engine, err := marts.engine(s.ctx, lake)
		if err != nil {
			return err
		}
		defer engine.Close()
		if err := transform(s, lake, engine, marts.zone); err != nil {
			return err
		}
		return s.report(c.Output)
	})
}

// withLake opens the lake for writing.
func withLake(s *session, f lakeFlags, use func(*sinks.Lake) error) error {
	lake, shut, err := f.open(s.ctx, true)
	if err != nil {
		return err
	}
	defer shut()
	return use(lake)
}

// source is what an extraction reads from, and what of it.
type source struct {
	pipeline.Extraction
	client  *ringcentral.Client
	sharing *pipeline.Sharing
}

// prepare turns flags and environment into what an extraction needs, before anything is made or asked.
func prepare(s *session, w windowFlags, f sourceFlags) (source, error) {
	window, err := w.window(s)
	if err != nil {
		return source{}, err
	}
	switch {
	case f.PerPage < 1 || f.PerPage > 1000 || f.CallsPerDay < 0:
		return source{}, usage(fmt.Errorf("--per-page %d, --calls-per-day %d: expected 1 to 1000 records a page, and no fewer than 0 calls", f.PerPage, f.CallsPerDay))
	case !(f.RateShare > 0 && f.RateShare <= 1):
		return source{}, usage(fmt.Errorf("--rate-share %v: expected a share above 0 and at most 1, such as 0.8", f.RateShare))
	case window != nil && f.Strategy == string(pipeline.StrategyFeed):
		return source{}, usage(pipeline.ErrFeedWindow)
	case f.scope() == pipeline.ScopeExtension && f.Strategy == string(pipeline.StrategyFeed):
		return source{}, usage(errors.New("--strategy feed: the change feed is of the company's call log; leave --strategy out with --scope extension"))
	}
	policy, err := f.ready()
	if err == nil {
		err = f.archives("--archive=on", f.Archive == "on", policy)
	}
	if err == nil && slices.Contains(f.Streams.names(), pipeline.RecordingsStream) && !policy.KeepsAudio() {
		err = usage(pipeline.ErrAudio)
	}
	if err != nil {
		return source{}, err
	}
	creds, err := readCredentials(s.file)
	if err != nil {
		return source{}, err
	}
	x := source{sharing: pipeline.NewSharing(), Extraction: pipeline.Extraction{
		AccountID: string(f.AccountID), Window: window, Strategy: pipeline.Strategy(f.Strategy), Scope: f.scope(), Terms: w.terms(),
		Sizing: pipeline.Sizing{CallsPerDay: f.CallsPerDay, PerPage: f.PerPage}, RunID: s.summary.RunID, Now: s.now, Clock: s.clock,
		Streams: f.Streams.names(), Named: f.Streams.named(), NoArchive: f.Archive == "off", AllowShrink: f.AllowShrink, PollAnyway: f.PollAnyway, Policy: policy,
	}}
	x.client, err = f.client(s, creds, x.sharing)
	return x, err
}

// extract runs an extraction, shows its progress and notes what it did. It returns all its errors.
func (s *session) extract(lake *sinks.Lake, x source) error {
	s.summary.noCalls = !slices.Contains(x.Streams, pipeline.CallLogStream)
	if held, err := lake.Accounts(s.ctx); err == nil && len(held) == 0 && x.Window == nil && !s.summary.noCalls {
		s.summary.backfill = fmt.Sprintf("the lake was empty, so this run began %d days back; `trunkline run%s --from %s` with the same --lake fetches everything that RingCentral still has, oldest first",
			int(x.Since.Hours()/24), scopeWords(x.Scope), x.Now.AddDate(-1, 0, 0).Format(time.DateOnly)) // it keeps 12 months of most accounts
	}
	leave := x.sharing.Join(s.ctx, x.client, lake, x.RunID, s.clock, s.log)
	tally, err := s.follow(pipeline.Extract(s.ctx, x.client, lake, x.Extraction))
	leave()
	s.logout(x.client)
	s.summary.extracted(tally)
	s.summary.Requests = requestSum(x.client.Requests())
	s.summary.Requests.predict(tally.Requests)
	return err
}

// follow shows the events of a run as they come and adds them up. It returns all errors, those of single days too.
func (s *session) follow(events iter.Seq2[pipeline.Event, error]) (pipeline.Tally, error) {
	var tally pipeline.Tally
	var errs []error
	p := s.progress()
	defer p.end()
	for event, err := range events {
		if err != nil {
			errs = append(errs, err)
			break
		}
		tally.Add(event)
		p.show(event)
	}
	return tally, errors.Join(append(tally.Errs, errs...)...)
}

// logout ends the session at RingCentral, which permits five at a time; a session that stays ends by itself.
func (s *session) logout(client *ringcentral.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
	defer cancel()
	if err := client.Logout(ctx); err != nil {
		s.log.Debug("logout", "error", err)
	}
}

func transform(s *session, lake *sinks.Lake, engine *sql.Engine, zone *time.Location) error {
	done, err := pipeline.Transform(s.ctx, lake, engine, zone)
	s.summary.transformed(done)
	return err
}

func requestSum(r ringcentral.Requests) *reqSum {
	return &reqSum{Total: r.Total, ByGroup: r.Groups, Retried: r.Retries, RateLimited: r.RateLimited}
}

// report writes what was done for a person; programs read the summary line.
func (s *session) report(form string) error {
	if form == "json" {
		return nil
	}
	var lines []string
	if d := s.summary.Days; d != nil {
		if !s.summary.noCalls {
			lines = append(lines, extractionLine(d, s.summary.AccountID))
		}
		if d.Extensions > 0 {
			lines = append(lines, "scope: "+ofExtensions(d.Answered, d.Extensions))
		}
		if line := streamsLine(s.summary.Streams); line != "" {
			lines = append(lines, line)
		}
		lines = append(lines, requestLine(s.summary.Requests))
	}
	if m := s.summary.Marts; m != nil {
		line := "marts: nothing to rebuild"
		if m.Stale > 0 {
			line = fmt.Sprintf("marts: %s local days rebuilt, %s partitions changed", humanize.Comma(int64(m.Stale)), humanize.Comma(int64(m.Changed)))
		}
		lines = append(lines, line)
	}
	if s.summary.backfill != "" {
		lines = append(lines, s.summary.backfill)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(s.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func extractionLine(d *daysSum, account string) string {
	if account == "" {
		return "days: none were read" // not even whose they are is known
	}
	if d.Planned == 0 && d.Changed > 0 {
		return fmt.Sprintf("days: none are owed; the change feed changed %d partitions of account %s", d.Changed, account)
	}
	if d.Planned == 0 {
		return "days: none are owed; give --from and --to to read a window again"
	}
	if d.Changed == 0 && d.Done == d.Planned && len(d.Doubtful) == 0 {
		return fmt.Sprintf("days: %d read of account %s, no partition changed", d.Done, account)
	}
	return fmt.Sprintf("days: %d of %d read of account %s, %d partitions changed; %s calls held",
		d.Done, d.Planned, account, d.Changed, humanize.Comma(d.Rows))
}

func requestLine(r *reqSum) string {
	line := fmt.Sprintf("requests: %d, of them %d of the call log's rate group (Heavy)", r.Total, r.ByGroup["Heavy"])
	if r.Predicted != nil {
		line += fmt.Sprintf("; for pages %d were predicted and %d spent", *r.Predicted, r.Spent)
	}
	return line
}
