package schema

import "sync"

// recordingFields are what is known of the audio of a call. The records are trunkline's own, not RingCentral's.
var recordingFields = []Field{
	{Path: "id", Kind: ID, Class: Plain, Note: "recording, that of the call log's `recording_id`"},
	{Path: "startTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "start of the call; it decides the day"},
	{Path: "callId", Kind: ID, Class: Plain, Note: "first call record that names the recording"},
	{Path: "type", Kind: Text, Class: Plain, Note: "Automatic or OnDemand"},
	{Path: "contentUri", Kind: Text, Class: URIs, Note: "address of the audio at RingCentral"},
	{Path: "object", Kind: Text, Class: Plain, Note: "key of the audio in the lake; null where there is none"},
	{Path: "contentType", Kind: Text, Class: Plain, Note: "MIME type of the audio"},
	{Path: "bytes", Kind: Integer, Class: Plain, Unit: "byte", Note: "size of the audio"},
	{Path: "sha256", Kind: Text, Class: Plain, Note: "SHA-256 of the audio"},
	{Path: "fetchedAt", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "when the audio was there whole"},
	{Path: "goneAt", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "when RingCentral said that it has no such audio any more"},
}

var recordings = sync.OnceValue(func() *Table { return newTable("recordings", recordingFields, "id", "start_time") })

// Recordings is the table of the audio of calls: one row a recording that was asked for.
func Recordings() *Table { return recordings() }
