package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Media is a recording's content, as it comes. Body must be closed.
//
// Body is not held in memory. Reading it ends with io.EOF only when all Size bytes are there, with the context's error, or with an
// *Error that is Temporary: what was read is good, and Recording goes on from where it ends. Only where neither the
// size nor the transfer's own framing is told (Size is -1) can a body that was cut short look whole.
type Media struct {
	Body        io.ReadCloser
	ContentType string // audio/mpeg, audio/wav, audio/x-wav or whatever the server says; empty if nothing
	Size        int64  // of the whole recording in bytes, whatever the offset; -1 if it is not told
	Offset      int64  // where Body begins: the offset that was asked for, or 0 if the server sends everything
	ETag        string // tells two contents of one recording apart; empty if the server has none
}

// contentPath is RingCentral's path of a recording's content, as records have it in contentUri.
var contentPath = regexp.MustCompile(`^/restapi/v1\.0/account/([0-9]+|~)/recording/[0-9A-Za-z_-]+/content$`)

// Recording reads a recording's content from its contentUri, from the offset on, in bytes. An offset at its end gives an empty
// Body. Its errors are the context's, an *Error (see its Gone; status 416 is an offset beyond the end), and that of an address
// which is not a recording's.
//
// Of the address only the path is used: the token goes to the configured media host, whatever host, user or query a record has.
func (c *Client) Recording(ctx context.Context, accountID, uri string, offset int64) (*Media, error) {
	path, err := recordingPath(accountID, uri)
	if err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d of a recording: want 0 or more", offset)
	}
	r := c.get(readRecording, path, "")
	r.streamed, r.offset = true, offset
	a, err := c.send(ctx, r)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusRequestedRangeNotSatisfiable && offset > 0 && e.size == offset {
		return &Media{Body: http.NoBody, Size: offset, Offset: offset}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return a.media, nil
}

// recordingPath never quotes the address: it may carry a token in its query.
func recordingPath(accountID, uri string) (string, error) {
	if _, err := pathOfAccount(accountID); err != nil {
		return "", err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return "", errors.New("the recording's contentUri is not an address")
	}
	parts := contentPath.FindStringSubmatch(u.EscapedPath())
	switch {
	case parts == nil:
		return "", errors.New("the recording's contentUri is not the address of a recording's content: the token is not sent there")
	case accountID != own && parts[1] != own && parts[1] != accountID:
		return "", fmt.Errorf("the recording's contentUri is of account %s: want %s", parts[1], accountID)
	}
	return parts[0], nil
}

// open sends a request whose content is then read by whoever asked for it. Answers other than success are read here.
func (c *Client) open(parent context.Context, p *pass, r request, token string) (*answer, error) {
	ctx, cancel := context.WithCancelCause(parent)
	watch := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	shut := func() { watch.Stop(); cancel(nil) }
	a, resp, err := c.transmit(ctx, parent, p, r, token)
	if resp == nil {
		shut()
		return a, err
	}
	if !a.success() {
		defer shut()
		return c.readBody(ctx, parent, r, a, resp.Body)
	}
	watch.Stop()
	body := &content{client: c, request: r, answer: a, parent: parent, ctx: ctx, watch: watch, shut: shut, from: resp.Body}
	a.media = &Media{Body: body, ContentType: c.scrub.text(a.header.Get("Content-Type")), ETag: c.scrub.text(a.header.Get("ETag"))}
	if err := a.media.read(a.status, a.header, resp.ContentLength, r.offset); err != nil {
		_ = body.Close() // nothing of it is used
		a.media, a.broken = nil, &Error{Message: c.scrub.text(err.Error()), Path: r.path, RequestID: c.requestID(a.header), op: r.op}
		return a, nil
	}
	body.at, body.size = a.media.Offset, a.media.Size
	return a, nil
}

// read takes from an answer's header which bytes follow. An error is an answer that is no recording, or not the part that was
// asked for: a proxy's page, most likely.
func (m *Media) read(status int, h http.Header, length, offset int64) error {
	if kind, _, err := mime.ParseMediaType(m.ContentType); err == nil && (strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json")) {
		return fmt.Errorf("%s instead of a recording", kind)
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fmt.Errorf("the recording is encoded as %q, which was not asked for", coding)
	}
	switch {
	case status == http.StatusOK:
		m.Size, m.Offset = length, 0
		return nil
	case status != http.StatusPartialContent || offset == 0:
		return fmt.Errorf("status %d instead of a recording", status)
	}
	first, last, size, ok := readContentRange(h.Get("Content-Range"))
	if !ok || first != offset || last < first || size >= 0 && last >= size || length >= 0 && length != last-first+1 {
		return fmt.Errorf("%d bytes of Content-Range %q instead of what follows byte %d", length, h.Get("Content-Range"), offset)
	}
	m.Size, m.Offset = size, offset
	return nil
}

var contentRange = regexp.MustCompile(`^bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)$`)

// readContentRange reads the header of a 206 (RFC 9110, section 14.4). The size is -1 if it is not told.
func readContentRange(v string) (first, last, size int64, ok bool) {
	parts := contentRange.FindStringSubmatch(v)
	if parts == nil {
		return 0, 0, 0, false
	}
	first, err := strconv.ParseInt(parts[1], 10, 64)
	last, err2 := strconv.ParseInt(parts[2], 10, 64)
	size = -1
	var err3 error
	if parts[3] != "*" {
		size, err3 = strconv.ParseInt(parts[3], 10, 64)
	}
	return first, last, size, errors.Join(err, err2, err3) == nil
}

// wholeSize reads the header of a 416, bytes */1234. It is 0 if that is not told.
func wholeSize(h http.Header) int64 {
	text, told := strings.CutPrefix(h.Get("Content-Range"), "bytes */")
	size, err := strconv.ParseInt(text, 10, 64)
	if !told || err != nil || size < 0 {
		return 0
	}
	return size
}

// content is the body of a recording. The watch runs only while a read waits: that the caller is slow is not the server's fault.
type content struct {
	client      *Client
	request     request
	answer      *answer
	parent, ctx context.Context
	watch       *time.Timer
	shut        func()
	from        io.ReadCloser
	at, size    int64 // of the whole recording
	ended       error
}

func (b *content) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	b.watch.Reset(b.client.idle)
	n, err := b.from.Read(p)
	b.watch.Stop()
	if over := b.at + int64(n) - b.size; b.size >= 0 && over > 0 {
		n, err = n-int(over), errors.New("it is longer than it should be")
	}
	b.at += int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && (b.size < 0 || b.at == b.size):
		b.ended = io.EOF
	case errors.Is(err, io.EOF):
		b.ended = b.failure(io.ErrUnexpectedEOF)
	default:
		b.ended = b.failure(cause(b.ctx, err))
	}
	return n, b.ended
}

func (b *content) failure(err error) error {
	a, err := b.client.noAnswer(b.parent, b.request, b.answer, err)
	if err == nil {
		err = a.broken
	}
	return fmt.Errorf("recording, after %d bytes: %w", b.at, err)
}

func (b *content) Close() error {
	b.shut()
	if b.ended == nil {
		b.ended = errors.New("read after Close")
	}
	return b.from.Close()
}
