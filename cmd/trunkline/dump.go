package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/trunkline/trunkline/pipeline"
)

type dumpCmd struct {
	lakeFlags
	Stream    string   `help:"Whose records: call_log, messages, recordings, extensions, …" default:"call_log"`
	From      string   `help:"First day (YYYY-MM-DD, UTC); without it, all days." placeholder:"DAY"`
	To        string   `help:"Day after the last one." placeholder:"DAY"`
	ID        []string `help:"Only the records of these ids (repeatable)." name:"id" placeholder:"ID" sep:"none"`
	AccountID account  `help:"Only this account's; ~ means all accounts of the lake." default:"~"`
}

// Run writes records back as RingCentral's JSON, one a line, from the lake's Parquet alone.
func (c *dumpCmd) Run(s *session) error {
	if !slices.Contains(pipeline.Tables(), c.Stream) {
		return usage(fmt.Errorf("--stream %q: expected %s", c.Stream, strings.Join(pipeline.Tables(), ", ")))
	}
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	out := bufio.NewWriterSize(s.stdout, 1<<16)
	for line, err := range pipeline.Dump(s.ctx, lake, pipeline.Dumping{Stream: c.Stream, AccountID: string(c.AccountID), Window: window, IDs: c.ID}) {
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}
