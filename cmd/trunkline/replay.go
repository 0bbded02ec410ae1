package main

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/sinks"
)

type replayCmd struct {
	lakeFlags
	Pages        []string `help:"File of API pages, one a line (plain, gzip or zstd), or a directory of such files; repeatable." required:"" placeholder:"PATH" sep:"none"`
	AccountID    account  `help:"Account whose pages they are." required:""`
	SkipBadPages bool     `help:"Go on after a line that is not a page; it is counted, and the exit status is 1."`
	outputFlags
}

// Run converts saved pages into the lake, without the API.
func (c *replayCmd) Run(s *session) error {
	if c.AccountID == pipeline.OwnAccount {
		return usage(errors.New("--account-id ~: saved pages are of no login; give the account's number"))
	}
	return withLake(s, c.lakeFlags, func(lake *sinks.Lake) error {
		tally, err := s.follow(pipeline.Replay(s.ctx, lake, pipeline.Replaying{
			AccountID: string(c.AccountID), Paths: c.Pages, SkipBadPages: c.SkipBadPages, RunID: s.summary.RunID, Now: s.now,
		}))
		s.summary.extracted(tally)
		if c.Output == "json" {
			return err
		}
		_, e := fmt.Fprintf(s.stdout, "days: %d imported for account %s, %d partitions changed\npages: %s with %s records, %s of JSON\n",
			len(tally.Done), c.AccountID, len(tally.Changed),
			humanize.Comma(int64(tally.Pages)), humanize.Comma(int64(tally.Records)), humanize.Bytes(uint64(tally.PageBytes)))
		return errors.Join(err, e)
	})
}
