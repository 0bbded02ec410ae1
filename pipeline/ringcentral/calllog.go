package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// deepestPage is the highest page number that RingCentral's paging model admits.
const deepestPage = 1000

// CallLogOptions of Client.CallLog. Nil, and every zero value, mean what is stated here.
type CallLogOptions struct {
	PerPage     int    // records a page, 1 to 1000. Default: 1000
	View        string // Detailed, with legs and billing, or Simple. Default: Detailed
	ShowDeleted bool   // deleted records too; where that is refused, the window is read without. Default: not asked
}

// A Page is one answer of the call log.
type Page struct {
	Number    int       // from 1
	Records   int       // how many the array records holds
	Body      []byte    // as received, after content decoding
	AccountID string    // from the page's own uri; empty where that does not say
	Path      string    // of the request
	Query     string    // of the request, encoded
	RequestID string    // header rcrequestid; may be empty
	ReadAt    time.Time // when the request was sent: what happened later cannot be in the page

	ShowDeleted bool // deleted records were asked for, and the server did not refuse it
}

// CallLog reads the company call log of an account (its id, or ~ for the user's own) for calls whose
// startTime is in the half-open range [from, to), whole seconds, page by page. RingCentral takes both
// ends as inclusive, so calls that start at to come too and are the caller's to drop. An error ends the
// sequence: the context's, an *Error, or that of a page which cannot be trusted.
//
// The log is read newest first and moves while it is read: the same call can be on two pages. Choose to
// in the past, so that it moves little, and windows small enough for 1000 pages.
func (c *Client) CallLog(ctx context.Context, accountID string, from, to time.Time, o *CallLogOptions) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		query, err := callLogQuery(accountID, from, to, o)
		if err != nil {
			yield(Page{}, err)
			return
		}
		w := window{client: c, path: "/restapi/v1.0/account/" + accountID + "/call-log", query: query, seen: map[[32]byte]int{}}
		for n := 1; n <= deepestPage; n++ {
			page, more, err := w.page(ctx, n)
			if err != nil {
				yield(Page{}, err)
				return
			}
			if !yield(page, nil) || !more {
				return
			}
		}
		yield(Page{}, fmt.Errorf("page %d: RingCentral has more pages but gives none after this one: use smaller windows", deepestPage))
	}
}

// window is one reading of the call log, page by page.
type window struct {
	client *Client
	path   string
	query  url.Values
	seen   map[[32]byte]int // pages by the hash of their records
}

// page reads one page. An answer with the records of an earlier page is asked for again: servers answer late at times.
func (w *window) page(ctx context.Context, n int) (p Page, more bool, err error) {
	c := w.client
	if c.hidesDeleted.Load() && n == 1 {
		w.query.Del(showDeleted)
	}
	for try := 1; ; try++ {
		w.query.Set("page", strconv.Itoa(n))
		var inside contents
		p, inside, err = c.page(ctx, readCallLog, n, w.path, w.query.Encode())
		if n == 1 && w.deletedRefused(err) {
			c.hidesDeleted.Store(true)
			w.query.Del(showDeleted)
			continue
		}
		if err != nil {
			return p, false, err
		}
		p.ShowDeleted = w.query.Has(showDeleted)
		before, again := w.seen[inside.hash]
		if !again || inside.records == 0 {
			w.seen[inside.hash] = n
			return p, inside.more && inside.records > 0, nil
		}
		text := fmt.Sprintf("the same records as on page %d", before)
		if try >= c.tries {
			return p, false, fmt.Errorf("page %d: request %s: %s: read the window again, in smaller pieces if it stays", n, p.RequestID, text)
		}
		if err := c.askAgain(ctx, p.Path, n, p.RequestID, text, try); err != nil {
			return p, false, fmt.Errorf("page %d: %w", n, err)
		}
	}
}

const showDeleted = "showDeleted"

// deletedRefused tells that the environment does not know the parameter: it is newer than the call log.
func (w *window) deletedRefused(err error) bool {
	var e *Error
	return w.query.Has(showDeleted) && errors.As(err, &e) && e.Status == http.StatusBadRequest && e.Parameter == showDeleted
}

// callLogQuery checks what is asked for. Both ends are always sent: without them RingCentral takes the
// last day, and without dateTo the window moves from page to page.
func callLogQuery(accountID string, from, to time.Time, o *CallLogOptions) (url.Values, error) {
	if o == nil {
		o = &CallLogOptions{}
	}
	perPage, view := o.PerPage, o.View
	if perPage == 0 {
		perPage = 1000
	}
	if view == "" {
		view = "Detailed"
	}
	switch {
	case accountID != "~" && !isDigits(accountID):
		return nil, fmt.Errorf("account id %q: want digits, or ~ for the user's own account", accountID)
	case from.Nanosecond() != 0 || to.Nanosecond() != 0:
		return nil, fmt.Errorf("window from %s to %s: want whole seconds", from, to)
	case !from.Before(to):
		return nil, fmt.Errorf("window from %s to %s is empty: want from before to", from, to)
	case perPage < 1 || perPage > 1000:
		return nil, fmt.Errorf("%d records a page: want 1 to 1000", perPage)
	case view != "Detailed" && view != "Simple":
		return nil, fmt.Errorf("view %q: want Detailed or Simple", view)
	}
	q := url.Values{
		"dateFrom": {from.UTC().Format(time.RFC3339)}, "dateTo": {to.UTC().Format(time.RFC3339)},
		"view": {view}, "perPage": {strconv.Itoa(perPage)},
	}
	if o.ShowDeleted {
		q.Set(showDeleted, "true")
	}
	return q, nil
}

// page reads one page of records. A success whose body is not JSON is asked for again, like other failures: proxies do that. JSON that
// is no page is final.
func (c *Client) page(ctx context.Context, op operation, n int, path, query string) (Page, contents, error) {
	for try := 1; ; try++ {
		a, err := c.send(ctx, c.get(op, path, query))
		if err != nil {
			return Page{}, contents{}, fmt.Errorf("page %d: %w", n, err)
		}
		id := c.requestID(a.header)
		inside, err := readContents(a.body)
		if err == nil {
			return Page{Number: n, Records: inside.records, Body: a.body, AccountID: accountOf(inside.uri),
				Path: path, Query: query, RequestID: id, ReadAt: a.sentAt}, inside, nil
		}
		// The reader's words can quote names out of the body.
		text := c.scrub.text(err.Error())
		if try >= c.tries || !errors.Is(err, errMalformed) {
			return Page{}, contents{}, fmt.Errorf("page %d: request %s: %s: read the window again later", n, id, text)
		}
		if err := c.askAgain(ctx, path, n, id, text, try); err != nil {
			return Page{}, contents{}, fmt.Errorf("page %d: %w", n, err)
		}
	}
}

// askAgain waits before a page that cannot be trusted is asked for again.
func (c *Client) askAgain(ctx context.Context, path string, n int, id, text string, try int) error {
	wait := min(c.retryWait<<min(try-1, 16), longestRest)
	c.log.WarnContext(ctx, "trying again", "path", path, "page", n, "request_id", id, "message", text, "try", try, "wait", wait)
	c.gate.retried()
	return c.clock.Sleep(ctx, wait)
}
