package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// demoRate is the limit of each rate group of the demo's server, a minute; RingCentral's own is realRate unless it grants more.
const (
	demoRate = 6000
	realRate = 10
)

// demoZone is where the invented company works, and so whose days its marts show.
const demoZone = "America/New_York"

type demoCmd struct {
	Dir   string `help:"Directory for the demo's lake." default:"trunkline-demo"`
	Days  int    `help:"Days to extract." default:"30"`
	Until string `help:"The last of them (UTC), or yesterday." default:"yesterday"`
	populationFlags
	faultFlags
}

// Run goes the whole road on parts that are real but for the company.
func (c *demoCmd) Run(s *session) error {
	window, err := c.window(s.now)
	if err != nil {
		return usage(err)
	}
	clock := &eagerClock{now: s.clock}
	sim, err := simulator.New(&simulator.Options{Population: c.population(), HeavyLimit: demoRate, MediumLimit: demoRate, LightLimit: demoRate, Now: clock.Now, Sleep: clock.skip, Faults: c.faults()})
	if err != nil {
		return usage(err)
	}
	flags := lakeFlags{Lake: filepath.Join(c.Dir, "lake")}
	return withLake(s, flags, func(lake *sinks.Lake) error {
		server, err := serve(sim, "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer server.close()
		if err := c.extract(s, lake, server.credentials(sim), clock, window); err != nil {
			return err
		}
		marts, err := demoMarts()
		if err != nil {
			return err
		}
		if err := c.transform(s, lake, marts); err != nil {
			return err
		}
		return withViews(s, lake, marts, nil, math.MaxInt64, func(engine *sql.Engine) error {
			return c.show(s, engine, window, sim, clock.skipped())
		})
	})
}

// eagerClock is a clock on which whoever waits has waited at once, so that a penalty costs a demo no minute.
type eagerClock struct {
	now    func() time.Time
	passed atomic.Int64 // nanoseconds that were waited
}

// Now is the time, with all that was waited.
func (c *eagerClock) Now() time.Time { return c.now().Add(c.skipped()) }

// Sleep has waited.
func (c *eagerClock) Sleep(ctx context.Context, d time.Duration) error {
	c.skip(d)
	return ctx.Err()
}

func (c *eagerClock) skip(d time.Duration) { c.passed.Add(int64(d)) }

func (c *eagerClock) skipped() time.Duration { return time.Duration(c.passed.Load()) }

func (c *demoCmd) window(now time.Time) (pipeline.Window, error) {
	last := arrow.Date32FromTime(now) - 1
	if c.Until != "yesterday" {
		at, err := time.Parse(time.DateOnly, c.Until)
		if err != nil {
			return pipeline.Window{}, fmt.Errorf("--until %q: expected a day such as 2026-11-01, or yesterday", c.Until)
		}
		last = arrow.Date32FromTime(at)
	}
	if c.Days < 1 || c.Days > 3660 {
		return pipeline.Window{}, fmt.Errorf("--days %d: expected 1 to 3660", c.Days)
	}
	if last >= arrow.Date32FromTime(now) {
		return pipeline.Window{}, fmt.Errorf("--until %s: expected a day before today", c.Until)
	}
	return pipeline.Window{From: last - arrow.Date32(c.Days) + 1, To: last + 1}, nil
}

// demoReadings is how often a demo reads its days at most, if faults keep some of them away.
const demoReadings = 5

// extract reads the days, and those that failed once more, as whoever runs the command every night does.
func (c *demoCmd) extract(s *session, lake *sinks.Lake, creds ringcentral.Credentials, clock *eagerClock, w pipeline.Window) error {
	sharing := pipeline.NewSharing()
	client, err := ringcentral.New(creds, &ringcentral.Options{
		UserAgent: userAgent(), Clock: ringcentral.Clock{Now: clock.Now, Sleep: clock.Sleep}, Log: s.log, OnPenalty: sharing.Penalty,
	})
	if err != nil {
		return err
	}
	x := source{client: client, sharing: sharing, Extraction: pipeline.Extraction{
		AccountID: pipeline.OwnAccount, Window: &w, Terms: pipeline.Terms{Lookback: 72 * time.Hour},
		Streams: append(pipeline.DefaultStreams(), pipeline.MessagesStream), Named: true,
		Sizing: pipeline.Sizing{CallsPerDay: c.CallsPerDay}, RunID: s.summary.RunID, Now: s.now, Clock: clock.Now, PollAnyway: true,
	}}
	for reading := 1; ; reading++ {
		err := s.extract(lake, x)
		if err == nil {
			s.summary.Days.Changed = changedCalls(s.summary.changed) // by all readings
			return nil
		}
		if reading == demoReadings || s.ctx.Err() != nil || !c.spoils() {
			return err
		}
		s.log.Warn("days are read again", "reading", reading+1, "error", err)
	}
}

// demoMarts are those of a company that is open from nine to six on weekdays, whatever configuration lies about.
func demoMarts() (building, error) {
	zone, err := zoneOf(demoZone)
	settings := sql.DefaultSettings()
	for day := time.Monday; day <= time.Friday; day++ {
		settings.BusinessHours = append(settings.BusinessHours, sql.BusinessHours{Weekday: day, FromMinute: 9 * 60, ToMinute: 18 * 60})
	}
	return building{zone: zone, options: sql.Options{Timezone: demoZone, Settings: &settings}}, err
}

func (c *demoCmd) transform(s *session, lake *sinks.Lake, marts building) error {
	engine, err := marts.engine(s.ctx, lake)
	if err != nil {
		return err
	}
	defer engine.Close()
	return transform(s, lake, engine, marts.zone)
}

// show prints what was done, a small table from two marts, a page of what others answer, and what to try next.
func (c *demoCmd) show(s *session, engine *sql.Engine, w pipeline.Window, sim *simulator.Simulator, skipped time.Duration) error {
	d, m, stats := s.summary.Days, s.summary.Marts, sim.Stats()
	heavy := s.summary.Requests.ByGroup["Heavy"]
	var b strings.Builder
	fmt.Fprintf(&b, "An invented company of %d extensions in %s (seed %d), account %s\n\n", c.Extensions, demoZone, c.Seed, s.summary.AccountID)
	fmt.Fprintf(&b, "  days      %d, from %s through %s (UTC)\n", d.Done, w.From.FormattedString(), (w.To - 1).FormattedString())
	fmt.Fprintf(&b, "  calls     %s in the lake; the server says it sent %s\n", humanize.Comma(d.Rows), humanize.Comma(stats.Records))
	fmt.Fprintf(&b, "  beside    %s\n", strings.TrimPrefix(streamsLine(s.summary.Streams), "beside: "))
	fmt.Fprintf(&b, "  received  %s of JSON in %d requests; at RingCentral's %d a minute they take %s\n",
		humanize.Bytes(uint64(stats.Bytes)), heavy, realRate, minutes(heavy, realRate))
	if c.spoils() {
		fmt.Fprintf(&b, "  faults    %d of %d answers were spoilt (%s, seed %d); waiting for %s was skipped\n",
			stats.Faults, stats.Requests(), c.Faults, c.FaultSeed, skipped.Round(time.Second))
	}
	fmt.Fprintf(&b, "  stored    %s of Parquet in %s\n", humanize.Bytes(uint64(s.summary.bytes)), filepath.Join(c.Dir, "lake"))
	fmt.Fprintf(&b, "  took      %s\n\n", time.Since(s.summary.started).Round(10*time.Millisecond))
	if d.Changed == 0 && m.Changed == 0 {
		fmt.Fprintf(&b, "The lake held all of this already: no byte of its %d partitions changed.\n\n", d.Done)
	} else {
		fmt.Fprintf(&b, "%d of %d partitions of calls and %d partitions of marts changed.\n\n", d.Changed, d.Done, m.Changed)
	}
	if _, err := fmt.Fprint(s.stdout, b.String()); err != nil {
		return err
	}
	rows, err := engine.Query(s.ctx, demoCalls)
	if err != nil {
		return err
	}
	if err := errors.Join(printRows(s, rows, "table"), c.page(s, engine)); err != nil {
		return err
	}
	return c.next(s)
}

// demoCalls joins two marts and the list of extensions: the last week, and who was busiest on each day of it.
const demoCalls = `
with days as (
    select local_date, sum(calls) as calls, sum(answered) as answered, sum(voicemail) as voicemail,
        sum(missed) as missed, cast(sum(duration_s) / 3600 as decimal(18, 1)) as hours
    from marts.calls_daily group by local_date
), busiest as (
    select d.local_date, coalesce(e.extension_name, d.extension_name, d.extension_id) as extension, d.inbound + d.outbound as calls,
        row_number() over (partition by d.local_date order by d.inbound + d.outbound desc, d.extension_id) as place
    from marts.extension_daily d
    left join staging.extensions e on e.account_id = d.account_id and e.extension_id = d.extension_id
)
select strftime(days.local_date, '%a %d %b') as "day", days.calls, days.answered, days.voicemail, days.missed,
    days.hours as "hours talked", busiest.extension as "busiest extension", busiest.calls as "its calls"
from days left join busiest on busiest.local_date = days.local_date and busiest.place = 1
order by days.local_date desc limit 7`

func (c *demoCmd) next(s *session) error {
	lake := filepath.Join(c.Dir, "lake")
	_, err := fmt.Fprintf(s.stdout, `
Try next:
  %[1]s query --lake %[2]s "select result, count(*) from call_log group by all order by 2 desc"
  %[1]s query --lake %[2]s "select extension_name, kind, count(*) from staging.messages join staging.extensions using (account_id, extension_id) group by all order by 3 desc"
  %[1]s status --lake %[2]s
  %[1]s simulate    # the same company as a server, for your own pipeline

`, s.program, lake)
	return err
}

// minutes is how long requests take at a rate a minute, in words.
func minutes(requests, perMinute int) string {
	d := time.Duration(float64(time.Minute) * float64(requests) / float64(perMinute))
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("about %d minutes", int(math.Ceil(d.Minutes())))
	}
	return fmt.Sprintf("about %d hours", int(math.Ceil(d.Hours())))
}
