package main

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/pipeline"
)

// TestRecordingsLine: what became of recordings, in words.
func TestRecordingsLine(t *testing.T) {
	for want, s := range map[string]pipeline.StreamTally{
		"": {}, "no new recordings": {Days: 2}, "12 recordings (345 kB)": {Days: 2, Fetched: 12, AudioBytes: 345_000},
		"1,200 recordings (3.4 GB) and 7 gone":                     {Fetched: 1200, AudioBytes: 3_400_000_000, Gone: 7},
		"no new recordings and 1 of erased persons, without audio": {Days: 1, Erased: 1},
	} {
		if diff := cmp.Diff(want, recordingsLine(s)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestDefaultStreams: the flag's default is the default streams, so that it is known whether somebody named them.
func TestDefaultStreams(t *testing.T) {
	field, found := reflect.TypeFor[sourceFlags]().FieldByName("Streams")
	if got := field.Tag.Get("default"); !found || got != defaultStreams {
		t.Errorf("--streams is %q by default, the default streams are %q", got, defaultStreams)
	}
	if l := streamList(" call_log , messages "); len(l.names()) != 2 || !l.named() || streamList(defaultStreams).named() {
		t.Errorf("%v %v", l.names(), l.named())
	}
}
