package main

import (
	"reflect"
	"testing"
)

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
