package ringcentral

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Options of a Client. Nil, and every zero value, mean what is stated here.
type Options struct {
	// HTTPClient sends the requests; its transport, jar and timeout are used, its redirect policy is
	// not. A timeout bounds whole recordings too. Default: a client of its own with the settings of http.DefaultTransport.
	HTTPClient *http.Client
	// UserAgent is name/version (details).
	// Default: trunkline/dev (+https://github.com/trunkline/trunkline).
	UserAgent string
	// Clock is the time. Default: SystemClock.
	Clock Clock
	// Log receives waits (debug; penalties warn) and retries (warn), nothing else. Default: silent.
	Log *slog.Logger
	// Tries is how often one request is sent at most. Default, and for less than one: 6.
	Tries int
	// RetryWait is the wait before the second try; it doubles up to a minute. Default, and for less
	// than zero: 2 s.
	RetryWait time.Duration
	// RateShare is the part of each rate limit that is used, over 0 and at most 1, so that something is left
	// for other programs with the same user and application; one request a window is used in any case.
	// Default: 1.
	RateShare float64
	// OnPenalty is told when a 429 starts or extends a penalty: the rate group, empty if it is over
	// everything, and its end. It is called by the goroutine that got the answer, which waits for it.
	// Default: nobody is told.
	OnPenalty func(group string, until time.Time)
}

const (
	defaultUserAgent = "trunkline/dev (+https://github.com/trunkline/trunkline)"
	// attemptTimeout is for one answer, from connecting to the last byte of a page of many megabytes.
	// It is measured on the machine's clock, whatever Clock says.
	attemptTimeout = 2 * time.Minute
	// longestSilence is for the next bytes of a recording, which may be as long as it likes. Likewise.
	longestSilence = time.Minute
	// longestBody is far beyond a full page of the most talkative records.
	longestBody = 256 << 20
	longestRest = time.Minute // between two tries
)

// A Client reads from one RingCentral as one user and one application. It is safe for use by many
// goroutines, and they should share one: the rate belongs to the user and the application.
type Client struct {
	credentials Credentials
	base        *url.URL
	media       *url.URL
	http        *http.Client
	userAgent   string
	clock       Clock
	log         *slog.Logger
	tries       int
	retryWait   time.Duration
	timeout     time.Duration
	idle        time.Duration
	bodyLimit   int64
	gate        *gate
	session     session
	scrub       *scrubber
	skew        skew

	deletedRefused             atomic.Bool // showDeleted is not sent any more to the company's log
	deletedRefusedByExtensions atomic.Bool // nor to an extension's
}

// New checks the credentials and the options; it sends nothing. Its error names the variable to set.
func New(c Credentials, o *Options) (*Client, error) {
	base, media, err := c.check()
	if err != nil {
		return nil, err
	}
	if o == nil {
		o = &Options{}
	}
	system := SystemClock()
	share := cmp.Or(o.RateShare, 1)
	if !(share > 0 && share <= 1) { // nor what is not a number
		return nil, fmt.Errorf("rate share %g: want a number over 0 and at most 1", share)
	}
	clock := o.Clock
	if clock.Now == nil {
		clock.Now = system.Now
	}
	if clock.Sleep == nil {
		clock.Sleep = system.Sleep
	}
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	client := &Client{
		credentials: c, base: base, media: media, http: ownHTTP(o.HTTPClient),
		userAgent: cmp.Or(o.UserAgent, defaultUserAgent), clock: clock, log: log,
		tries: 6, retryWait: 2 * time.Second, timeout: attemptTimeout, idle: longestSilence, bodyLimit: longestBody,
		gate: newGate(clock, log), scrub: newScrubber(c),
	}
	client.gate.share, client.gate.onPenalty = share, o.OnPenalty
	if o.Tries > 0 {
		client.tries = o.Tries
	}
	if o.RetryWait > 0 {
		client.retryWait = o.RetryWait
	}
	return client, nil
}

// ownHTTP copies the client, because redirects are ours to judge: each is a request to count, and
// the token must not follow one to another host.
func ownHTTP(given *http.Client) *http.Client {
	var own http.Client
	if given != nil {
		own = *given
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		own.Transport = t.Clone()
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// String names the server, so that printing a Client shows no secret.
func (c *Client) String() string { return fmt.Sprintf("ringcentral.Client{%s}", c.base) }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// Format prints String for every verb: those that do not fit would spell out the fields.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// AccountID asks for the id of the account that the user belongs to: decimal digits. Its errors are
// the context's, an *Error, and that of an answer without a usable id.
func (c *Client) AccountID(ctx context.Context) (string, error) {
	id, unreadable := "", error(nil)
	r := c.get(readAccount, "/restapi/v1.0/account/~", "")
	r.judge = func(body []byte) error {
		id, unreadable = readAccountID(body)
		return unreadable
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return "", fmt.Errorf("read the account: %w", err)
	}
	if unreadable != nil {
		return "", fmt.Errorf("read the account: request %s: %s: set the account id by hand",
			c.requestID(a.header), c.scrub.text(unreadable.Error()))
	}
	return id, nil
}
