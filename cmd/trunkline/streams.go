package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/trunkline/trunkline/pipeline"
)

// streamList is the value of --streams.
type streamList string

// UnmarshalText takes names with commas between.
func (l *streamList) UnmarshalText(text []byte) error {
	*l = streamList(text)
	for _, name := range l.names() {
		if !slices.Contains(pipeline.Streams(), name) {
			return fmt.Errorf("%q is no stream: expected %s", name, strings.Join(pipeline.Streams(), ", "))
		}
	}
	if len(l.names()) == 0 {
		return fmt.Errorf("expected names of streams, such as %s", defaultStreams)
	}
	return nil
}

// defaultStreams is the default of --streams.
var defaultStreams = strings.Join(pipeline.DefaultStreams(), ",")

func (l streamList) names() (out []string) {
	for _, name := range strings.Split(string(l), ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// named reports whether somebody named them.
func (l streamList) named() bool { return string(l) != defaultStreams }

// streamsLine says what was read beside the call log; empty if nothing was.
func streamsLine(streams []pipeline.StreamTally) string {
	var read, left []string
	for _, s := range streams {
		switch {
		case s.Left != "":
			left = append(left, s.Stream)
		case s.Stream == pipeline.RecordingsStream:
			if line := recordingsLine(s); line != "" {
				read = append(read, line)
			}
		case s.Days > 0:
			read = append(read, fmt.Sprintf("%s %s", humanize.Comma(s.Rows), strings.ReplaceAll(s.Stream, "_", " ")))
		}
	}
	var parts []string
	if len(read) > 0 {
		parts = append(parts, strings.Join(read, ", "))
	}
	if len(left) > 0 {
		parts = append(parts, "left out, see the warnings: "+strings.Join(left, ", "))
	}
	if len(parts) == 0 {
		return ""
	}
	return "beside: " + strings.Join(parts, "; ")
}

// recordingsLine says what became of recordings; empty if none was looked for.
func recordingsLine(s pipeline.StreamTally) string {
	if s.Days+s.Fetched+s.Gone+s.Erased == 0 {
		return ""
	}
	line := "no new recordings"
	if s.Fetched > 0 {
		line = fmt.Sprintf("%s recordings (%s)", humanize.Comma(int64(s.Fetched)), humanize.Bytes(uint64(s.AudioBytes)))
	}
	if s.Gone > 0 {
		line += fmt.Sprintf(" and %s gone", humanize.Comma(int64(s.Gone)))
	}
	if s.Erased > 0 {
		line += fmt.Sprintf(" and %s of erased persons, without audio", humanize.Comma(int64(s.Erased)))
	}
	return line
}
