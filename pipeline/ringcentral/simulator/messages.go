package simulator

import (
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"
)

// messageQuery is the parameters of a list of messages, checked.
type messageQuery struct {
	paging
	window                                      // of the creation
	availability, directions, types, readStatus []string
	conversation                                string
	phoneNumber                                 string // digits
}

// readMessageQuery checks the parameters of a list request; those of owners and distinctConversations are passed over.
func readMessageQuery(values url.Values, now time.Time) (*messageQuery, *answer) {
	p, refusal := readPaging(values)
	if refusal != nil {
		return nil, refusal
	}
	for _, choice := range []struct {
		name    string
		allowed []string
	}{
		{"availability", []string{"Alive", "Deleted", "Purged"}},
		{"direction", []string{"Inbound", "Outbound"}},
		{"messageType", []string{"Fax", "SMS", "VoiceMail", "Pager"}},
		{"readStatus", []string{"Read", "Unread"}},
	} {
		for _, value := range values[choice.name] {
			if !slices.Contains(choice.allowed, value) {
				return nil, invalid(choice.name, value)
			}
		}
	}
	w, refusal := readSpan(values, now)
	if refusal != nil {
		return nil, refusal
	}
	q := &messageQuery{
		paging: p, window: w, availability: values["availability"], directions: values["direction"],
		types: values["messageType"], readStatus: values["readStatus"], conversation: values.Get("conversationId"),
		phoneNumber: digits(values.Get("phoneNumber")),
	}
	if len(q.availability) == 0 {
		q.availability = []string{"Alive"}
	}
	q.echo = echo(values, "direction", "messageType", "readStatus", "conversationId", "phoneNumber") +
		echo(url.Values{"availability": q.availability}, "availability") + q.echo
	return q, nil
}

// accepts tells whether a version passes every filter. Of a purged one nothing is left to filter by.
func (q *messageQuery) accepts(m *stored) bool {
	if m.created < q.from || m.created > q.to || !slices.Contains(q.availability, m.Availability) {
		return false
	}
	return m.Availability == "Purged" || matches(q.types, m.Type) && matches(q.directions, m.Direction) &&
		matches(q.readStatus, m.ReadStatus) &&
		(q.conversation == "" || m.Conversation != nil && m.Conversation.ID == q.conversation) &&
		(q.phoneNumber == "" || slices.Contains(m.numbers(), q.phoneNumber))
}

// messages lists the store of an extension, newest first. Unlike the call log, the list tells its totals.
func (s *Simulator) messages(r *request) *answer {
	now := s.options.Now()
	q, refusal := readMessageQuery(r.URL.Query(), now)
	if refusal != nil {
		return refusal
	}
	var found []*stored
	for m := range s.newestMessages(r.extension, q, now.UnixMilli()) {
		if q.accepts(m) {
			found = append(found, m)
		}
	}
	path := clientURL(r.Request) + s.storePath(r.extension) + "?" + q.echo
	back := s.faults.back(r, q.paging)
	l := list(found, q.paging, back, func(page int) string { return path + q.query(page) })
	more := l.Navigation.NextPage != nil
	spoilt := r.fault.spoils(back, len(l.Records), &more)
	if more && q.page < maxPage {
		l.Navigation.NextPage = &pageURI{path + q.query(q.page+1)}
	}
	return &answer{status: 200, body: encode(l), messages: len(l.Records), fault: spoilt}
}

func (s *Simulator) storePath(x *extension) string {
	return strings.TrimSuffix(s.logPath(x), "call-log") + "message-store"
}

// newestMessages iterates the messages of an extension that were created on the days of a window, as they are now.
func (s *Simulator) newestMessages(x *extension, q *messageQuery, now int64) iter.Seq[*stored] {
	return func(yield func(*stored) bool) {
		if s.mail == nil {
			return
		}
		first, last := s.mail.span(now)
		for day := min(last, dayOf(q.to)); day >= max(first, dayOf(q.from)); day-- {
			for _, m := range slices.Backward(s.mail.days.day(day).byOwner[x.id]) {
				if v := m.current(now); v != nil && !yield(v) {
					return
				}
			}
		}
	}
}

// message answers one message, whatever its availability is.
func (s *Simulator) message(r *request) *answer {
	if s.mail == nil {
		return notFound("messageId")
	}
	m := s.mail.find(r.PathValue("message"))
	if m != nil {
		m = m.current(s.options.Now().UnixMilli())
	}
	if m == nil || m.owner != r.extension {
		return notFound("messageId")
	}
	return &answer{status: 200, body: encode(m), messages: 1}
}
