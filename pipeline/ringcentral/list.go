package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// deepestPage is the highest page number that RingCentral's paging model admits.
	deepestPage = 1000
	// fullPage is how many records a page holds at most.
	fullPage = 1000
)

// A Page is one answer of RingCentral: a page of a list, or one object.
type Page struct {
	Number    int       // from 1
	Records   int       // how many the array records holds; 1 for one object
	Body      []byte    // as received, after content decoding
	AccountID string    // from the page's own uri; empty where that does not say
	Path      string    // of the request
	Query     string    // of the request, encoded
	RequestID string    // header rcrequestid; may be empty
	ReadAt    time.Time // when the request was sent: what happened later cannot be in the page

	ShowDeleted bool // deleted records were asked for, and the environment did not refuse
}

// A list is what all its pages have in common.
type list struct {
	op     operation
	path   string
	query  url.Values
	remedy string           // for a list of too many pages
	seen   map[[32]byte]int // the page that had these records first
	hidden *atomic.Bool     // this environment has refused to show deleted records in this list; nil where it has no such parameter
}

// pages reads a list to its end, unless what was asked for is no list: then the error is all there is. RingCentral's rule is to go on while navigation names a next page; totals are often left
// out or wrong, and the address of the next page is not followed but counted, since it is the server's word.
func (c *Client) pages(ctx context.Context, l list, err error) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		if err != nil {
			yield(Page{}, err)
			return
		}
		l := l.begun()
		for n := 1; n <= deepestPage; n++ {
			page, inside, err := c.page(ctx, n, l)
			if err != nil {
				yield(Page{}, fmt.Errorf("page %d: %w", n, err))
				return
			}
			l.seen[inside.hash] = n
			if !yield(page, nil) || !inside.more || inside.records == 0 {
				return
			}
		}
		yield(Page{}, fmt.Errorf("page %d: RingCentral has more pages but gives none after this one: %s", deepestPage, l.remedy))
	}
}

// begun is the list for one reading of it: a sequence can be read again.
func (l list) begun() list {
	query := url.Values{}
	for name, values := range l.query {
		if name != showDeleted || !l.hidden.Load() {
			query[name] = values
		}
	}
	l.query, l.seen = query, map[[32]byte]int{}
	return l
}

// page reads one page of a list. Only the first can turn out to be one that is asked for without showDeleted: the
// pages of two different questions do not meet.
func (c *Client) page(ctx context.Context, n int, l list) (Page, contents, error) {
	l.query.Set("page", strconv.Itoa(n))
	page, inside, err := c.listed(ctx, n, l)
	var e *Error
	if errors.As(err, &e) && e.deletedRefused() && l.query.Has(showDeleted) {
		l.hidden.Store(true)
		if n > 1 {
			return Page{}, contents{}, fmt.Errorf("%w: showDeleted was accepted before: read the window again, which leaves it out", err)
		}
		c.log.WarnContext(ctx, "trying again", "path", e.Path, "status", e.Status, "code", e.Code, "message", e.Message,
			"request_id", e.RequestID, "without", showDeleted)
		l.query.Del(showDeleted)
		c.gate.retried()
		page, inside, err = c.listed(ctx, n, l)
	}
	return page, inside, err
}

func (c *Client) listed(ctx context.Context, n int, l list) (Page, contents, error) {
	query := l.query.Encode()
	page, inside, err := c.ask(ctx, c.get(l.op, l.path, query), func(inside contents) error {
		if before, ok := l.seen[inside.hash]; ok && inside.records > 0 {
			return repeatedError(before)
		}
		return nil
	})
	if err != nil {
		return Page{}, contents{}, err
	}
	page.Number, page.Query, page.ShowDeleted = n, query, l.query.Has(showDeleted)
	return page, inside, nil
}

// object reads what is one object and not a list.
func (c *Client) object(ctx context.Context, op operation, path, query string) (Page, error) {
	page, _, err := c.fetch(ctx, c.get(op, path, query), readObject)
	if err != nil {
		return Page{}, err
	}
	page.Number, page.Query = 1, query
	return page, nil
}

// ask gets a page that also fits what is known of the others.
func (c *Client) ask(ctx context.Context, r request, fits func(contents) error) (Page, contents, error) {
	return c.fetch(ctx, r, func(body []byte) (contents, error) {
		inside, err := readContents(body)
		if err == nil {
			err = fits(inside)
		}
		return inside, err
	})
}

// fetch gets an answer that can be read. JSON that is not what was asked for is final at once; a success whose body is not
// JSON, and a page that was there before, once they have been repeated as often as any failure.
func (c *Client) fetch(ctx context.Context, r request, read func([]byte) (contents, error)) (Page, contents, error) {
	var inside contents
	var verdict error
	r.judge = func(body []byte) error {
		inside, verdict = read(body)
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
