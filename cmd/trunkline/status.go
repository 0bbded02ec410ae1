package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/schema"
)

type statusCmd struct {
	lakeFlags
	Retention span `help:"How long RingCentral keeps a call; 0 means for ever." default:"270d"`
	privacyFlags
	outputFlags
}

// Run shows what the ledger says.
func (c *statusCmd) Run(s *session) error {
	policy, err := c.policy()
	if err != nil {
		return err
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	status, err := pipeline.Status(s.ctx, lake, pipeline.Terms{Retention: time.Duration(c.Retention)}, s.now)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(s.stdout).Encode(status)
	}
	if len(status) == 0 {
		_, err := fmt.Fprintln(s.stdout, "the lake is empty; `trunkline run` fills it")
		return err
	}
	for _, a := range status {
		if _, err := fmt.Fprint(s.stdout, accountLines(a, policy)); err != nil {
			return err
		}
	}
	return nil
}

func accountLines(a pipeline.AccountStatus, policy *schema.Policy) string {
	var b strings.Builder
	fmt.Fprintf(&b, "account %s\n", a.AccountID)
	if a.Scope == pipeline.ScopeExtension {
		fmt.Fprintf(&b, "  scope      extension: %s\n", ofExtensions(a.Answered, a.Extensions))
	}
	fmt.Fprintf(&b, "  days       %d read from RingCentral, from %s through %s\n", a.Days, a.FirstDay, a.LastDay)
	fmt.Fprintf(&b, "  calls      %s in %s of Parquet\n", humanize.Comma(a.Rows), humanize.Bytes(uint64(a.Bytes)))
	fmt.Fprintf(&b, "  last read  %s\n", cmp.Or(a.LastRead, "never"))
	fmt.Fprintf(&b, "  imported   %s\n", listOr(a.Imported, "none"))
	fmt.Fprintf(&b, "  gaps       %s\n", listOr(a.Gaps, "none"))
	fmt.Fprintf(&b, "  unsettled  %s\n", listOr(a.Unsettled, "none"))
	fmt.Fprintf(&b, "  feed       %s\n", a.Feed)
	if len(a.Unknown)+len(a.Partial) > 0 {
		fmt.Fprintf(&b, "  unknown    %s (RingCentral gave nothing, and may have forgotten)\n", listOr(a.Unknown, "none"))
		fmt.Fprintf(&b, "  partial    %s (near the end of what RingCentral keeps, and short)\n", listOr(a.Partial, "none"))
	}
	fmt.Fprintf(&b, "  at risk    %s\n", atRisk(a))
	fmt.Fprintf(&b, "  privacy    %s\n", privacyLine(a, policy))
	for i, stream := range a.Streams {
		heading := ""
		if i == 0 {
			heading = "beside"
		}
		fmt.Fprintf(&b, "  %-10s %s\n", heading, streamLine(stream))
	}
	return b.String()
}

// streamLine says what is held of a stream beside the call log.
func streamLine(s pipeline.StreamStatus) string {
	switch {
	case s.Days == 0 && s.Stream == pipeline.CallLogStream:
		return fmt.Sprintf("%-14s not held; --scope company reads it, for a user with the permission", s.Stream)
	case s.Days == 0:
		return fmt.Sprintf("%-14s not held; --streams reads it", s.Stream)
	}
	line := fmt.Sprintf("%-14s %s rows; %d days, from %s through %s", s.Stream, humanize.Comma(s.Rows), s.Days, s.FirstDay, s.LastDay)
	if s.Answered < s.Extensions {
		line += fmt.Sprintf("; last of %d of %d extensions", s.Answered, s.Extensions)
	}
	return line
}

// ofExtensions says of whose logs a call log is made that is not the company's.
func ofExtensions(answered, all int) string {
	switch {
	case all == 0:
		return "no log was read to its end yet"
	case answered == 1:
		return fmt.Sprintf("the log of 1 extension of %d, not of the company", all)
	}
	return fmt.Sprintf("the logs of %d extensions of %d, not of the company", answered, all)
}

// atRisk names the days that RingCentral is about to forget, and the command that saves them.
func atRisk(a pipeline.AccountStatus) string {
	if len(a.AtRisk) == 0 {
		return "none"
	}
	first, _, _ := strings.Cut(a.AtRisk[0], " ")
	return listOr(a.AtRisk, "none") + fmt.Sprintf(": not held, and RingCentral forgets them soon; `trunkline run%s --from %s` fetches them", scopeWords(a.Scope), first)
}

// scopeWords is what a command line says of a scope.
func scopeWords(s pipeline.Scope) string {
	if s == pipeline.ScopeExtension {
		return " --scope extension"
	}
	return ""
}

// listOr writes a few ranges, or the word for none.
func listOr(ranges []string, none string) string {
	const shown = 8
	switch {
	case len(ranges) == 0:
		return none
	case len(ranges) > shown:
		return fmt.Sprintf("%s and %d more; --output json lists all", strings.Join(ranges[:shown], ", "), len(ranges)-shown)
	}
	return strings.Join(ranges, ", ")
}
