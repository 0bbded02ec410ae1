package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trunkline/trunkline/pipeline"
)

type reconcileCmd struct {
	Expected string `help:"What should be there: a CSV file, or a Parquet file whose name ends in .parquet. See above for its columns." placeholder:"FILE" required:""`
	lakeFlags
	AccountID         account `help:"Only this account's; ~ means all accounts of the lake." default:"~"`
	From              string  `help:"First day (YYYY-MM-DD, UTC) to compare; without it, from the first expected interaction to the last." placeholder:"DAY"`
	To                string  `help:"Day after the last one." placeholder:"DAY"`
	Tolerance         span    `help:"How far apart the two times may be." default:"120s"`
	DurationTolerance span    `help:"How far apart the two lengths of a call may be." default:"5s"`
	Extra             bool    `help:"List what the lake has and the file has not, too."`
	CacheLimit        string  `help:"The most that may be copied from a remote lake for this." default:"2GB"`
	martFlags
	Output string `help:"Form of the result: table (or text), which leaves out what matches, csv or json (an object a row), which have all." enum:"table,text,csv,json" default:"table"`
}

// Help says what the file is and what is told of it.
func (c *reconcileCmd) Help() string {
	return `Holds interactions that a CRM, an invoice or a portal's export says there were against the lake, and says which are there, which are missing or different, and why, where that can be told. Nothing is written, and RingCentral is not asked.

The file's columns, in any order, others may be among them:
  id          theirs, to find it again (may be absent or empty)
  at          when it began: 2026-11-21T09:30:00Z, 2026-11-21T09:30:00+01:00, or 2026-11-21 09:30:00 on the clocks of --timezone
  kind        call, sms (MMS are among them) or fax
  direction   inbound or outbound, as the company sees it
  number      of the other party; numbers are the same if all digits are that the shorter one has, seven at least
  duration_s  seconds, of calls (may be absent or empty)

Each is matched with at most one of the lake: of the same number, within --tolerance, and of these the one of the same kind, the same direction, the nearest in time. A fax that the call log and the message store both have is one; calls between extensions are left out. Causes: outside_window, deleted, day_not_held, more_than_one_candidate, masked_number, hours_apart (a time zone was taken for another), day_not_settled.

Exit status: 0 all match (and, with --extra, there is nothing else); 3 they do not; 2 the file cannot be read as described.`
}

// errUnreconciled says that the lake has something else than was expected.
var errUnreconciled = errors.New("the lake is not as expected")

// Run compares the expected interactions with the lake.
func (c *reconcileCmd) Run(s *session) error {
	limit, err := humanize.ParseBytes(c.CacheLimit)
	if err != nil || limit > math.MaxInt64 {
		return usage(fmt.Errorf("--cache-limit %q: expected a size such as 500MB or 2GB", c.CacheLimit))
	}
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
	}
	marts, err := c.marts(s, usualRetention)
	if err != nil {
		return err
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	engine, err := marts.engine(s.ctx, lake)
	if err != nil {
		return err
	}
	defer engine.Close()
	expected, err := pipeline.ReadExpected(s.ctx, engine, c.Expected, marts.zone)
	if err != nil {
		return usage(err)
	}
	verdicts, err := pipeline.Reconcile(s.ctx, lake, engine, pipeline.Reconciling{
		Expected: expected, AccountID: string(c.AccountID), Window: window, Extra: c.Extra, Limit: int64(limit),
		Close: pipeline.Closeness{Time: time.Duration(c.Tolerance), Duration: time.Duration(c.DurationTolerance)},
	})
	if err != nil {
		return err
	}
	sum := addUp(verdicts)
	if err := c.show(s, verdicts, sum); err != nil {
		return err
	}
	if sum.expected > sum.of[pipeline.IsMatched] || sum.of[pipeline.IsExtra] > 0 {
		return fmt.Errorf("%w; %s", errUnreconciled, sum)
	}
	return nil
}

// reconciled are the verdicts in numbers.
type reconciled struct {
	expected int
	of       map[string]int // by status
	causes   map[string]int // of the missing ones
}

func addUp(verdicts []pipeline.Verdict) reconciled {
	sum := reconciled{of: map[string]int{}, causes: map[string]int{}}
	for _, v := range verdicts {
		sum.of[v.Status]++
		if v.Expected != nil {
			sum.expected++
		}
		if v.Status == pipeline.IsMissing {
			sum.causes[v.Cause]++
		}
	}
	return sum
}

// String is the sum as a person reads it.
func (r reconciled) String() string {
	line := fmt.Sprintf("%s expected: %d matched, %d missing, %d different", humanize.Comma(int64(r.expected)),
		r.of[pipeline.IsMatched], r.of[pipeline.IsMissing], r.of[pipeline.IsDifferent])
	if n := r.of[pipeline.IsExtra]; n > 0 {
		line += fmt.Sprintf("; %d that were not expected", n)
	}
	return line
}

// compared is a verdict as a row, its members in the order of the columns.
type compared struct {
	Status        string  `json:"status"`
	Cause         *string `json:"cause"`
	Detail        *string `json:"detail"`
	Line          *int    `json:"line"`
	ID            *string `json:"id"`
	At            *string `json:"at"`
	Kind          string  `json:"kind"`
	Direction     *string `json:"direction"`
	Number        *string `json:"number"`
	DurationS     *int64  `json:"duration_s"`
	LakeID        *string `json:"lake_id"`
	LakeAt        *string `json:"lake_at"`
	LakeDurationS *int64  `json:"lake_duration_s"`
}

var comparedColumns = []string{"status", "cause", "detail", "line", "id", "at", "kind", "direction", "number", "duration_s", "lake_id", "lake_at", "lake_duration_s"}

func newCompared(v pipeline.Verdict) compared {
	c := compared{Status: v.Status, Cause: known(v.Cause), Detail: known(v.Detail)}
	if f := v.Found; f != nil {
		c.Kind, c.Direction, c.Number = f.Kind, known(f.Direction), known(f.Number)
		c.LakeID, c.LakeAt, c.LakeDurationS = known(f.ID), known(f.At.Format(time.RFC3339)), knownSeconds(f.DurationS)
	}
	if e := v.Expected; e != nil {
		c.Line, c.ID, c.At = &e.Line, known(e.ID), known(e.At.Format(time.RFC3339))
		c.Kind, c.Direction, c.Number, c.DurationS = e.Kind, known(e.Direction), known(e.Number), knownSeconds(e.DurationS)
	}
	return c
}

// known is nil for an empty text.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// knownSeconds is nil for what is not known.
func knownSeconds(s int64) *int64 {
	if s < 0 {
		return nil
	}
	return &s
}

// texts are the values by the columns, empty for what is not known.
func (c compared) texts() []string {
	return []string{c.Status, shown(c.Cause), shown(c.Detail), shown(c.Line), shown(c.ID), shown(c.At), c.Kind, shown(c.Direction), shown(c.Number),
		shown(c.DurationS), shown(c.LakeID), shown(c.LakeAt), shown(c.LakeDurationS)}
}

// shown is a value as text, empty for what is not known.
func shown[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

func (c *reconcileCmd) show(s *session, verdicts []pipeline.Verdict, sum reconciled) error {
	switch c.Output {
	case "csv":
		w := csv.NewWriter(s.stdout)
		_ = w.Write(comparedColumns) // Error tells
		for _, v := range verdicts {
			_ = w.Write(newCompared(v).texts())
		}
		w.Flush()
		return w.Error()
	case "json":
		w := json.NewEncoder(s.stdout)
		for _, v := range verdicts {
			if err := w.Encode(newCompared(v)); err != nil {
				return err
			}
		}
		return nil
	}
	return c.showTable(s, verdicts, sum)
}

// showTable shows what does not simply match, and the sum.
func (c *reconcileCmd) showTable(s *session, verdicts []pipeline.Verdict, sum reconciled) error {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	w.AppendHeader(table.Row{"status", "line", "id", "at", "what", "number", "cause", "detail"})
	for _, v := range verdicts {
		if v.Status == pipeline.IsMatched && v.Cause == "" {
			continue
		}
		row := newCompared(v)
		at, detail := cmp.Or(shown(row.At), shown(row.LakeAt)), shown(row.Detail)
		if v.Status == pipeline.IsExtra {
			detail = row.Kind + " " + shown(row.LakeID)
		}
		w.AppendRow(table.Row{row.Status, shown(row.Line), shown(row.ID), at, strings.TrimSpace(shown(row.Direction) + " " + row.Kind),
			shown(row.Number), shown(row.Cause), detail})
	}
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight}, {Number: 8, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}})
	if w.Length() > 0 {
		if _, err := fmt.Fprintln(s.stdout, w.Render()); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(s.stdout, sum); err != nil {
		return err
	}
	if n := sum.causes[pipeline.CauseHours]; n > 0 && 2*n >= sum.of[pipeline.IsMissing] {
		_, err := fmt.Fprintf(s.stdout, "a whole number of hours away: %d of the missing ones; times without an offset are read on the clocks of %s (--timezone)\n", n, c.Timezone)
		return err
	}
	return nil
}
