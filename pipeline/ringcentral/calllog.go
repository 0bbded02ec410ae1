package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	ShowDeleted bool   // deleted records too, where the environment does not refuse to be asked. Default: not asked
}

// showDeleted is the parameter that some environments refuse.
const showDeleted = "showDeleted"

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

	ShowDeleted bool // deleted records were asked for, and the environment did not refuse
}

// CallLog reads the company call log of an account (its id, or ~ for the user's own) for calls whose
// startTime is in the half-open range [from, to), whole seconds, page by page. RingCentral takes both
// ends as inclusive, so calls that start at to come too and are the caller's to drop. An error ends the
// sequence: the context's, an *Error, or that of a page which cannot be trusted.
//
// The log is read newest first and moves while it is read: the same call can be on two pages. Choose to
// in the past, so that it moves little, and windows small enough for 1000 pages.
//
// Where showDeleted is refused, the window is read without it, as is every later one of this Client: see
// Page.ShowDeleted and DeletedRefused. All pages of a window are asked for alike.
func (c *Client) CallLog(ctx context.Context, accountID string, from, to time.Time, o *CallLogOptions) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		query, err := callLogQuery(accountID, from, to, o)
		if err != nil {
			yield(Page{}, err)
			return
		}
		w := window{path: "/restapi/v1.0/account/" + accountID + "/call-log", query: query, seen: map[[32]byte]int{}}
		if c.deletedRefused.Load() {
			query.Del(showDeleted)
		}
		for n := 1; n <= deepestPage; n++ {
			page, inside, err := c.page(ctx, n, w)
			if err != nil {
				yield(Page{}, fmt.Errorf("page %d: %w", n, err))
				return
			}
			w.seen[inside.hash] = n
			if !yield(page, nil) || !inside.more || inside.records == 0 {
				return
			}
		}
		yield(Page{}, fmt.Errorf("page %d: RingCentral has more pages but gives none after this one: use smaller windows", deepestPage))
	}
}

// DeletedRefused tells that RingCentral has refused to show deleted records, so that they are not asked for
// any more.
func (c *Client) DeletedRefused() bool { return c.deletedRefused.Load() }

// A window is what all its pages have in common.
type window struct {
	path  string
	query url.Values
	seen  map[[32]byte]int // the page that had these records first
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
		q.Set("showDeleted", "true")
	}
	return q, nil
}

// page reads one page of a window. Only the first can turn out to be one that is asked for without showDeleted: the
// pages of two different questions do not meet.
func (c *Client) page(ctx context.Context, n int, w window) (Page, contents, error) {
	w.query.Set("page", strconv.Itoa(n))
	page, inside, err := c.listed(ctx, n, w)
	var e *Error
	if errors.As(err, &e) && e.deletedRefused() && w.query.Has(showDeleted) {
		c.deletedRefused.Store(true)
		if n > 1 {
			return Page{}, contents{}, fmt.Errorf("%w: showDeleted was accepted before: read the window again, which leaves it out", err)
		}
		c.log.WarnContext(ctx, "trying again", "path", e.Path, "status", e.Status, "code", e.Code, "message", e.Message,
			"request_id", e.RequestID, "without", showDeleted)
		w.query.Del(showDeleted)
		c.gate.retried()
		page, inside, err = c.listed(ctx, n, w)
	}
	return page, inside, err
}

func (c *Client) listed(ctx context.Context, n int, w window) (Page, contents, error) {
	query := w.query.Encode()
	page, inside, err := c.ask(ctx, c.get(readCallLog, w.path, query), func(inside contents) error {
		if before, ok := w.seen[inside.hash]; ok && inside.records > 0 {
			return repeatedError(before)
		}
		return nil
	})
	if err != nil {
		return Page{}, contents{}, err
	}
	page.Number, page.Query, page.ShowDeleted = n, query, w.query.Has(showDeleted)
	return page, inside, nil
}

// ask gets a page that also fits what is known of the others. JSON that is no page is final at once; a success
// whose body is not JSON, and a page that was there before, once they have been repeated as often as any failure.
func (c *Client) ask(ctx context.Context, r request, fits func(contents) error) (Page, contents, error) {
	var inside contents
	var verdict error
	r.judge = func(body []byte) error {
		if inside, verdict = readContents(body); verdict == nil {
			verdict = fits(inside)
		}
		return verdict
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return Page{}, contents{}, err
	}
	id := c.requestID(a.header)
	if verdict == nil {
		return Page{Records: inside.records, Body: a.body, AccountID: accountOf(inside.uri),
			Path: r.path, RequestID: id, ReadAt: a.sentAt}, inside, nil
	}
	// The reader's words can quote names out of the body.
	text, remedy := c.scrub.text(verdict.Error()), "read it again later"
	if a.tries > 1 {
		text += fmt.Sprintf(", asked %d times", a.tries)
	}
	var repeated repeatedError
	if errors.As(verdict, &repeated) {
		remedy = "read the window again, in smaller pieces if it stays"
	}
	return Page{}, contents{}, fmt.Errorf("request %s: %s: %s", id, text, remedy)
}
