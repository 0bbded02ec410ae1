package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"path"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Whoever may not read the company's call log may read his own, and with the permission's extended scope those of others. Records of such
// logs go to a table of their own: the company's log has a conversation once, and the logs of extensions once for each that took
// part, most under other ids. Whose log it is stands in no record, only in a page's address; so it is put into the records before they are
// decoded, with a key of log and id, since RingCentral promises an id to be unique in one log only. Archived pages are as they came.

// Scope is whose call log is read.
type Scope string

const (
	// ScopeCompany reads the company's call log.
	ScopeCompany Scope = "company"
	// ScopeExtension reads the log of each extension that the user may read, in place of the company's.
	ScopeExtension Scope = "extension"
)

// extensionCalls is the stream of the call records of extensions' own logs. It is read where the scope says so, and cannot be
// chosen by name.
var extensionCalls = stream{
	Table: sinks.Table{
		Name: ExtensionCallLogStream, ID: "record_key", Time: "start_time", Modified: "last_modified_time", Detail: "legs", Deleted: "deleted",
		Overlay: schema.ExtensionCallLog().Overlay,
	},
	columns: schema.ExtensionCallLog(), group: "Heavy", byWhat: byExtension, forgets: true, recordID: "id",
	list: ownCallPages, prepare: ownedPage, patience: 3,
}

func ownCallPages(ctx context.Context, c *ringcentral.Client, account, extension string, u Unit, perPage int) iter.Seq2[ringcentral.Page, error] {
	return c.ExtensionCallLog(ctx, account, extension, u.From, u.To, &ringcentral.CallLogOptions{PerPage: perPage, ShowDeleted: true})
}

// ownedPage puts into each record of a page whose log it is from. All else of the page is as it came.
func ownedPage(address string, body []byte) ([]byte, error) {
	owner := path.Base(path.Dir(address)) // …/extension/123/call-log
	var page jsonObject
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, err
	}
	var records []json.RawMessage
	if err := json.Unmarshal(page["records"], &records); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	owned := make([][]byte, len(records))
	for i, record := range records {
		var err error
		if owned[i], err = ownedRecord(owner, record); err != nil {
			return nil, fmt.Errorf("record %d: %w", i+1, err)
		}
	}
	return recordsPage(owned), nil
}

// ownedRecord puts into a record whose log it is from, and its key; without an id it gets none, and has no place.
func ownedRecord(owner string, record []byte) ([]byte, error) {
	var members jsonObject
	if err := json.Unmarshal(record, &members); err != nil {
		return nil, err
	}
	mark := map[string]string{"extensionId": owner}
	if id := textOf(members["id"]); id != "" {
		mark["key"] = recordKey(owner, id)
	}
	added, err := json.Marshal(jsonObject{schema.Member: mustJSON(mark)})
	if err != nil || len(members) == 0 {
		return added, err
	}
	// At the end, since of equal names the last one counts. A RawMessage has no white space around it.
	return append(append(record[:len(record)-1:len(record)-1], ','), added[1:]...), nil
}

func mustJSON(v map[string]string) json.RawMessage {
	b, _ := json.Marshal(v) // of texts: it cannot fail
	return b
}

// textOf is a JSON string or number as text; empty for anything else.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(value, &number) == nil {
		return number.String()
	}
	return ""
}

// recordKey names a record of one extension's log: 128 bits of a hash, as letters. A key has no digits, so that no number is ever found in
// it; it can be told from an extension and an id, and so falls under the same privacy as the extension.
func recordKey(owner, id string) string {
	sum := sha256.Sum256([]byte("record of an extension's log\n" + owner + "\n" + id))
	out := make([]byte, 0, 32)
	for _, b := range sum[:16] {
		out = append(out, 'a'+b>>4, 'a'+b&15)
	}
	return string(out)
}
