package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"

	"github.com/trunkline/trunkline/pipeline"
)

// progress shows an extraction: a live bar on a terminal, a log line per day elsewhere.
type progress struct {
	log *slog.Logger
	bar *progressbar.ProgressBar // nil without a terminal

	pages, records, recordings int
}

func (s *session) progress() *progress {
	p := &progress{log: s.log}
	if s.terminal {
		p.bar = progressbar.NewOptions(-1,
			progressbar.OptionSetWriter(s.stderr), progressbar.OptionSetDescription("reading"),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetItsString("day"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return p
}

func (p *progress) show(e pipeline.Event) {
	switch {
	case e.Planned != nil && p.bar != nil:
		p.bar.ChangeMax(max(1, len(e.Planned.Days)))
	case e.Page != nil:
		p.pages++
		p.records += e.Page.Records
		p.describe()
	case e.Recording != nil:
		p.recordings++
		p.describe()
	case e.Day != nil:
		p.day(e.Stream, e.Day)
	case e.Changed != nil:
		p.of(e.Stream).Info("changed", "day", e.Changed.Day.FormattedString(), "account", e.Changed.AccountID, "rows", e.Changed.Outcome.Rows)
	case e.Failed != nil:
		p.failed(e.Failed)
	case e.Warning != "":
		p.log.Warn(e.Warning)
	}
}

func (p *progress) failed(f *pipeline.DaysFailed) {
	if len(f.Days) == 0 {
		p.log.Error(f.Err.Error())
		return
	}
	p.log.Error("failed", "days", strings.Join(pipeline.Ranges(f.Days), ", "), "error", f.Err)
}

func (p *progress) describe() {
	if p.bar == nil {
		return
	}
	what := fmt.Sprintf("%s pages, %s records, ", humanize.Comma(int64(p.pages)), humanize.Comma(int64(p.records)))
	if p.recordings > 0 {
		what += humanize.Comma(int64(p.recordings)) + " recordings, "
	}
	p.bar.Describe(what + "days")
}

func (p *progress) day(stream string, d *pipeline.DayDone) {
	if p.bar != nil {
		_ = p.bar.Add(1) // a bar that cannot be drawn is no reason to stop
		return
	}
	p.of(stream).Info("day", "day", d.Day.FormattedString(), "account", d.AccountID, "rows", d.Outcome.Rows,
		"changed", d.Outcome.Changed, "bytes", strconv.FormatInt(d.Outcome.Bytes, 10))
}

// of is the log for a stream; that of the call log says nothing of it.
func (p *progress) of(stream string) *slog.Logger {
	if stream == "" || stream == pipeline.CallLogStream {
		return p.log
	}
	return p.log.With("stream", stream)
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
