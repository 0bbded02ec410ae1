package main

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/trunkline/trunkline/pipeline"
)

// summaryLimit is the most bytes that the summary line takes: schedulers pass it on (Airflow's XCom keeps 48 kB).
const summaryLimit = 48 << 10

// summary is the last line of all output, one JSON object.
type summary struct {
	RunID     string                    `json:"run_id"`
	Verb      string                    `json:"verb"`
	Status    string                    `json:"status"` // done, failed, refused, audit_failed, try_again or interrupted
	Exit      int                       `json:"exit"`
	Error     string                    `json:"error,omitempty"`
	AccountID string                    `json:"account_id,omitempty"`
	Days      *daysSum                  `json:"days,omitempty"`
	Streams   []pipeline.StreamTally    `json:"streams,omitempty"` // beside the call log
	Marts     *martSum                  `json:"marts,omitempty"`
	Changed   []pipeline.PartitionRange `json:"changed_partitions"` // the first ones where they are too many
	ChangedN  int                       `json:"changed_partitions_count"`
	Requests  *reqSum                   `json:"requests,omitempty"`
	Warnings  []string                  `json:"warnings,omitempty"`
	Seconds   float64                   `json:"seconds"`

	started  time.Time
	noCalls  bool   // the call log was not asked for
	bytes    int64  // of the partitions of the days done
	backfill string // how to fetch what lies before the days that an empty lake begins with
	changed  []pipeline.Partition
}

// daysSum is what was done to the call log: the company's or, where it says of how many, those of single extensions.
type daysSum struct {
	Answered   int `json:"answered,omitempty"`   // extensions whose logs were read, not the company's
	Extensions int `json:"extensions,omitempty"` // that there are

	Planned int      `json:"planned"`
	Done    int      `json:"done"`
	Changed int      `json:"changed"`
	Failed  []string `json:"failed"` // ranges

	// Doubtful days were read but are not held: RingCentral may have forgotten their calls.
	Doubtful []string `json:"doubtful,omitempty"` // ranges

	Records int   `json:"records"`
	Rows    int64 `json:"rows"` // that the days done hold
}

type martSum struct {
	Stale   int `json:"stale_days"`
	Changed int `json:"changed"`
}

type reqSum struct {
	Total       int            `json:"total"`
	ByGroup     map[string]int `json:"by_group"`
	Retried     int            `json:"retried"`
	RateLimited int            `json:"rate_limited"`
	Predicted   *int           `json:"predicted,omitempty"` // for the pages of all streams, the change feed's aside; absent where nothing was known of some
	Spent       int            `json:"spent"`               // for these pages

	Streams []pipeline.Spending `json:"streams,omitempty"` // the same, one by one
}

// predict notes what was predicted and spent.
func (r *reqSum) predict(streams []pipeline.Spending) {
	r.Streams, r.Spent = streams, 0
	predicted, known := 0, len(streams) > 0
	for _, s := range streams {
		r.Spent += s.Spent
		if known = known && s.Predicted != nil; known {
			predicted += *s.Predicted
		}
	}
	if known {
		r.Predicted = &predicted
	}
}

// extracted notes what an extraction did.
func (s *summary) extracted(t pipeline.Tally) {
	s.AccountID = t.AccountID
	s.Days = &daysSum{
		Planned: len(t.Planned), Done: len(t.Done), Changed: changedCalls(t.Changed), Failed: pipeline.Ranges(t.Failed),
		Doubtful: pipeline.Ranges(t.Doubtful), Records: t.Records, Rows: t.Rows,
	}
	if t.CallLog != nil {
		s.Days.Answered, s.Days.Extensions = t.CallLog.Answered, t.CallLog.Extensions
	}
	s.Streams = t.Streams
	s.bytes = t.Bytes
	s.changed = append(s.changed, t.Changed...)
	s.Warnings = append(s.Warnings, t.Warnings...)
}

// changedCalls counts the partitions of call logs.
func changedCalls(changed []pipeline.Partition) (n int) {
	for _, c := range changed {
		if pipeline.IsCallLog(c.Table) {
			n++
		}
	}
	return n
}

// rewritten notes what a redaction or an erasure did.
func (s *summary) rewritten(done pipeline.Rewritten) {
	s.changed = append(s.changed, done.Changed...)
	s.Warnings = append(s.Warnings, done.Left...)
}

func (s *summary) transformed(t pipeline.Transformed) {
	s.Marts = &martSum{Stale: t.Stale, Changed: len(t.Changed)}
	s.changed = append(s.changed, t.Changed...)
}

func (s *summary) end(status int, err error) {
	s.Exit = status
	s.Status = map[int]string{
		exitDone: "done", exitFailed: "failed", exitUsage: "refused", exitModel: "audit_failed", exitLater: "try_again",
	}[status]
	if s.Status == "" {
		s.Status = "interrupted"
	}
	if err != nil {
		s.Error = err.Error() + fullDisk(err)
		if len(s.Error) > 4000 {
			s.Error = s.Error[:4000] + "…"
		}
	}
	s.Seconds = time.Since(s.started).Round(time.Millisecond).Seconds()
}

// silentVerbs end without a summary: they do no work.
var silentVerbs = []string{"", "version", "completion"}

// line is the summary as one line within the limit, nil for a verb that does no work.
func (s *summary) line() []byte {
	verb, _, _ := strings.Cut(s.Verb, " ")
	for _, v := range silentVerbs {
		if v == verb {
			return nil
		}
	}
	s.Verb, s.ChangedN, s.Changed = verb, len(s.changed), pipeline.PartitionRanges(s.changed)
	for {
		b, err := json.Marshal(s)
		if err != nil {
			return []byte(`{"status":"failed","exit":1,"error":"the summary could not be written"}` + "\n")
		}
		if len(b) < summaryLimit || len(s.Changed)+len(s.Warnings) == 0 {
			return append(b, '\n')
		}
		s.Changed, s.Warnings = s.Changed[:len(s.Changed)*3/4], s.Warnings[:len(s.Warnings)*3/4]
	}
}

// onStderr reports whether the verb's standard output is its result alone.
func (s *summary) onStderr() bool {
	return slices.Contains([]string{"query", "inspect", "dump", "plan", "marts", "reconcile"}, s.Verb)
}
