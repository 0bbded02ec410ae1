package schema

import (
	"slices"
	"sync"
)

// Member is the member that whoever reads a log puts into its records, and that RingCentral does not send: in it stands what only the
// address of a page tells. The columns are those of the table of extensions' call records alone.
const Member = "trunkline"

// extensionCallFields are those of a call record, and whose log has it. The key is of letters only, so that no number can be found in
// it, and of the class of what it is made of: what takes the extension away must not leave it.
var extensionCallFields = slices.Concat(
	[]Field{
		{Path: Member + ".key", Name: "record_key", Kind: ID, Class: Extensions, Note: "made of owner_extension_id and id; unique in the table"},
		{Path: Member + ".extensionId", Name: "owner_extension_id", Kind: ID, Class: Extensions, Note: "extension whose log has the record; the same conversation is in the log of every extension that took part"},
		{Path: "id", Kind: ID, Class: Plain, Note: "identifier of the record, unique in the log of one extension; opaque and case-sensitive"},
	},
	callFields[1:],
)

var extensionCallLog = sync.OnceValue(func() *Table {
	return newTable("extension_call_log", "One row a call record of one extension's log; with `--scope extension`. Its legs are those of `call_log`.", extensionCallFields, "record_key", "start_time", "last_modified_time", "deleted")
})

// ExtensionCallLog is the table of the call records of single extensions' logs: one row a record of one log, the columns of CallLog, and whose
// log it is.
func ExtensionCallLog() *Table { return extensionCallLog() }
