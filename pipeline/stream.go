package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// stream is one kind of records that the lake keeps: its table, and how its days are read.
type stream struct {
	sinks.Table
	columns *schema.Table
	byWhat  manner

	group    string // RingCentral's rate group that most requests for it are counted in
	forgets  bool   // RingCentral forgets the records when its retention is over
	recordID string // column of RingCentral's id of a record, where the table's own is another

	// snapshot reads all of it, for byWhat snapshots.
	snapshot func(ctx context.Context, c *ringcentral.Client, account string) iter.Seq2[ringcentral.Page, error]
	// compose makes pages of the table's records of all pages of a snapshot; nil where they are such pages.
	compose func([]part) ([][]byte, error)
	// list reads what one extension has in a window, for byWhat extensions.
	list func(ctx context.Context, c *ringcentral.Client, account, extension string, u Unit, perPage int) iter.Seq2[ringcentral.Page, error]
	// prepare makes a page of the table's records of one that came from an address; nil where it is such a page.
	prepare func(address string, body []byte) ([]byte, error)
	// patience is after how many refusals no more extensions are asked, if none but the first has answered; 0: all are asked.
	patience int
}

// isCallLog reports whether the stream is the call log, the company's or that of its extensions: what all of this is for.
func (s stream) isCallLog() bool { return IsCallLog(s.Name) }

// IsCallLog reports whether a stream is the call log, the company's or that of its extensions; the company's needs no name.
func IsCallLog(stream string) bool {
	return stream == "" || stream == CallLogStream || stream == ExtensionCallLogStream
}

// scopeFlag is what a command line that reads the stream says of the scope.
func (s stream) scopeFlag() string {
	if s.Name == ExtensionCallLogStream {
		return " --scope extension"
	}
	return ""
}

// prepared is the page of the table's records that a page makes.
func (s stream) prepared(address string, body []byte) ([]byte, error) {
	if s.prepare == nil {
		return body, nil
	}
	return s.prepare(address, body)
}

// idColumn is the column of RingCentral's id of a record.
func (s stream) idColumn() string { return cmp.Or(s.recordID, s.ID) }

// manner is how the days of a stream are read.
type manner uint8

const (
	// byWindow reads windows of days from one list for the whole account, and what changed from the change feed.
	byWindow manner = iota
	// bySnapshot reads all there is, once a day, as it is then.
	bySnapshot
	// byExtension reads one window of days from a list for each extension.
	byExtension
	// byCall settles what the calls name that the lake holds.
	byCall
)

// listed reports whether days are read from lists of RingCentral's.
func (m manner) listed() bool { return m == byWindow || m == byExtension }

// how is the ledger's word for it.
func (m manner) how() string {
	switch m {
	case bySnapshot:
		return howSnapshot
	case byCall:
		return howCalls
	}
	return howList
}

// part is one page of a snapshot: what was asked for, and the answer.
type part struct {
	path string
	body []byte
}

const (
	// CallLogStream is the name of the stream and table of call records.
	CallLogStream = "call_log"
	// ExtensionCallLogStream is the name of the stream and table of the call records of extensions' own logs: see ScopeExtension.
	ExtensionCallLogStream = "extension_call_log"
	// ExtensionsStream is the name of the stream and table of extensions.
	ExtensionsStream = "extensions"
	// MessagesStream is the name of the stream and table of messages.
	MessagesStream = "messages"
)

// calls is the stream of call records.
var calls = stream{
	Table: sinks.Table{
		Name: CallLogStream, ID: "id", Time: "start_time", Modified: "last_modified_time", Detail: "legs", Deleted: "deleted",
		Overlay: schema.CallLog().Overlay,
	},
	columns: schema.CallLog(), group: "Heavy", forgets: true,
}

// streams are all there are, in the order in which they are read: first what RingCentral forgets, the extensions before what is
// read extension by extension, and the calls before what follows them.
var streams = []stream{
	calls,
	{Table: sinks.Table{Name: "account", ID: "id"}, columns: schema.Account(), group: "Light", byWhat: bySnapshot, snapshot: accountPages, compose: wrapAccount},
	{Table: sinks.Table{Name: ExtensionsStream, ID: "id"}, columns: schema.CompanyExtensions(), group: "Medium", byWhat: bySnapshot, snapshot: extensionPages},
	extensionCalls,
	{Table: sinks.Table{Name: "call_queues", ID: "id"}, columns: schema.CallQueues(), group: "Light", byWhat: bySnapshot, snapshot: queuePages, compose: composeQueues},
	{Table: sinks.Table{Name: "phone_numbers", ID: "id"}, columns: schema.CompanyPhoneNumbers(), group: "Heavy", byWhat: bySnapshot, snapshot: numberPages},
	{
		Table: sinks.Table{Name: MessagesStream, ID: "id", Time: "creation_time", Modified: "last_modified_time",
			Deleted: "availability", DeletedAs: "Purged", Overlay: schema.Messages().Overlay},
		columns: schema.Messages(), group: "Light", byWhat: byExtension, list: messagePages,
	},
	{Table: sinks.Table{Name: RecordingsStream, ID: "id", Time: "start_time"}, columns: schema.Recordings(), group: "Heavy", byWhat: byCall},
}

// DefaultStreams are those that are read unless others are named. A release never adds to them.
func DefaultStreams() []string {
	return []string{CallLogStream, "account", ExtensionsStream, "call_queues", "phone_numbers"}
}

// Tables lists the names of the tables of all streams, in the order in which they are read.
func Tables() []string {
	var out []string
	for _, s := range streams {
		out = append(out, s.Name)
	}
	return out
}

// Streams lists the names of the streams that can be chosen, in the order in which they are read.
func Streams() []string {
	return slices.DeleteFunc(Tables(), func(name string) bool { return name == ExtensionCallLogStream })
}

// chosen are the streams of those names, in the order of reading; no names are the call log. The scope says whose call log that is.
func chosen(names []string, scope Scope) ([]stream, error) {
	if len(names) == 0 {
		names = []string{CallLogStream}
	}
	for _, name := range names {
		if !slices.Contains(Streams(), name) {
			return nil, fmt.Errorf("stream %q: there are %s", name, strings.Join(Streams(), ", "))
		}
	}
	if at := slices.Index(names, CallLogStream); at >= 0 && scope == ScopeExtension {
		names = slices.Concat(names[:at], names[at+1:], []string{ExtensionCallLogStream})
	}
	var out []stream
	for _, s := range streams {
		if slices.Contains(names, s.Name) {
			out = append(out, s)
		}
	}
	return out, nil
}

// streamNamed is the stream whose table has that name.
func streamNamed(name string) (stream, bool) {
	at := slices.IndexFunc(streams, func(s stream) bool { return s.Name == name })
	if at < 0 {
		return stream{}, false
	}
	return streams[at], true
}
