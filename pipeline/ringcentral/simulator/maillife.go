package simulator

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// How often something happens to a message of a population that is alive. As with calls, the kinds of change are
// published and the shares are not.
const (
	queuedShare     = 0.85 // of texts sent: is seen while it waits
	transcribeShare = 0.80 // of voicemails: is seen before it is transcribed
	discardShare    = 0.10 // is deleted
	purgeShare      = 0.45 // of deleted messages: is purged
	recoverShare    = 0.25 // of the others: comes back
)

// mailState is what has become of a message until a version of it.
type mailState struct {
	status, transcription, read, availability string
	delivered                                 int64 // when, unix milliseconds
}

// mailChange is one of the things that happen to a message.
type mailChange struct {
	at    int64 // from when on it can be seen, unix milliseconds
	apply func(*mailState)
}

// course decides what happens to one message. It draws from a generator of the message's own.
type course struct {
	term
	final   *stored
	first   mailState // in which it is seen first
	changes []mailChange
}

// live makes the versions of a message that was made as it is in the end, and returns the first one.
func (m *mailroom) live(final *stored) *stored {
	place, day := uint64(final.ID), dayOf(final.created)
	c := &course{
		final: final,
		first: mailState{final.MessageStatus, final.VMTranscriptionStatus, final.ReadStatus, final.Availability, 0},
		term: term{limit: m.changeLimit(day), maker: &maker{company: m.company, population: m.population, day: day,
			rng: rand.New(rand.NewPCG(mix(m.keyB^place), mix(m.keyA+place)))}},
	}
	c.draw()
	return c.versions()
}

// happens plans a change at an instant between low and high after another one; without room before the limit it does
// not happen.
func (c *course) happens(after, low, high int64, apply func(*mailState)) (at int64, ok bool) {
	if at, ok = c.when(after, low, high); ok {
		c.changes = append(c.changes, mailChange{at, apply})
	}
	return at, ok
}

// draw plans everything that happens after the message is first seen.
func (c *course) draw() {
	m, complete := c.final, c.final.visible
	if m.Type == "SMS" && m.Direction == "Outbound" {
		complete = c.deliver()
	}
	if m.Type == "VoiceMail" && m.VMTranscriptionStatus != "NotAvailable" && c.chance(transcribeShare) {
		done := func(s *mailState) { s.transcription = m.VMTranscriptionStatus }
		if at, ok := c.happens(m.visible, 20*second, 20*minute, done); ok {
			c.first.transcription, complete = "InProgress", at
		}
	}
	if m.Direction == "Inbound" && m.ReadStatus == "Read" {
		if _, ok := c.happens(m.visible, 10*second, 10*hour, func(s *mailState) { s.read = "Read" }); ok {
			c.first.read = "Unread"
		}
	}
	if c.chance(discardShare) {
		c.discard(complete)
	}
}

// deliver plans the way of a text that is sent: it waits, is sent, and then perhaps it is known whether it arrived.
func (c *course) deliver() (complete int64) {
	final, sent := c.final.MessageStatus, c.final.visible
	c.first.status = "Sent"
	if final == "SendingFailed" {
		c.first.status = final
	}
	if then := c.first.status; c.chance(queuedShare) {
		if at, ok := c.happens(sent, second, 40*second, func(s *mailState) { s.status = then }); ok {
			c.first.status, sent = "Queued", at
		}
	}
	if final == "Sent" || final == "SendingFailed" {
		return sent
	}
	high := 2 * minute
	if c.chance(0.2) {
		high = 6 * hour
	}
	at, ok := c.when(sent, 2*second, high)
	if !ok {
		return sent
	}
	c.changes = append(c.changes, mailChange{at, func(s *mailState) { s.status, s.delivered = final, at-200 }})
	return at
}

// discard plans the end of a message that was complete.
func (c *course) discard(after int64) {
	at, ok := c.happens(after, 10*minute, 30*hour, func(s *mailState) { s.availability = "Deleted" })
	switch {
	case !ok:
	case c.chance(purgeShare):
		c.happens(at, 10*minute, 24*hour, func(s *mailState) { s.availability = "Purged" })
	case c.chance(recoverShare):
		c.happens(at, minute, 12*hour, func(s *mailState) { s.availability = "Alive" })
	}
}

// versions turns the changes into versions and returns the first one. Who reads a message after it was deleted has come
// too late for anything else to be seen.
func (c *course) versions() *stored {
	slices.SortStableFunc(c.changes, func(a, b mailChange) int { return cmp.Compare(a.at, b.at) })
	s := c.first
	all := []*stored{c.version(s, c.final.visible)}
	for _, change := range c.changes {
		before := s
		change.apply(&s)
		at := max(change.at, all[len(all)-1].visible+1) // no two versions at once
		if before.availability == "Purged" || s == before {
			continue
		}
		all = append(all, c.version(s, at))
	}
	*c.final.versions = all
	return all[0]
}

// version is the message as it reads in a state.
func (c *course) version(s mailState, at int64) *stored {
	v := *c.final
	v.at(at)
	if s.availability == "Purged" {
		v.Availability = s.availability
		return v.purged()
	}
	v.MessageStatus, v.VMTranscriptionStatus, v.ReadStatus, v.Availability = s.status, s.transcription, s.read, s.availability
	if v.MessageStatus != c.final.MessageStatus {
		v.DeliveryErrorCode = ""
	}
	if v.SMSDeliveryTime = ""; s.status == "Delivered" {
		v.SMSDeliveryTime = timestamp(s.delivered)
	}
	if v.Type == "VoiceMail" && !v.transcribed() {
		v.Attachments = v.Attachments[:1:1]
	}
	return &v
}
