package schema

import "slices"

// callFields are the members of a call record in the Detailed view, in the order of their columns.
// Source: RingCentral's public specification of CallLogRecord, all revisions from March 2023 to August 2026.
// New fields go to the end, before `legs`' successors: readers know columns by name, old files lack new ones.
var callFields = slices.Concat(
	[]Field{
		{Path: "id", Kind: ID, Class: Plain, Note: "identifier of the record, unique in the table; opaque and case-sensitive"},
		{Path: "uri", Kind: Text, Class: URIs, Note: "address of the record in the API"},
		{Path: "sessionId", Kind: ID, Class: Plain, Note: "legacy session; not unique, shared by the records of one conversation, may be `0`"},
	},
	sharedFields,
	[]Field{
		{Path: "deleted", Kind: Boolean, Class: Plain, Note: "true on a tombstone: the record was deleted in RingCentral"},
		{Path: "lastModifiedTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "last change in RingCentral; orders the versions of a record"},
		{Path: "legs", Kind: Structs, Class: Plain, Of: legFields, Note: "segments of the call, in the order received; they overlap, so their durations do not add up"},
	},
)

var legFields = slices.Concat(sharedFields, []Field{
	{Path: "legType", Kind: Text, Class: Plain, Note: "kind of segment; an open list of values"},
	{Path: "master", Kind: Boolean, Class: Plain, Note: "true on the main leg; some answers say it on no leg"},
})

// sharedFields are the members that a record and its legs have in common.
var sharedFields = slices.Concat(
	[]Field{
		{Path: "telephonySessionId", Kind: ID, Class: Plain, Note: "conversation; can differ between legs after a transfer; absent before 2019"},
		{Path: "partyId", Kind: ID, Class: Plain, Note: "participant of the telephony session"},
		{Path: "sipUuidInfo", Kind: ID, Class: Plain, Note: "session id of the Telephony REST API"},
		{Path: "startTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "start; on the record it decides the day"},
		{Path: "duration", Kind: Integer, Class: Plain, Unit: "s", Note: "rounded; absent while the call is in progress"},
		{Path: "durationMs", Kind: Integer, Class: Plain, Unit: "ms", Note: "since 2023"},
		{Path: "type", Kind: Text, Class: Plain, Note: "Voice or Fax"},
		{Path: "internalType", Kind: Text, Class: Plain, Note: "kind of call for rating, such as Local or TollFreeNumber"},
		{Path: "direction", Kind: Text, Class: Plain, Note: "Inbound or Outbound, as seen by the owner of the record; can flip while the call is active"},
		{Path: "action", Kind: Text, Class: Plain, Note: "an open list of values"},
		{Path: "result", Kind: Text, Class: Plain, Note: "an open list of values; compare without case"},
		{Path: "reason", Kind: Text, Class: Plain, Note: "an open list of values"},
		{Path: "reasonDescription", Kind: Text, Class: MessageText, Note: "an English sentence"},
		{Path: "transport", Kind: Text, Class: Plain, Note: "PSTN or VoIP"},
	},
	partyFields("from", "dialerPhoneNumber"),
	partyFields("to", "dialedPhoneNumber"),
	[]Field{
		{Path: "extension.id", Kind: NumericID, Class: Extensions, Note: "extension on whose behalf the call is logged"},
		{Path: "extension.uri", Kind: Text, Class: URIs, Note: "address of the extension in the API"},
		{Path: "delegate.id", Kind: ID, Class: Extensions, Note: "extension that really acted"},
		{Path: "delegate.name", Kind: Text, Class: Names, Note: "name of the extension that really acted"},
		{Path: "delegationType", Kind: Text, Class: Plain, Note: "Coworker, QueueForwarding, Unknown"},
		{Path: "recording.id", Kind: ID, Class: Plain, Note: "recording; arrives late, and is repeated on the record and its legs"},
		{Path: "recording.uri", Kind: Text, Class: URIs, Note: "address of the recording in the API"},
		{Path: "recording.type", Kind: Text, Class: Plain, Note: "Automatic or OnDemand"},
		{Path: "recording.contentUri", Kind: Text, Class: URIs, Note: "address of the audio on the media host"},
		{Path: "shortRecording", Kind: Boolean, Class: Plain, Note: "true: the recording was too short to be kept"},
		{Path: "message.id", Kind: ID, Class: Plain, Note: "fax or voicemail in the message store"},
		{Path: "message.type", Kind: Text, Class: Plain, Note: "Fax or VoiceMail"},
		{Path: "message.uri", Kind: Text, Class: URIs, Note: "address of the message in the API"},
		{Path: "billing.costIncluded", Kind: Money, Class: Plain, Unit: "account currency", Note: "verbatim; the specification says per minute, samples look like totals"},
		{Path: "billing.costPurchased", Kind: Money, Class: Plain, Unit: "account currency", Note: "verbatim; see billing_cost_included"},
		{Path: "transferTarget.telephonySessionId", Kind: ID, Class: Plain, Note: "warm transfer: the session transferred to"},
		{Path: "transferee.telephonySessionId", Kind: ID, Class: Plain, Note: "warm transfer: the session transferred"},
		{Path: "metadataCategories", Kind: Array, Class: Unclassified, Note: "JSON text of a list of strings"},
		{Path: "finished", Kind: Boolean, Class: Plain, Note: "whether the call has reached a finished state; since August 2026"},
	},
)

func partyFields(party, dialed string) []Field {
	return []Field{
		{Path: party + ".phoneNumber", Kind: Text, Class: PhoneNumbers, Note: "verbatim: usually E.164, sometimes formatted, sometimes masked"},
		{Path: party + ".extensionNumber", Kind: Text, Class: Extensions, Note: "short number"},
		{Path: party + ".extensionId", Kind: ID, Class: Extensions, Note: "extension of an internal party"},
		{Path: party + ".name", Kind: Text, Class: Names, Note: "name of the party; for outside numbers what the carrier says"},
		{Path: party + ".location", Kind: Text, Class: Locations, Note: "city and state, where RingCentral can tell"},
		{Path: party + ".device.id", Kind: ID, Class: Extensions, Note: "device"},
		{Path: party + ".device.uri", Kind: Text, Class: URIs, Note: "address of the device in the API"},
		{Path: party + "." + dialed, Kind: Text, Class: PhoneNumbers, Note: "number as dialled, unmodified"},
	}
}

// CallLog is the table of call records: one row a record, legs as a list of struct.
func CallLog() *Table { return callLog() }
