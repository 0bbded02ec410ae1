package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

// A snapshot is what an account has on a day: its extensions, queues, numbers. It is read once a day, the first time that somebody asks, and
// merged into what the day holds already: an extension that went in the course of a day stays in it. Days of which there is no snapshot cannot
// be read any more.

// snapshots reads today's snapshot of the stream, unless the lake holds it.
func (e *extraction) snapshots(ctx context.Context) error {
	if err := e.accountKnown(ctx); err != nil {
		return err
	}
	p := &Planned{AccountID: e.AccountID, Days: e.wanted(e.stream, e.ledger, e.feed)}
	if len(p.Days) > 0 {
		p.Requests, p.Unknown = expectSnapshot(e.ledger)
	}
	if err := e.emit(Event{Planned: p}); err != nil || len(p.Days) == 0 {
		return err
	}
	r, err := e.newRead(ctx)
	if err != nil {
		return &lakeError{err}
	}
	defer r.close()
	if err := e.readSnapshot(ctx, r); err != nil {
		return err
	}
	return e.bring(ctx, r, []arrow.Date32{dayOf(r.readAt)}, func(arrow.Date32) (*sinks.Read, error) { return r.rows, nil })
}

// accountKnown asks which account this is, unless it is known.
func (e *extraction) accountKnown(ctx context.Context) error {
	if e.AccountID != OwnAccount {
		return nil
	}
	account, err := e.client.AccountID(ctx)
	if err != nil {
		return fmt.Errorf("which account is this? (or give --account-id): %w", err)
	}
	if err := e.known(ctx, account); err != nil {
		return &lakeError{err}
	}
	return nil
}

// readSnapshot reads all pages, and then decodes what they make together.
func (e *extraction) readSnapshot(ctx context.Context, r *closedRead) error {
	var parts []part
	for page, err := range e.stream.snapshot(ctx, e.client, e.AccountID) {
		if err != nil {
			return err
		}
		if r.pages++; r.pages == 1 {
			r.readAt = page.ReadAt
		}
		if err := e.keepPage(r, page, ""); err != nil {
			return err
		}
		parts = append(parts, part{page.Path, page.Body})
		if err := e.emit(Event{Page: &PageRead{Number: page.Number, Records: page.Records, Bytes: len(page.Body)}}); err != nil {
			return err
		}
	}
	if e.stream.Name == ExtensionsStream {
		for _, p := range parts {
			e.shared.extensions = append(e.shared.extensions, listedIn(p.body)...)
		}
		e.shared.asked = true
	}
	pages, err := e.stream.composed(parts)
	if err != nil {
		return err
	}
	r.rows = sinks.NewRead(e.stream.On(dayOf(r.readAt))) // it may be another day than the run began in
	for _, page := range pages {
		if err := e.decode(r.rows, page); err != nil {
			return err
		}
	}
	return nil
}

// composed are the pages of the table's records that a snapshot's pages make.
func (s stream) composed(parts []part) ([][]byte, error) {
	if s.compose != nil {
		return s.compose(parts)
	}
	var out [][]byte
	for _, p := range parts {
		out = append(out, p.body)
	}
	return out, nil
}

// howSnapshot marks a day of which all that there was then was read.
const howSnapshot = "snapshot"

func accountPages(ctx context.Context, c *ringcentral.Client, account string) iter.Seq2[ringcentral.Page, error] {
	return func(yield func(ringcentral.Page, error) bool) { yield(c.Account(ctx, account)) }
}

func extensionPages(ctx context.Context, c *ringcentral.Client, account string) iter.Seq2[ringcentral.Page, error] {
	return c.Extensions(ctx, account)
}

func numberPages(ctx context.Context, c *ringcentral.Client, account string) iter.Seq2[ringcentral.Page, error] {
	return c.PhoneNumbers(ctx, account)
}

// queuePages reads the list of queues, and of each one its settings and its members. A queue that went meanwhile has neither.
func queuePages(ctx context.Context, c *ringcentral.Client, account string) iter.Seq2[ringcentral.Page, error] {
	return func(yield func(ringcentral.Page, error) bool) {
		var queues []string
		for page, err := range c.CallQueues(ctx, account) {
			if !yield(page, err) || err != nil {
				return
			}
			queues = append(queues, idsIn(page.Body)...)
		}
		for _, queue := range queues {
			page, err := c.CallQueue(ctx, account, queue)
			if isGone(err) {
				continue
			}
			if !yield(page, err) || err != nil {
				return
			}
			for page, err := range c.CallQueueMembers(ctx, account, queue) {
				if isGone(err) {
					break
				}
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

func isGone(err error) bool {
	var refused *ringcentral.Error
	return errors.As(err, &refused) && refused.NotFound()
}

// listed is what is needed of a record in a list.
type listed struct {
	ID   json.RawMessage `json:"id"` // number or string
	Type string          `json:"type"`
}

func (l listed) id() string { return strings.Trim(string(l.ID), `"`) }

func listedIn(body []byte) []listed {
	var page struct {
		Records []listed `json:"records"`
	}
	if json.Unmarshal(body, &page) != nil {
		return nil // the decoder says what is wrong with it
	}
	return page.Records
}

func idsIn(body []byte) (out []string) {
	for _, l := range listedIn(body) {
		out = append(out, l.id())
	}
	return out
}

// wrapAccount makes a page of the account, which is no list.
func wrapAccount(parts []part) (out [][]byte, err error) {
	for _, p := range parts {
		out = append(out, recordsPage([][]byte{p.body}))
	}
	return out, nil
}

func recordsPage(records [][]byte) []byte {
	return bytes.Join([][]byte{[]byte(`{"records":[`), bytes.Join(records, []byte(`,`)), []byte(`]}`)}, nil)
}

// composeQueues makes one record of each queue: what the list says, over it what the queue itself says, and its members.
func composeQueues(parts []part) ([][]byte, error) {
	q := queueParts{queues: map[string]jsonObject{}, members: map[string][]json.RawMessage{}}
	for _, p := range parts {
		if err := q.add(p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
	}
	records, err := q.records()
	return [][]byte{recordsPage(records)}, err
}

type jsonObject = map[string]json.RawMessage

// queueParts is what was read of queues, by their ids.
type queueParts struct {
	order   []string
	queues  map[string]jsonObject
	members map[string][]json.RawMessage
}

func (q *queueParts) add(p part) error {
	var page jsonObject
	if err := json.Unmarshal(p.body, &page); err != nil {
		return err
	}
	switch last := path.Base(p.path); last {
	case "call-queues":
		var records []jsonObject
		err := json.Unmarshal(page["records"], &records)
		for _, r := range records {
			id := listed{ID: r["id"]}.id()
			if q.queues[id] == nil {
				q.order = append(q.order, id)
			}
			q.queues[id] = r
		}
		return err
	case "members":
		records := []json.RawMessage{}
		err := json.Unmarshal(page["records"], &records)
		id := path.Base(path.Dir(p.path))
		q.members[id] = append(q.members[id], records...)
		return err
	default:
		if q.queues[last] != nil {
			maps.Copy(q.queues[last], page)
		}
		return nil
	}
}

func (q *queueParts) records() (out [][]byte, err error) {
	for _, id := range q.order {
		if members, ok := q.members[id]; ok {
			if q.queues[id]["members"], err = json.Marshal(slices.Concat([]json.RawMessage{}, members)); err != nil {
				return nil, err
			}
		}
		b, err := json.Marshal(q.queues[id])
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}
