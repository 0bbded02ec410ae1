package schema

import (
	"slices"
	"sync"
)

// messageFields are the members of a message of the message store, in the order of their columns.
// Source: RingCentral's public specification of GetMessageInfoResponse, revision of August 2026.
var messageFields = slices.Concat(
	[]Field{
		{Path: "id", Kind: NumericID, Class: Plain, Note: "identifier of the message; the call log's `message_id` is the same as text"},
		{Path: "uri", Kind: Text, Class: URIs, Note: "address of the message in the API"},
		{Path: "extensionId", Kind: ID, Class: Extensions, Note: "extension whose message store has it; a message between colleagues is in both stores under an id of its own"},
		{Path: "type", Kind: Text, Class: Plain, Note: "SMS (MMS are SMS with attachments), Fax, VoiceMail, Pager, Text"},
		{Path: "direction", Kind: Text, Class: Plain, Note: "Inbound or Outbound, as seen by the owner of the store"},
		{Path: "creationTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "creation; it decides the day"},
		{Path: "lastModifiedTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "last change in RingCentral; orders the versions of a message"},
		{Path: "readStatus", Kind: Text, Class: Plain, Note: "Read or Unread"},
		{Path: "priority", Kind: Text, Class: Plain, Note: "Normal or High"},
		{Path: "messageStatus", Kind: Text, Class: Plain, Note: "Queued, Sent, Delivered, DeliveryFailed, SendingFailed, Received; an open list of values"},
		{Path: "availability", Kind: Text, Class: Plain, Note: "Alive, Deleted (in the trash) or Purged: the message was removed in RingCentral; the rest is as it was last seen"},
		{Path: "subject", Kind: Text, Class: MessageText, Prose: true, Note: "text of an SMS or pager message, perhaps cut"},
		{Path: "conversationId", Name: "conversation_number", Kind: NumericID, Class: Plain, Note: "the conversation as a number, which some answers have rounded; conversation_id is the safe one"},
		{Path: "conversation.id", Kind: ID, Class: Plain, Note: "conversation"},
		{Path: "conversation.uri", Kind: Text, Class: URIs, Note: "address of the conversation in the API"},
	},
	correspondentFields("from."),
	[]Field{
		{Path: "to", Kind: Structs, Class: Plain, Of: recipientFields, Note: "recipients"},
		{Path: "attachments", Kind: Structs, Class: Plain, Of: attachmentFields, Note: "audio, transcriptions, documents, pictures"},
		{Path: "deliveryErrorCode", Kind: ID, Class: Plain, Note: "why an SMS was not delivered"},
		{Path: "segmentCount", Kind: Integer, Class: Plain, Note: "segments of an SMS, each of which is charged"},
		{Path: "smsDeliveryTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "when an SMS was delivered"},
		{Path: "smsSendingAttemptsCount", Kind: Integer, Class: Plain, Note: "attempts to send an SMS"},
		{Path: "faxPageCount", Kind: Integer, Class: Plain, Note: "pages of a fax"},
		{Path: "faxResolution", Kind: Text, Class: Plain, Note: "High or Low"},
		{Path: "coverIndex", Kind: Integer, Class: Plain, Note: "cover page of a fax"},
		{Path: "coverPageText", Kind: Text, Class: MessageText, Prose: true, Note: "text on the cover page"},
		{Path: "pgToDepartment", Kind: Boolean, Class: Plain, Note: "whether a pager message went to a department"},
		{Path: "vmTranscriptionStatus", Kind: Text, Class: Plain, Note: "state of a voicemail's transcription; an open list of values"},
		{Path: "owner.extensionId", Kind: ID, Class: Extensions, Note: "owner of a shared inbox"},
		{Path: "owner.extensionType", Kind: Text, Class: Plain, Note: "kind of the owner"},
		{Path: "owner.name", Kind: Text, Class: Names, Note: "name of the owner"},
		{Path: "private", Kind: Boolean, Class: Plain, Note: "whether the message is private"},
		{Path: "forwarding.originalCreationTime", Kind: Timestamp, Class: Plain, Unit: "µs since 1970 UTC", Note: "creation of the message that was forwarded"},
	},
	correspondentFields("forwarding.originalSender."),
	deliveryFields("forwarding.originalSender."),
)

var recipientFields = slices.Concat(correspondentFields(""), deliveryFields(""))

// correspondentFields are those of a sender or recipient below a path.
func correspondentFields(path string) []Field {
	return []Field{
		{Path: path + "phoneNumber", Kind: Text, Class: PhoneNumbers, Note: "verbatim: usually E.164, sometimes formatted, sometimes masked"},
		{Path: path + "extensionNumber", Kind: Text, Class: Extensions, Note: "short number"},
		{Path: path + "extensionId", Kind: ID, Class: Extensions, Note: "extension of a colleague"},
		{Path: path + "name", Kind: Text, Class: Names, Note: "name"},
		{Path: path + "location", Kind: Text, Class: Locations, Note: "city and state, where RingCentral can tell"},
	}
}

// deliveryFields are what a recipient has beyond them.
func deliveryFields(path string) []Field {
	return []Field{
		{Path: path + "target", Kind: Boolean, Class: Plain, Note: "whether the owner of the store is this recipient"},
		{Path: path + "messageStatus", Kind: Text, Class: Plain, Note: "delivery to this recipient; an open list of values"},
		{Path: path + "faxErrorCode", Kind: Text, Class: Plain, Note: "why a fax did not arrive; an open list of values"},
		{Path: path + "recipientId", Kind: ID, Class: Plain, Note: "contact of the recipient"},
	}
}

var attachmentFields = []Field{
	{Path: "id", Kind: NumericID, Class: Plain, Note: "identifier within the message"},
	{Path: "uri", Kind: Text, Class: URIs, Note: "address of the content on the media host"},
	{Path: "type", Kind: Text, Class: Plain, Note: "AudioRecording, AudioTranscription, Text, SourceDocument, RenderedDocument, MmsAttachment"},
	{Path: "contentType", Kind: Text, Class: Plain, Note: "MIME type"},
	{Path: "vmDuration", Kind: Integer, Class: Plain, Unit: "s", Note: "length of a voicemail"},
	{Path: "fileName", Kind: Text, Class: MessageText, Prose: true, Note: "name of the file as it was sent"},
	{Path: "size", Kind: Integer, Class: Plain, Unit: "byte", Note: "size of the content"},
	{Path: "height", Kind: Integer, Class: Plain, Unit: "pixel", Note: "of a picture"},
	{Path: "width", Kind: Integer, Class: Plain, Unit: "pixel", Note: "of a picture"},
}

var messages = sync.OnceValue(func() *Table {
	return newTable("messages", "One row a message of one extension's message store; with the stream `messages`.", messageFields, "id", "creation_time", "last_modified_time", "availability")
})

// Messages is the table of messages: one row a message of one extension's message store.
func Messages() *Table { return messages() }
