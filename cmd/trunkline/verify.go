package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trunkline/trunkline/pipeline"
)

type verifyCmd struct {
	lakeFlags
	Deep      bool    `help:"Read every value with a second, independent reader as well, and compare the archive with the table."`
	From      string  `help:"First day (YYYY-MM-DD, UTC); without it, all days." placeholder:"DAY"`
	To        string  `help:"Day after the last one." placeholder:"DAY"`
	AccountID account `help:"Only this account's; ~ means all accounts of the lake." default:"~"`
	privacyFlags
	outputFlags
}

// Help says what is looked at.
func (c *verifyCmd) Help() string {
	return `Reads what the lake holds and compares it with what the lake says of itself: each day's object with the ledger (size, SHA-256, rows, content), each row with its day, ids over the whole table, each mart with its state, and all names. It changes nothing, writes nothing into the lake and needs no credentials of RingCentral. Let it run while nothing else writes the lake.

Exit status 3 says that something was found; each finding names what can be done. A day whose object names another privacy policy than the ledger is a finding. Days under another policy than --privacy asks for are listed, with what brings them under it, and are none: they are what they were meant to be when they were written. With --deep and the policy's key, days under the policy of --privacy must hold nothing that it takes away.`
}

// errFindings says that a verification found something.
var errFindings = errors.New("the verification found what must not be")

// Run compares the lake with what it says of itself.
func (c *verifyCmd) Run(s *session) error {
	policy, err := c.policy()
	if err != nil {
		return err
	}
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
	}
	lake, shut, err := c.openAny(s.ctx)
	if err != nil {
		return err
	}
	defer shut()
	done, err := pipeline.Verify(s.ctx, lake, pipeline.Verifying{
		AccountID: string(c.AccountID), Window: window, Deep: c.Deep, Policy: policy, Now: s.now, Terms: pipeline.Terms{Lookback: 72 * time.Hour},
	})
	if err != nil {
		return err
	}
	if err := c.show(s, done); err != nil {
		return err
	}
	if n := len(done.Findings); n > 0 {
		return fmt.Errorf("%w: %d findings, the first is %s: %s", errFindings, n, done.Findings[0].Kind, done.Findings[0].Detail)
	}
	return nil
}

func (c *verifyCmd) show(s *session, done pipeline.Verification) error {
	if c.Output == "json" {
		return json.NewEncoder(s.stdout).Encode(done)
	}
	if len(done.Findings) > 0 {
		w := table.NewWriter()
		w.SetOutputMirror(s.stdout)
		w.SetStyle(table.StyleLight)
		w.AppendHeader(table.Row{"finding", "account", "day", "object", "what", "remedy"})
		for _, f := range done.Findings {
			w.AppendRow(table.Row{f.Kind, f.AccountID, f.Day, f.Key, f.Detail, f.Remedy})
		}
		w.SetColumnConfigs([]table.ColumnConfig{
			{Number: 4, WidthMax: 60}, {Number: 5, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}, {Number: 6, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft},
		})
		w.Render()
	}
	for _, p := range done.UnderAnotherPolicy {
		if _, err := fmt.Fprintf(s.stdout, "under another privacy policy: %s of account %s %s; %s\n", listOr(p.Days, "none"), p.AccountID, underPolicy(p.Policy), p.Remedy); err != nil {
			return err
		}
	}
	archive := ""
	if done.Deep {
		archive = fmt.Sprintf(", compared with %d reads in the archive", done.Archived)
	}
	_, err := fmt.Fprintf(s.stdout, "%d days of %d accounts: %s rows, %d objects, %s%s; %d findings\n", done.Days, done.Accounts,
		humanize.Comma(done.Rows), done.Objects, humanize.Bytes(uint64(done.Bytes)), archive, len(done.Findings))
	return err
}
