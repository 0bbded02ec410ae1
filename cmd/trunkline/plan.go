package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/sinks"
)

type planCmd struct {
	lakeFlags
	windowFlags
	AccountID account `help:"Account to plan for; ~ is the lake's only account." default:"~"`
	scopeFlags
	CallsPerDay int        `help:"Calls to expect on a working day of which the lake knows nothing; 0 means unknown." default:"0"`
	PerPage     int        `help:"Records a page, as run is given it." default:"1000"`
	Strategy    string     `help:"How changes are found, as run is given it." enum:"auto,list,feed" default:"auto"`
	Streams     streamList `help:"What is read, as run is given it." default:"call_log,account,extensions,call_queues,phone_numbers" placeholder:"STREAM,…"`
	Rate        int        `help:"Heavy requests a minute that RingCentral permits your application; of the other groups its documented ones are taken." default:"10"`
	By          string     `help:"What an element of the JSON is: unit, a window of the call log that a scheduler can give to one task, as run --from --to; or stream, what is asked for of each." enum:"unit,stream" default:"unit"`
	outputFlags
}

// Help says what is predicted.
func (c *planCmd) Help() string {
	return `Shows which days run would read and how many requests that takes, from what the lake holds alone: nobody is asked. Requests are means; a snapshot is taken to need as many as the last one, and what is read extension by extension one list for each extension of the last snapshot of extensions. Beside these a run logs in, asks which account it is, and reads the change feed.`
}

// planUnit is one element of the plan: what a scheduler gives to one task, as run --from --to.
type planUnit struct {
	AccountID     string   `json:"account_id,omitempty"`
	From          string   `json:"from"`
	To            string   `json:"to"` // not included
	Days          int      `json:"days"`
	Requests      *float64 `json:"requests"` // expected, a mean; null: unknown
	LeastRequests int      `json:"least_requests"`
	Minutes       *float64 `json:"minutes"` // at the known rate
}

// planStream is what is expected of one stream.
type planStream struct {
	AccountID     string   `json:"account_id,omitempty"`
	Stream        string   `json:"stream"`
	Group         string   `json:"group"` // RingCentral's rate group of most of the requests
	Days          int      `json:"days"`
	Requests      *float64 `json:"requests"`       // expected, a mean; null: not all is known
	LeastRequests float64  `json:"least_requests"` // of what is known, and one of each thing that is not
	Minutes       *float64 `json:"minutes"`        // at the known or documented rate
}

// Run shows what `run` would read, from the lake alone.
func (c *planCmd) Run(s *session) error {
	lake, shut, err := c.openForPlan(s)
	if err != nil {
		return err
	}
	defer shut()
	window, err := c.window(s)
	if err != nil {
		return err
	}
	account, err := c.account(s, lake)
	if err != nil {
		return err
	}
	forecasts, err := pipeline.Forecasts(s.ctx, lake, pipeline.Extraction{
		AccountID: account, Window: window, Strategy: pipeline.Strategy(c.Strategy), Scope: c.scope(), Streams: c.Streams.names(),
		Terms: c.terms(), Sizing: pipeline.Sizing{CallsPerDay: c.CallsPerDay, PerPage: c.PerPage}, Now: s.now,
	})
	if err != nil {
		return err
	}
	if account == pipeline.OwnAccount {
		account = ""
	}
	var units []pipeline.Unit
	for _, f := range forecasts {
		units = append(units, f.Units...)
	}
	of, streams := c.units(account, units), c.streams(account, forecasts)
	switch {
	case c.Output == "json" && c.By == "stream":
		return json.NewEncoder(s.stdout).Encode(streams)
	case c.Output == "json":
		return json.NewEncoder(s.stdout).Encode(of)
	}
	return c.show(s, of, streams)
}

// openForPlan opens the lake, or an empty one where no lake is named: a plan makes nothing.
func (c *planCmd) openForPlan(s *session) (*sinks.Lake, func(), error) {
	if c.Lake == "" {
		return lakeFlags{Lake: "mem://"}.open(s.ctx, false)
	}
	return c.open(s.ctx, false)
}

// account finds the account to plan for; OwnAccount where the lake is empty.
func (c *planCmd) account(s *session, lake *sinks.Lake) (string, error) {
	if c.AccountID != pipeline.OwnAccount {
		return string(c.AccountID), nil
	}
	held, err := lake.Accounts(s.ctx)
	switch {
	case err != nil || len(held) == 0:
		return pipeline.OwnAccount, err
	case len(held) > 1:
		return "", usage(errors.New("the lake holds several accounts, name one with --account-id: " + strings.Join(held, ", ")))
	}
	return held[0], nil
}

func (c *planCmd) units(account string, units []pipeline.Unit) []planUnit {
	out := []planUnit{}
	for _, u := range units {
		p := planUnit{
			AccountID: account, From: u.Days[0].FormattedString(), To: (u.Days[len(u.Days)-1] + 1).FormattedString(),
			Days: len(u.Days), LeastRequests: 1,
		}
		if u.Requests != nil {
			requests, minutes := tenths(*u.Requests), c.minutes(*u.Requests)
			p.Requests, p.Minutes = &requests, &minutes
		}
		out = append(out, p)
	}
	return out
}

func (c *planCmd) streams(account string, forecasts []pipeline.Forecast) []planStream {
	out := []planStream{}
	for _, f := range forecasts {
		p := planStream{AccountID: account, Stream: f.Stream, Group: f.Group, Days: len(f.Days)}
		if p.LeastRequests = tenths(f.Requests + float64(f.Unknown)); f.Unknown == 0 {
			requests, minutes := tenths(f.Requests), tenthsUp(f.Requests/c.rate(f.Group))
			p.Requests, p.Minutes = &requests, &minutes
		}
		out = append(out, p)
	}
	return out
}

// rate is how many requests a minute are taken to be permitted; RingCentral documents 40 and 50 for the groups Medium and Light.
func (c *planCmd) rate(group string) float64 {
	switch group {
	case "Medium":
		return 40
	case "Light":
		return 50
	}
	return float64(max(1, c.Rate))
}

// minutes is how long requests of the call log take at the permitted rate, to a tenth.
func (c *planCmd) minutes(requests float64) float64 { return tenthsUp(requests / c.rate("Heavy")) }

func tenths(x float64) float64 { return math.Round(x*10) / 10 }

func tenthsUp(x float64) float64 { return math.Ceil(x*10) / 10 }

// show prints the units of the call log, and below them what each stream is going to cost where there are others.
func (c *planCmd) show(s *session, units []planUnit, streams []planStream) error {
	alone := len(streams) == 1 && pipeline.IsCallLog(streams[0].Stream)
	if !alone {
		defer c.showStreams(s, streams)
	}
	if len(units) == 0 {
		_, err := fmt.Fprintln(s.stdout, "nothing is owed of the call log")
		return err
	}
	w := newTable(s, "from", "to (not included)", "days", "requests", "minutes")
	days, requests, least, known := 0, 0.0, 0.0, true
	for _, u := range units {
		days, least = days+u.Days, least+float64(u.LeastRequests)
		row := table.Row{u.From, u.To, u.Days, "unknown", "unknown"}
		if u.Requests != nil {
			requests += *u.Requests
			row[3], row[4] = *u.Requests, *u.Minutes
		} else {
			known = false
		}
		w.AppendRow(row)
	}
	if known {
		w.AppendFooter(table.Row{"", "", days, math.Round(requests), c.minutes(requests)})
	} else {
		w.AppendFooter(table.Row{"", "", days, fmt.Sprintf("at least %v", math.Round(max(least, requests))), fmt.Sprintf("at least %v", c.minutes(max(least, requests)))})
	}
	w.Render()
	if known || c.scope() == pipeline.ScopeExtension {
		return nil
	}
	_, err := fmt.Fprintln(s.stdout, "nothing is known of these days yet: give --calls-per-day for an estimate")
	return err
}

// showStreams prints what is expected of each stream. A stream of which nothing is owed costs nothing.
func (c *planCmd) showStreams(s *session, streams []planStream) {
	w := newTable(s, "stream", "days", "requests", "rate group", "minutes")
	requests, minutes, known := 0.0, 0.0, true
	for _, p := range streams {
		row := table.Row{p.Stream, p.Days, fmt.Sprintf("at least %v", p.LeastRequests), p.Group, fmt.Sprintf("at least %v", tenthsUp(p.LeastRequests/c.rate(p.Group)))}
		if p.Requests != nil {
			row[2], row[4] = *p.Requests, *p.Minutes
		} else {
			known = false
		}
		requests, minutes = requests+p.LeastRequests, minutes+p.LeastRequests/c.rate(p.Group)
		w.AppendRow(row)
	}
	least := ""
	if !known {
		least = "at least "
	}
	w.AppendFooter(table.Row{"", "", fmt.Sprintf("%s%v", least, math.Round(requests)), "", fmt.Sprintf("%s%v", least, tenthsUp(minutes))})
	w.Render()
}

// newTable is a table of those columns on standard output.
func newTable(s *session, columns ...any) table.Writer {
	w := table.NewWriter()
	w.SetOutputMirror(s.stdout)
	w.SetStyle(table.StyleLight)
	w.AppendHeader(columns)
	return w
}
