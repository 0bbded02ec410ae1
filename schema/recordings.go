package schema

import (
	"regexp"
	"sync"
)

// recordingFields are what is known of the audio of a call. The records are trunkline's own, not RingCentral's.
var recordingFields = []Field{
	{Path: "id", Kind: ID, Class: Plain, Note: "recording, that of the call log's `recording_id`"},
	{Path: "startTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "start of the call; it decides the day"},
	{Path: "callId", Kind: ID, Class: Plain, Note: "earliest call record that names the recording"},
	{Path: "type", Kind: Text, Class: Plain, Note: "Automatic or OnDemand; an open list of values"},
	{Path: "contentUri", Kind: Text, Class: URIs, Note: "address of the audio on the media host"},
	{Path: "object", Kind: Text, Class: Audio, Note: "key of the audio in the lake; null where there is none"},
	{Path: "contentType", Kind: Text, Class: Plain, Note: "MIME type of the audio; of several spellings audio/wav and audio/mpeg"},
	{Path: "bytes", Kind: Integer, Class: Plain, Unit: "byte", Note: "size of the audio"},
	{Path: "sha256", Kind: Text, Class: Audio, Note: "SHA-256 of the audio, in hexadecimal"},
	{Path: "fetchedAt", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "when the audio was in the lake as a whole"},
	{Path: "goneAt", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "when RingCentral said that it does not have the audio any more"},
	{Path: "erasedAt", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "when the audio was removed from the lake, or was not brought there, since somebody who was erased takes part in the call"},
}

var recordings = sync.OnceValue(func() *Table {
	return newTable("recordings", "One row a recording that a call names; with the stream `recordings`. The records are trunkline's own.", recordingFields, "id", "start_time")
})

// Recordings is the table of the audio of calls: one row a recording that a call names. Its records are trunkline's own.
func Recordings() *Table { return recordings() }

// KeepsAudio reports whether a policy lets the audio of calls into the lake: the one that keeps everything does, and one that names the
// class audio as kept. All else that a policy takes away may be said aloud.
func (p *Policy) KeepsAudio() bool {
	if p == nil {
		return true
	}
	own, err := p.For(Recordings())
	return err == nil && own.actions["object"] == Keep
}

var erasedToken = regexp.MustCompile(`"erased:[a-z2-7]{26}"`)

// NamesErased reports whether a record, as JSON, has the token of somebody who was erased.
func NamesErased(record []byte) bool { return erasedToken.Match(record) }
