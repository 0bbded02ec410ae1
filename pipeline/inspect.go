package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Inspecting says which record to look at.
type Inspecting struct {
	ID        string  // of a call or a message
	AccountID string  // OwnAccount: whichever has it in the lake, and the login's at RingCentral
	Extension string  // whose message or log it is; only for one that the lake does not have
	Window    *Window // where it is looked for in the lake; nil: all days
}

// Inspected is one record as the lake and RingCentral have it.
type Inspected struct {
	ID          string          `json:"id"`
	Stream      string          `json:"stream"`                // call_log, extension_call_log or messages
	AccountID   string          `json:"account_id,omitempty"`  // in the lake
	Day         string          `json:"day,omitempty"`         // in the lake
	Lake        json.RawMessage `json:"lake,omitempty"`        // absent: the lake has no such record
	RingCentral json.RawMessage `json:"ringcentral,omitempty"` // absent: it was not asked, or has no such record
	Asked       bool            `json:"asked"`                 // RingCentral was asked
	Differences []Difference    `json:"differences"`           // of two that are there
}

// Difference is one member that the two have differently; a missing one is empty.
type Difference struct {
	Path        string `json:"path"` // such as legs[1].result
	Lake        string `json:"lake"` // JSON
	RingCentral string `json:"ringcentral"`
}

// ErrNoRecord says that neither the lake nor RingCentral has the record.
var ErrNoRecord = errors.New("there is no such call or message")

// Inspect looks for a call, or else a message, in the lake, and asks RingCentral how it is now; a nil client is not asked. The error is
// ErrNoRecord where nobody has it.
func Inspect(ctx context.Context, lake *sinks.Lake, c *ringcentral.Client, x Inspecting) (Inspected, error) {
	out := Inspected{ID: x.ID, Stream: CallLogStream, Differences: []Difference{}}
	for _, name := range []string{CallLogStream, ExtensionCallLogStream, MessagesStream} {
		if out.Lake != nil {
			break
		}
		if err := out.find(ctx, lake, name, x); err != nil {
			return out, err
		}
	}
	if c != nil {
		if err := out.ask(ctx, c, x); err != nil {
			return out, err
		}
	}
	if out.Lake == nil && out.RingCentral == nil {
		return out, fmt.Errorf("%w: %s", ErrNoRecord, x.ID)
	}
	if out.Lake == nil || out.RingCentral == nil {
		return out, nil
	}
	var err error
	out.Differences, err = differences(out.Lake, out.RingCentral)
	return out, err
}

// find looks for the record in one table of the lake, the last days first.
func (i *Inspected) find(ctx context.Context, lake *sinks.Lake, name string, x Inspecting) error {
	s, _ := streamNamed(name)
	ledgers, err := ledgersOf(ctx, lake, name)
	if err != nil {
		return err
	}
	for _, account := range slices.Sorted(maps.Keys(ledgers)) {
		if x.AccountID != OwnAccount && x.AccountID != account {
			continue
		}
		days := ledgers[account].Days()
		slices.Reverse(days)
		for _, d := range days {
			if ledgers[account][d].ContentHash == "" || x.Window != nil && (d < x.Window.From || d >= x.Window.To) {
				continue
			}
			_, err := s.dumpDay(ctx, lake, account, d, map[string]bool{x.ID: true}, func(line []byte) bool {
				i.Stream, i.AccountID, i.Day, i.Lake = name, account, d.FormattedString(), bytes.Clone(line)
				return false
			})
			if err != nil || i.Lake != nil {
				return err
			}
		}
	}
	return nil
}

// ask reads the record at RingCentral, where the lake or whoever asks says that it is; one that is gone is absent.
func (i *Inspected) ask(ctx context.Context, c *ringcentral.Client, x Inspecting) error {
	account := x.AccountID
	if i.AccountID != "" {
		account = i.AccountID
	}
	i.Asked = true
	owner, err := i.owner(x)
	if err != nil {
		return err
	}
	var page ringcentral.Page
	switch i.Stream {
	case MessagesStream:
		page, err = c.Message(ctx, account, owner, x.ID)
	case ExtensionCallLogStream:
		page, err = c.ExtensionCallRecord(ctx, account, owner, x.ID)
	default:
		page, err = c.CallRecord(ctx, account, x.ID)
	}
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	record := page.Body
	if i.Stream == ExtensionCallLogStream {
		if record, err = ownedRecord(owner, bytes.TrimSpace(record)); err != nil {
			return err
		}
	}
	s, _ := streamNamed(i.Stream)
	i.RingCentral, err = canonicalRecord(s.columns, record)
	return err
}

// owner is the extension whose message or log the record is in; empty for one of the company's log. One that the lake does not have is taken
// for a message where an extension is named with a number, as ids of messages are.
func (i *Inspected) owner(x Inspecting) (string, error) {
	var of struct {
		ExtensionID string `json:"extensionId"`
		Trunkline   struct {
			ExtensionID string `json:"extensionId"`
		} `json:"trunkline"`
	}
	switch {
	case i.Lake == nil && x.Extension != "" && strings.Trim(x.ID, "0123456789") == "":
		i.Stream = MessagesStream
		return x.Extension, nil
	case i.Lake == nil && x.Extension != "":
		i.Stream = ExtensionCallLogStream
		return x.Extension, nil
	case i.Lake == nil || i.Stream == CallLogStream:
		return "", nil
	}
	err := json.Unmarshal(i.Lake, &of)
	return cmp.Or(of.Trunkline.ExtensionID, of.ExtensionID), err
}

// canonicalRecord writes a record as the lake would give it back, so that only what differs in it differs.
func canonicalRecord(t *schema.Table, record []byte) ([]byte, error) {
	d := schema.NewDecoder(t)
	if _, err := d.Append(recordsPage([][]byte{record})); err != nil {
		return nil, err
	}
	enc, err := schema.NewEncoder(t, d.Batch())
	if err != nil {
		return nil, err
	}
	return enc.Append(nil, 0), nil
}

// differences lists the members that two records have differently, by path.
func differences(lake, ringCentral []byte) ([]Difference, error) {
	ours, theirs := map[string]string{}, map[string]string{}
	if err := errors.Join(flatten("", lake, ours), flatten("", ringCentral, theirs)); err != nil {
		return nil, err
	}
	paths := slices.AppendSeq(slices.Collect(maps.Keys(ours)), maps.Keys(theirs))
	slices.Sort(paths)
	out := []Difference{}
	for _, path := range slices.Compact(paths) {
		if ours[path] != theirs[path] {
			out = append(out, Difference{path, ours[path], theirs[path]})
		}
	}
	return out, nil
}

// flatten notes every value below a path that is neither an object nor an array with elements.
func flatten(path string, value []byte, into map[string]string) error {
	switch value[0] {
	case '{':
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			return err
		}
		for name, v := range members {
			below := name
			if path != "" {
				below = path + "." + name
			}
			if err := flatten(below, v, into); err != nil {
				return err
			}
		}
		return nil
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil || len(elements) > 0 {
			for n, v := range elements {
				err = errors.Join(err, flatten(fmt.Sprintf("%s[%d]", path, n), v, into))
			}
			return err
		}
	}
	into[path] = string(value)
	return nil
}
