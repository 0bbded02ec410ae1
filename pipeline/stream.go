package pipeline

import (
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

	// snapshot reads all of it, for byWhat snapshots.
	snapshot func(ctx context.Context, c *ringcentral.Client, account string) iter.Seq2[ringcentral.Page, error]
	// compose makes pages of the table's records of all pages of a snapshot; nil where they are such pages.
	compose func([]part) ([][]byte, error)
	// list reads what one extension has in a window, for byWhat extensions.
	list func(ctx context.Context, c *ringcentral.Client, account, extension string, u Unit, perPage int) iter.Seq2[ringcentral.Page, error]
}

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
	columns: schema.CallLog(),
}

// streams are all there are, in the order in which they are read: first what RingCentral forgets, the extensions before what is
// read extension by extension, and the calls before what follows them.
var streams = []stream{
	calls,
	{Table: sinks.Table{Name: "account", ID: "id"}, columns: schema.Account(), byWhat: bySnapshot, snapshot: accountPages, compose: wrapAccount},
	{Table: sinks.Table{Name: ExtensionsStream, ID: "id"}, columns: schema.CompanyExtensions(), byWhat: bySnapshot, snapshot: extensionPages},
	{Table: sinks.Table{Name: "call_queues", ID: "id"}, columns: schema.CallQueues(), byWhat: bySnapshot, snapshot: queuePages, compose: composeQueues},
	{Table: sinks.Table{Name: "phone_numbers", ID: "id"}, columns: schema.CompanyPhoneNumbers(), byWhat: bySnapshot, snapshot: numberPages},
	{
		Table: sinks.Table{Name: MessagesStream, ID: "id", Time: "creation_time", Modified: "last_modified_time",
			Deleted: "availability", DeletedAs: "Purged", Overlay: schema.Messages().Overlay},
		columns: schema.Messages(), byWhat: byExtension, list: messagePages,
	},
	{Table: sinks.Table{Name: RecordingsStream, ID: "id", Time: "start_time"}, columns: schema.Recordings(), byWhat: byCall},
}

// DefaultStreams are those that are read unless others are named. A release never adds to them.
func DefaultStreams() []string {
	return []string{CallLogStream, "account", ExtensionsStream, "call_queues", "phone_numbers"}
}

// Streams lists the names of all streams, in the order in which they are read.
func Streams() []string {
	var out []string
	for _, s := range streams {
		out = append(out, s.Name)
	}
	return out
}

// chosen are the streams of those names, in the order of reading; no names are the call log.
func chosen(names []string) ([]stream, error) {
	if len(names) == 0 {
		return []stream{calls}, nil
	}
	for _, name := range names {
		if !slices.Contains(Streams(), name) {
			return nil, fmt.Errorf("stream %q: there are %s", name, strings.Join(Streams(), ", "))
		}
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
