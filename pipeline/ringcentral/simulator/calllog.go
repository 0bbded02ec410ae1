package simulator

import (
	"bytes"
	"fmt"
	"iter"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// maxBatch is how many records one request can name.
const maxBatch = 50

// callLog lists the company's log, or that of an extension, newest first and without totals.
func (s *Simulator) callLog(r *request) *answer {
	now, x := s.options.Now(), r.extension
	if x == nil && s.options.RefuseShowDeleted && r.URL.Query().Has("showDeleted") {
		return invalid("showDeleted", r.URL.Query().Get("showDeleted"))
	}
	q, refusal := readQuery(r.URL.Query(), x != nil, now)
	if refusal != nil {
		return refusal
	}
	q.back = s.faults.back(r, q.paging)
	page, more := s.page(q, x, now)
	spoilt := r.fault.spoils(q.back, len(page), &more)
	path := clientURL(r.Request) + s.logPath(x) + "?" + q.echo
	uri := func(n int) string { return path + q.query(n) }
	var b bytes.Buffer
	// By hand and not by encoding/json, which would rewrite recorded records.
	b.WriteString(`{"uri":`)
	b.Write(encode(uri(q.page)))
	b.WriteString(`,"records":[`)
	for i, one := range page {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(one.encode(q.view))
	}
	b.WriteString(`],"paging":`)
	b.Write(encode(q.body(len(page))))
	b.WriteString(`,"navigation":`)
	b.Write(encode(q.navigation(more, uri)))
	b.WriteByte('}')
	return &answer{status: 200, body: b.Bytes(), records: len(page), fault: spoilt}
}

func (s *Simulator) logPath(x *extension) string {
	path := s.accountPath()
	if x != nil {
		path += "/extension/" + x.idText()
	}
	return path + "/call-log"
}

// page walks the log from its newest record and keeps what lies on the page; more tells whether there is another one.
func (s *Simulator) page(q *query, x *extension, now time.Time) (page []*record, more bool) {
	skip, oldest := q.first()-q.back, s.forgotten(now)
	for r := range s.newestFirst(q, now) {
		if !s.shows(r, now.UnixMilli()) && !(q.showDeleted && r.visible <= now.UnixMilli()) || r.start < oldest ||
			q.sessionID == "" && (r.start < q.from || r.start > q.to) {
			continue
		}
		if x != nil {
			r = s.calls.own(r, x)
		}
		switch {
		case r == nil || !q.accepts(r, s.company):
		case skip > 0:
			skip--
		case len(page) == q.perPage:
			return page, true
		default:
			page = append(page, r)
		}
	}
	return page, false
}

// newestFirst iterates the records of all days that the query touches, as they are now.
func (s *Simulator) newestFirst(q *query, now time.Time) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		if q.sessionID != "" {
			for _, r := range slices.Backward(s.calls.session(q.sessionID)) {
				if r = r.current(now.UnixMilli()); r != nil && !yield(r) {
					return
				}
			}
			return
		}
		first, last := s.calls.span(now)
		for day := min(last, dayOf(q.to)); day >= max(first, dayOf(q.from), dayOf(s.forgotten(now))); day-- {
			for _, r := range slices.Backward(s.calls.on(day, now.UnixMilli())) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// recordsByID answers one record, or several if the path names more than one.
func (s *Simulator) recordsByID(r *request) *answer {
	x := r.extension
	view := orDefault(r.URL.Query().Get("view"), "Simple")
	if view != "Simple" && view != "Detailed" {
		return invalid("view", view)
	}
	path := r.PathValue("records")
	if !strings.Contains(path, ",") {
		one := s.recordByID(path, x)
		if one == nil {
			return notFound("callRecordId")
		}
		return &answer{status: 200, body: one.encode(view), records: 1}
	}
	ids := slices.DeleteFunc(strings.Split(path, ","), func(id string) bool { return id == "" })
	if len(ids) == 0 {
		return notFound("callRecordId")
	}
	if len(ids) > maxBatch {
		return refuse(400, "CMN-106", fmt.Sprintf("Batch request is limited to %d entries", maxBatch),
			parameter{ParameterName: "callRecordId"})
	}
	parts := make([]part, 0, len(ids))
	for _, id := range ids {
		p := part{id: id, answer: notFound("callRecordId"), href: clientURL(r.Request) + s.logPath(x) + "/" + id}
		if found := s.recordByID(id, x); found != nil {
			p.answer = &answer{status: 200, body: found.encode(view), records: 1}
		}
		parts = append(parts, p)
	}
	const asJSON = "application/vnd.ringcentral.multipart+json"
	if strings.Contains(r.Header.Get("Accept"), asJSON) {
		return joined(parts, asJSON)
	}
	return mixed(parts)
}

// recordByID finds a record in the company's log, or in that of an extension.
func (s *Simulator) recordByID(id string, x *extension) *record {
	now := s.options.Now()
	r := s.calls.find(id)
	if r != nil {
		r = r.current(now.UnixMilli())
	}
	if r != nil && x != nil {
		r = s.calls.own(r, x)
	}
	// Deleted records are not found: only the list has showDeleted.
	if r == nil || r.ID != id || !s.shows(r, now.UnixMilli()) || r.start < s.forgotten(now) {
		return nil
	}
	return r
}

// part is one element of a batch.
type part struct {
	id, href string
	*answer
}

// joined is a batch as one JSON array.
func joined(parts []part, contentType string) *answer {
	a := &answer{status: 207, contentType: contentType}
	var b bytes.Buffer
	for i, p := range parts {
		separator := ","
		if i == 0 {
			separator = "["
		}
		fmt.Fprintf(&b, `%s{"resourceId":%s,"status":%d,"body":%s}`, separator, encode(p.id), p.status, p.body)
		a.records += p.records
	}
	b.WriteByte(']')
	a.body = b.Bytes()
	return a
}

// mixed is a batch as multipart/mixed: first the statuses, then a part for each record or error.
func mixed(parts []part) *answer {
	type status struct {
		Href                string `json:"href"`
		Status              int    `json:"status"`
		ResponseDescription string `json:"responseDescription"`
	}
	var statuses struct {
		Response []status `json:"response"`
	}
	bodies := [][]byte{nil}
	a := &answer{status: 207}
	for _, p := range parts {
		statuses.Response = append(statuses.Response, status{p.href, p.status, http.StatusText(p.status)})
		bodies = append(bodies, p.body)
		a.records += p.records
	}
	bodies[0] = encode(statuses)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	// A fixed boundary, so that equal requests get equal bytes; JSON text cannot contain it at the start of a line.
	const boundary = "Boundary_of_simulated_parts"
	_ = w.SetBoundary(boundary) // it is short and has only permitted characters
	for _, body := range bodies {
		// Writing to a bytes.Buffer cannot fail.
		section, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/json"}})
		_, _ = section.Write(body)
	}
	_ = w.Close()
	a.contentType = mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": boundary})
	a.body = b.Bytes()
	return a
}
