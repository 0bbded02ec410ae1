package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

type replayCmd struct {
	lakeFlags
	Pages        []string `help:"File of API pages, one a line (plain, gzip or zstd), or a directory of such files; repeatable. Without it, the lake's own archive." placeholder:"PATH" sep:"none"`
	AccountID    account  `help:"Account whose pages they are; ~ means all accounts of the archive." default:"~"`
	SkipBadPages bool     `help:"Go on after a line that is not a page; it is counted, and the exit status is 1."`
	Archive      string   `help:"Keep the pages of --pages in the lake's archive, too: on or off." enum:"on,off" default:"off"`
	From         string   `help:"First day to build again from the archive (YYYY-MM-DD, UTC); without it, all days." placeholder:"DAY"`
	To           string   `help:"Day after the last one." placeholder:"DAY"`
	Lookback     span     `help:"How long after a day's end late edits were expected." default:"72h"`
	Retention    span     `help:"How long RingCentral kept a call; 0 means for ever." default:"270d"`
	privacyFlags
	outputFlags
}

// Help tells what no archive has.
func (c *replayCmd) Help() string {
	return "Recordings are in no archive: their table and their audio stay as they are. `trunkline run --streams recordings` with --from and --to makes a lost table of them again, of the audio that is there."
}

// Run brings saved pages, or the archive's, into the lake, without the API.
func (c *replayCmd) Run(s *session) error {
	policy, err := c.ready()
	if err == nil {
		err = c.archives("--archive=on", c.Archive == "on", policy)
	}
	if err != nil {
		return err
	}
	if len(c.Pages) == 0 {
		return c.rebuild(s, policy)
	}
	switch {
	case c.AccountID == pipeline.OwnAccount:
		return usage(errors.New("--account-id is missing: saved pages are of no login; give the account's number"))
	case c.From != "" || c.To != "":
		return usage(errors.New("--from and --to are for the archive; all of --pages is converted"))
	}
	return withLake(s, c.lakeFlags, func(lake *sinks.Lake) error {
		tally, err := s.follow(pipeline.Replay(s.ctx, lake, pipeline.Replaying{
			AccountID: string(c.AccountID), Paths: c.Pages, SkipBadPages: c.SkipBadPages, Archive: c.Archive == "on", RunID: s.summary.RunID, Now: s.now, Policy: policy,
		}))
		s.summary.extracted(tally)
		return errors.Join(err, c.report(s, "imported", string(c.AccountID), tally))
	})
}

// rebuild builds days again from the lake's archive.
func (c *replayCmd) rebuild(s *session, policy *schema.Policy) error {
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
	}
	return withLake(s, c.lakeFlags, func(lake *sinks.Lake) error {
		accounts := []string{string(c.AccountID)}
		if c.AccountID == pipeline.OwnAccount {
			if accounts, err = lake.ArchivedAccounts(s.ctx); err != nil {
				return err
			}
			if len(accounts) == 0 {
				return usage(errors.New("the lake has no archive; --pages converts pages that were saved elsewhere"))
			}
		}
		for _, account := range accounts {
			tally, err := s.follow(pipeline.Rebuild(s.ctx, lake, pipeline.Rebuilding{
				AccountID: account, Window: window, Terms: pipeline.Terms{Lookback: time.Duration(c.Lookback), Retention: time.Duration(c.Retention)}, Now: s.now, Policy: policy,
			}))
			s.summary.extracted(tally)
			if err := errors.Join(err, c.report(s, "built again from the archive", account, tally)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *replayCmd) report(s *session, what, account string, t pipeline.Tally) error {
	if c.Output == "json" {
		return nil
	}
	_, err := fmt.Fprintf(s.stdout, "days: %d %s for account %s, %d partitions changed\npages: %s with %s records, %s of JSON\n",
		len(t.Done), what, account, len(t.Changed),
		humanize.Comma(int64(t.Pages)), humanize.Comma(int64(t.Records)), humanize.Bytes(uint64(t.PageBytes)))
	return err
}
