package ringcentral

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// CallLogOptions of Client.CallLog and Client.ExtensionCallLog. Nil, and every zero value, mean what is stated here.
type CallLogOptions struct {
	PerPage     int    // records a page, 1 to 1000. Default: 1000
	View        string // Detailed, with legs and billing, or Simple. Default: Detailed
	ShowDeleted bool   // deleted records too, where the environment does not refuse to be asked. Default: not asked
}

const (
	// showDeleted is the parameter that some environments refuse.
	showDeleted = "showDeleted"
	// smallerWindows is what to do where a list of a window has too many pages.
	smallerWindows = "use smaller windows"
)

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
	l := list{op: readCallLog, remedy: smallerWindows, hidden: &c.deletedRefused}
	var err error
	if l.path, err = pathOfAccount(accountID); err == nil {
		l.path += "/call-log"
		l.query, err = callLogQuery(from, to, o)
	}
	return c.pages(ctx, l, err)
}

// DeletedRefused tells that RingCentral has refused to show deleted records of the company's call log, so that they are
// not asked for any more.
func (c *Client) DeletedRefused() bool { return c.deletedRefused.Load() }

// ExtensionCallLog reads the call log of one extension (its id, or ~ for the user's own) as CallLog reads the company's.
// The ids of its records are its own: the same conversation has other ids in other logs. That showDeleted is
// refused here says nothing of the company's log, nor the reverse.
func (c *Client) ExtensionCallLog(ctx context.Context, accountID, extensionID string, from, to time.Time, o *CallLogOptions) iter.Seq2[Page, error] {
	l := list{op: readExtensionCallLog, remedy: smallerWindows, hidden: &c.deletedRefusedByExtensions}
	var err error
	if l.path, err = pathOfExtension(accountID, extensionID); err == nil {
		l.path += "/call-log"
		l.query, err = callLogQuery(from, to, o)
	}
	return c.pages(ctx, l, err)
}

// CallRecord reads one record of the company's call log in the Detailed view; the page's body is the record. Its
// errors are the context's, an *Error (see its Gone), and that of an answer which cannot be trusted.
func (c *Client) CallRecord(ctx context.Context, accountID, callID string) (Page, error) {
	path, err := pathOfAccount(accountID)
	if err != nil {
		return Page{}, err
	}
	return c.callRecord(ctx, readCallRecord, path, callID)
}

// ExtensionCallRecord reads one record of an extension's call log as CallRecord reads one of the company's.
func (c *Client) ExtensionCallRecord(ctx context.Context, accountID, extensionID, callID string) (Page, error) {
	path, err := pathOfExtension(accountID, extensionID)
	if err != nil {
		return Page{}, err
	}
	return c.callRecord(ctx, readExtensionCallRecord, path, callID)
}

// callRecord takes one id: several would bring an answer of several parts.
func (c *Client) callRecord(ctx context.Context, op operation, path, callID string) (Page, error) {
	if !isCallID(callID) {
		return Page{}, fmt.Errorf("call id %q: want letters, digits, - and _", callID)
	}
	page, err := c.object(ctx, op, path+"/call-log/"+url.PathEscape(callID), "view=Detailed")
	if err != nil {
		return Page{}, fmt.Errorf("call %s: %w", callID, err)
	}
	return page, nil
}

// callLogQuery checks what is asked for. Both ends are always sent: without them RingCentral takes the
// last day, and without dateTo the window moves from page to page.
func callLogQuery(from, to time.Time, o *CallLogOptions) (url.Values, error) {
	if o == nil {
		o = &CallLogOptions{}
	}
	view := o.View
	if view == "" {
		view = "Detailed"
	}
	if view != "Detailed" && view != "Simple" {
		return nil, fmt.Errorf("view %q: want Detailed or Simple", view)
	}
	q, err := windowQuery(from, to, o.PerPage)
	if err != nil {
		return nil, err
	}
	q.Set("view", view)
	if o.ShowDeleted {
		q.Set(showDeleted, "true")
	}
	return q, nil
}

// windowQuery asks for a window, in full pages if perPage is zero.
func windowQuery(from, to time.Time, perPage int) (url.Values, error) {
	if perPage == 0 {
		perPage = fullPage
	}
	switch {
	case from.Nanosecond() != 0 || to.Nanosecond() != 0:
		return nil, fmt.Errorf("window from %s to %s: want whole seconds", from, to)
	case !from.Before(to):
		return nil, fmt.Errorf("window from %s to %s is empty: want from before to", from, to)
	case perPage < 1 || perPage > fullPage:
		return nil, fmt.Errorf("%d records a page: want 1 to %d", perPage, fullPage)
	}
	return url.Values{
		"dateFrom": {from.UTC().Format(time.RFC3339)}, "dateTo": {to.UTC().Format(time.RFC3339)},
		"perPage": {strconv.Itoa(perPage)},
	}, nil
}
