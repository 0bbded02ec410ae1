package ringcentral

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// A request is sent with the token, or, if it carries a form, with the application's own password.
type request struct {
	op   operation
	path string // as it was asked for: a redirect's is the server's word
	url  *url.URL
	form url.Values
	// judge sees the body of each success; nil takes any. The request is repeated if it is unfit, and
	// otherwise whoever made it knows what judge thought of the last one.
	judge func(body []byte) error
	// streamed tells that the body of a success is handed over unread, from the offset on.
	streamed bool
	offset   int64
}

// An unfit body is no reason to give up: proxies answer in RingCentral's place, and servers slip.
func unfit(err error) bool {
	var repeated repeatedError
	return errors.Is(err, errMalformed) || errors.As(err, &repeated)
}

func (c *Client) get(op operation, path, query string) request {
	u := *c.base
	if op == readRecording {
		u = *c.media
	}
	u.Path, u.RawQuery = path, query
	return request{op: op, path: path, url: &u}
}

func (c *Client) post(op operation, path string, form url.Values) request {
	r := c.get(op, path, "")
	r.form = form
	return r
}

// answer is what came back for one request.
type answer struct {
	status int
	header http.Header
	body   []byte
	media  *Media // instead of a body, if the request is streamed and this is a success
	sentAt time.Time
	token  string // that the request was sent with
	tries  int    // how often it was sent
	broken *Error // no complete answer came
}

func (a *answer) success() bool { return a.broken == nil && a.status >= 200 && a.status < 300 }

const mostRedirects = 5

// send gets a request answered with success. What may help is done here: waiting for the rate, a new
// token after a 401, once, redirects within the server, and repeating what is repeatable, a bounded
// number of times. Its errors are the context's, *Error, and those that no repetition can change.
func (c *Client) send(ctx context.Context, r request) (*answer, error) {
	refused, redirects := "", 0
	for try := 1; ; {
		a, err := c.once(ctx, r, refused)
		if err != nil {
			return nil, err
		}
		if a.broken == nil && isRedirect(a) {
			if r, err = c.follow(r, a); err != nil {
				return nil, err
			}
			if redirects++; redirects > mostRedirects {
				return nil, fmt.Errorf("%s: redirected more than %d times: check %s", r.path, mostRedirects, r.op.server())
			}
			continue
		}
		a.tries = try
		e := c.failure(r, a)
		switch {
		case e == nil || a.success() && try >= c.tries:
			return a, nil
		case e.Status == http.StatusUnauthorized && r.form == nil && refused == "" && !c.dies(a.token, e):
			refused = a.token
		case !e.repeatable() || try >= c.tries:
			return nil, e
		default:
			if err := c.rest(ctx, e); err != nil {
				return nil, err
			}
		}
		c.gate.retried()
		try++
	}
}

// failure says what is wrong with an answer; nil is nothing.
func (c *Client) failure(r request, a *answer) *Error {
	e := a.broken
	switch {
	case a.success():
		if r.judge == nil {
			return nil
		}
		err := r.judge(a.body)
		if !unfit(err) {
			return nil
		}
		// The reader's words can quote names out of the body.
		e = &Error{Status: a.status, Path: r.path, Message: c.scrub.text(err.Error()), RequestID: c.requestID(a.header)}
	case e == nil:
		e = c.refusal(r, a)
	}
	e.Tries = a.tries
	return e
}

// rest waits before the next try. After a 429 it is the gate that waits, for everybody.
func (c *Client) rest(ctx context.Context, e *Error) error {
	wait := min(c.retryWait<<min(e.Tries-1, 16), longestRest)
	switch {
	case e.Status == http.StatusTooManyRequests:
		wait = 0
	case e.RetryAfter > 0:
		wait = e.RetryAfter
	}
	c.log.WarnContext(ctx, "trying again", "path", e.Path, "status", e.Status, "code", e.Code,
		"message", e.Message, "request_id", e.RequestID, "try", e.Tries, "wait", wait)
	if wait == 0 {
		return ctx.Err()
	}
	return c.clock.Sleep(ctx, wait)
}

// once waits for the gate, then for a token, and sends. In this order a long wait cannot make the token
// old, and nothing leaves after the login was refused. A penalty that began during the login is waited for too.
func (c *Client) once(ctx context.Context, r request, refused string) (*answer, error) {
	for {
		p, err := c.gate.enter(ctx, r.op)
		if err != nil {
			var e *Error
			if errors.As(err, &e) {
				e.Path = r.path
			}
			return nil, err
		}
		token := ""
		if r.form == nil {
			if token, err = c.token(ctx, refused); err != nil {
				p.unused()
				return nil, fmt.Errorf("log in: %w", err)
			}
		}
		if !p.held() {
			return c.exchange(ctx, p, r, token)
		}
		p.unused()
	}
}

// exchange sends one request and reads its answer.
func (c *Client) exchange(parent context.Context, p *pass, r request, token string) (*answer, error) {
	if r.streamed {
		return c.open(parent, p, r, token)
	}
	ctx, cancel := context.WithTimeout(parent, c.timeout)
	defer cancel()
	a, resp, err := c.transmit(ctx, parent, p, r, token)
	if resp == nil {
		return a, err
	}
	return c.readBody(ctx, parent, r, a, resp.Body)
}

// transmit sends one request and returns its answer and the response whose body is still to be read and closed: nil if none came.
// ctx ends before its parent if the server takes too long.
func (c *Client) transmit(ctx, parent context.Context, p *pass, r request, token string) (*answer, *http.Response, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: p.written})
	req, err := c.httpRequest(ctx, r, token)
	if err != nil {
		p.unused()
		return nil, nil, err
	}
	a := &answer{sentAt: c.clock.Now(), token: token}
	resp, err := c.http.Do(req)
	if err != nil {
		p.failed()
		a, err = c.noAnswer(parent, r, a, cause(ctx, err))
		return a, nil, err
	}
	p.answered(resp.StatusCode, resp.Header)
	c.skew.note(resp.Header, a.sentAt, c.clock.Now())
	a.status, a.header = resp.StatusCode, resp.Header
	return a, resp, nil
}

// cause is why a request ended: the network says no more than that its context did.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

func (c *Client) readBody(ctx, parent context.Context, r request, a *answer, body io.ReadCloser) (*answer, error) {
	defer func() { _ = body.Close() }() // the body is read, or its failure told
	var err error
	a.body, err = io.ReadAll(io.LimitReader(body, c.bodyLimit+1))
	if int64(len(a.body)) > c.bodyLimit {
		return nil, fmt.Errorf("%s: request %s: the answer is longer than %d bytes: ask for fewer records a page",
			r.path, c.requestID(a.header), c.bodyLimit)
	}
	// What stands in a broken error page does not matter: its status says enough.
	if err != nil && a.status < 300 {
		return c.noAnswer(parent, r, a, cause(ctx, err))
	}
	return a, nil
}

// noAnswer turns what the network says into an error: final if the caller has gone or the server is not
// who it should be. The network's own error is not kept as a cause: it can quote the server's bytes.
func (c *Client) noAnswer(parent context.Context, r request, a *answer, err error) (*answer, error) {
	if parent.Err() != nil {
		return nil, fmt.Errorf("%s: %w", r.path, parent.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return nil, fmt.Errorf("%s: %s: check %s and this machine's root certificates",
			r.path, c.scrub.text(err.Error()), r.op.server())
	}
	text := c.scrub.text(err.Error())
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = "it did not come in time"
	case errors.Is(err, io.ErrUnexpectedEOF):
		text = "it was cut short"
	}
	a.broken = &Error{Message: text, Path: r.path, RequestID: c.requestID(a.header), op: r.op}
	return a, nil
}

func (c *Client) httpRequest(ctx context.Context, r request, token string) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if r.form != nil {
		method, body = http.MethodPost, strings.NewReader(r.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", r.path, c.scrub.text(err.Error()))
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "application/json")
	if r.streamed {
		req.Header.Set("Accept", "*/*")
		req.Header.Set("Accept-Encoding", "identity") // offsets are of the bytes themselves
	}
	if r.offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", r.offset))
	}
	if r.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(c.credentials.ClientID, c.credentials.ClientSecret)
	} else {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func isRedirect(a *answer) bool {
	switch a.status {
	case 301, 302, 303, 307, 308:
		return true
	default:
		return false
	}
}

// follow makes the request that a redirect asks for, if it stays on the same scheme, host and port and
// keeps the method: token and password must not reach anybody else.
func (c *Client) follow(r request, a *answer) (request, error) {
	target, err := r.url.Parse(a.header.Get("Location"))
	switch {
	case err != nil || a.header.Get("Location") == "":
		return r, fmt.Errorf("%s: status %d without a usable Location: check %s", r.path, a.status, r.op.server())
	case origin(target) != origin(r.url) || target.User != nil:
		return r, fmt.Errorf("%s: redirected to %s, which is not followed: check %s",
			r.path, c.scrub.text(target.Scheme+"://"+target.Host), r.op.server())
	case r.form != nil && a.status < 307:
		return r, fmt.Errorf("%s: status %d would turn the login into something else: check RC_SERVER_URL", r.path, a.status)
	}
	r.url = target
	return r, nil
}

// origin writes scheme, host and port in one way.
func origin(u *url.URL) string {
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "" && u.Scheme == "http":
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func (c *Client) requestID(h http.Header) string { return c.scrub.text(h.Get("rcrequestid")) }
