package ringcentral

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
)

// Account reads the account (its id, or ~ for the user's own); the page's body is the account. Its errors are the
// context's, an *Error, and that of an answer which cannot be trusted.
func (c *Client) Account(ctx context.Context, accountID string) (Page, error) {
	path, err := pathOfAccount(accountID)
	if err != nil {
		return Page{}, err
	}
	page, err := c.object(ctx, readAccount, path, "")
	if err != nil {
		return Page{}, fmt.Errorf("read the account: %w", err)
	}
	return page, nil
}

// Extensions reads the extensions of an account, of every type and status, page by page. Those that were deleted are not
// among them. An error ends the sequence, as it does CallLog's.
func (c *Client) Extensions(ctx context.Context, accountID string) iter.Seq2[Page, error] {
	path, err := pathOfAccount(accountID)
	return c.pages(ctx, directory(readExtensions, path+"/extension", fullPage), err)
}

// PhoneNumbers reads the phone numbers of an account page by page. An error ends the sequence, as it does CallLog's.
func (c *Client) PhoneNumbers(ctx context.Context, accountID string) iter.Seq2[Page, error] {
	path, err := pathOfAccount(accountID)
	return c.pages(ctx, directory(readPhoneNumbers, path+"/phone-number", fullPage), err)
}

// CallQueues reads the call queues of an account page by page. An error ends the sequence, as it does CallLog's.
func (c *Client) CallQueues(ctx context.Context, accountID string) iter.Seq2[Page, error] {
	path, err := pathOfAccount(accountID)
	return c.pages(ctx, directory(readCallQueues, path+"/call-queues", fullPage), err)
}

// CallQueue reads one call queue with what its list leaves out, the service level among that; the page's body is the
// queue. Its errors are the context's, an *Error (see its Gone), and that of an answer which cannot be trusted.
func (c *Client) CallQueue(ctx context.Context, accountID, queueID string) (Page, error) {
	path, err := pathOfQueue(accountID, queueID)
	if err != nil {
		return Page{}, err
	}
	page, err := c.object(ctx, readCallQueue, path, "")
	if err != nil {
		return Page{}, fmt.Errorf("call queue %s: %w", queueID, err)
	}
	return page, nil
}

// CallQueueMembers reads the members of a call queue page by page: ids and numbers of extensions. An error ends the
// sequence, as it does CallLog's.
func (c *Client) CallQueueMembers(ctx context.Context, accountID, queueID string) iter.Seq2[Page, error] {
	path, err := pathOfQueue(accountID, queueID)
	return c.pages(ctx, directory(readQueueMembers, path+"/members", fullPage), err)
}

// directory is a list without a window. RingCentral gives a hundred records a page unless told otherwise.
func directory(op operation, path string, perPage int) list {
	return list{op: op, path: path, query: url.Values{"perPage": {strconv.Itoa(perPage)}},
		remedy: "ask RingCentral's support how a list of this length is read"}
}
