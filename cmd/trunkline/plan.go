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
	AccountID   account `help:"Account to plan for; ~ is the lake's only account." default:"~"`
	CallsPerDay int     `help:"Calls to expect on a working day of which the lake knows nothing; 0 means unknown." default:"0"`
	PerPage     int     `help:"Records a page, as run is given it." default:"1000"`
	Strategy    string  `help:"How changes are found, as run is given it." enum:"auto,list,feed" default:"auto"`
	Rate        int     `help:"Heavy requests a minute that RingCentral permits your application." default:"10"`
	outputFlags
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

// Run shows the units that `run` would read, from the ledger alone.
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
	account, ledger, err := c.account(s, lake)
	if err != nil {
		return err
	}
	feed, err := c.feed(s, lake, account)
	if err != nil {
		return err
	}
	days := pipeline.Owed(ledger, feed, c.terms(), s.now)
	switch {
	case window != nil:
		days = window.Days()
	case c.Strategy == string(pipeline.StrategyFeed):
		days = nil // the feed has no days
	}
	units := c.units(account, pipeline.Units(days, ledger, pipeline.Sizing{CallsPerDay: c.CallsPerDay, PerPage: c.PerPage}, s.now))
	if c.Output == "json" {
		return json.NewEncoder(s.stdout).Encode(units)
	}
	return c.show(s, units)
}

// openForPlan opens the lake, or an empty one where no lake is named: a plan makes nothing.
func (c *planCmd) openForPlan(s *session) (*sinks.Lake, func(), error) {
	if c.Lake == "" {
		return lakeFlags{Lake: "mem://"}.open(s.ctx, false)
	}
	return c.open(s.ctx, false)
}

// feed is where the account's change feed stands, which decides what days are owed.
func (c *planCmd) feed(s *session, lake *sinks.Lake, account string) (sinks.FeedState, error) {
	if account == "" || c.Strategy == string(pipeline.StrategyList) {
		return sinks.FeedState{}, nil
	}
	return lake.Feed(s.ctx, account)
}

// account finds the account to plan for and its ledger.
func (c *planCmd) account(s *session, lake *sinks.Lake) (string, sinks.Ledger, error) {
	account := string(c.AccountID)
	if account == pipeline.OwnAccount {
		held, err := lake.Accounts(s.ctx)
		if err != nil {
			return "", nil, err
		}
		switch len(held) {
		case 0:
			return "", sinks.Ledger{}, nil
		case 1:
			account = held[0]
		default:
			return "", nil, usage(errors.New("the lake holds several accounts, name one with --account-id: " + strings.Join(held, ", ")))
		}
	}
	ledger, err := lake.Ledger(s.ctx, account, pipeline.CallLogStream)
	return account, ledger, err
}

func (c *planCmd) units(account string, units []pipeline.Unit) []planUnit {
	out := []planUnit{}
	for _, u := range units {
		p := planUnit{
			AccountID: account, From: u.Days[0].FormattedString(), To: (u.Days[len(u.Days)-1] + 1).FormattedString(),
			Days: len(u.Days), LeastRequests: 1,
		}
		if u.Requests != nil {
			requests, minutes := math.Round(*u.Requests*10)/10, c.minutes(*u.Requests)
			p.Requests, p.Minutes = &requests, &minutes
		}
		out = append(out, p)
	}
	return out
}

// minutes is how long requests take at the permitted rate, to a tenth.
func (c *planCmd) minutes(requests float64) float64 {
	return math.Ceil(requests/float64(max(1, c.Rate))*10) / 10
}

func (c *planCmd) show(s *session, units []planUnit) error {
	if len(units) == 0 {
		_, err := fmt.Fprintln(s.stdout, "nothing is owed")
		return err
	}
	w := table.NewWriter()
	w.SetOutputMirror(s.stdout)
	w.SetStyle(table.StyleLight)
	w.AppendHeader(table.Row{"from", "to (not included)", "days", "requests", "minutes"})
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
	if !known {
		_, err := fmt.Fprintln(s.stdout, "nothing is known of these days yet: give --calls-per-day for an estimate")
		return err
	}
	return nil
}
