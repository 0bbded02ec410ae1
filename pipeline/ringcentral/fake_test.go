package ringcentral

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretOfApp = "app+secret/canary=1"
	secretJWT   = "eyJhbGciOiJSUzI1NiJ9.canary-payload.canary-signature"
	// tokenPrefix starts every access token; no text that a person can see may have it.
	tokenPrefix = "canary-access-token-"
)

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// driven is a clock that stands still but for Sleep and advance. Two sleeps at once overlap, as they do in life.
type driven struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newDriven() *driven { return &driven{now: epoch} }

func (d *driven) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *driven) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func (d *driven) Sleep(ctx context.Context, by time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slept = append(d.slept, by)
	d.now = later(d.now, d.now.Add(by))
	return nil
}

func (d *driven) clock() Clock { return Clock{Now: d.Now, Sleep: d.Sleep} }

// fake is a RingCentral of which a test writes the interesting part.
type fake struct {
	*httptest.Server
	clock *driven
	log   bytes.Buffer

	mu       sync.Mutex
	requests []string // method and path, as they came
	logins   int
	login    http.HandlerFunc // nil: succeeds
}

func newFake(t *testing.T, api http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{clock: newDriven()}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		login := f.login
		if r.URL.Path == "/restapi/oauth/token" {
			f.logins++
		}
		n := f.logins
		f.mu.Unlock()
		switch {
		case r.URL.Path != "/restapi/oauth/token":
			api(w, r)
		case login != nil:
			login(w, r)
		default:
			fmt.Fprintf(w, `{"access_token":"%s%d","token_type":"bearer","expires_in":3600}`, tokenPrefix, n)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) credentials() Credentials {
	return Credentials{ServerURL: f.URL, ClientID: "client-id", ClientSecret: secretOfApp, JWT: secretJWT}
}

// client logs everything, so that every test can look for secrets there.
func (f *fake) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(f.credentials(), &Options{
		HTTPClient: f.Client(), Clock: f.clock.clock(),
		Log: slog.New(slog.NewJSONHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// count tells how many requests came for a path, or for all of them.
func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if path == "" || strings.HasSuffix(r, " "+path) {
			n++
		}
	}
	return n
}

const (
	logPath     = "/restapi/v1.0/account/~/call-log"
	accountPath = "/restapi/v1.0/account/~"
	tokenPath   = "/restapi/oauth/token"
)

// readOne reads a window of one page.
func readOne(ctx context.Context, c *Client) error {
	_, err := readAll(ctx, c, nil)
	return err
}

func readAll(ctx context.Context, c *Client, o *CallLogOptions) ([]Page, error) {
	var pages []Page
	for p, err := range c.CallLog(ctx, "~", epoch.Add(-24*time.Hour), epoch, o) {
		if err != nil {
			return pages, err
		}
		pages = append(pages, p)
	}
	return pages, nil
}

func mustRead(t *testing.T, c *Client) {
	t.Helper()
	if err := readOne(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("want an *Error, got %v", err)
	}
	return e
}

const onePage = `{"uri":"https://host/restapi/v1.0/account/400130008/call-log?page=1","records":[{"id":"a"}],"navigation":{}}`

func servePage(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, onePage) }

// inOrder answers with one function after the other, and with the last one from then on.
func inOrder(answers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		answer := answers[min(n, len(answers)-1)]
		n++
		mu.Unlock()
		answer(w, r)
	}
}

// reply is an answer of a status, a body and headers, given as name, value, name, value.
func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// limiter is a rate group on the server's side, as strict as the words allow: an instant exactly one
// window ago still counts, and a request during the penalty starts it anew.
type limiter struct {
	now             func() time.Time
	group           string
	limit           int
	window, penalty time.Duration

	mu      sync.Mutex
	sent    []time.Time
	until   time.Time
	refused int
}

func (l *limiter) guard(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ok, left := l.admit()
		h := w.Header()
		h.Set("X-Rate-Limit-Group", l.group)
		h.Set("X-Rate-Limit-Limit", strconv.Itoa(l.limit))
		h.Set("X-Rate-Limit-Window", strconv.Itoa(int(l.window.Seconds())))
		h.Set("X-Rate-Limit-Remaining", strconv.Itoa(left))
		if !ok {
			reply(429, `{"errorCode":"CMN-301"}`, "Retry-After", strconv.Itoa(int(l.penalty.Seconds())))(w, r)
			return
		}
		next(w, r)
	}
}

func (l *limiter) admit() (ok bool, left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var still []time.Time
	for _, t := range l.sent {
		if now.Sub(t) <= l.window {
			still = append(still, t)
		}
	}
	l.sent = still
	if now.Before(l.until) || len(l.sent) >= l.limit {
		l.until = now.Add(l.penalty)
		l.refused++
		return false, 0
	}
	l.sent = append(l.sent, now)
	return true, l.limit - len(l.sent)
}
