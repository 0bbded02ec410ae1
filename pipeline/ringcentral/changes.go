package ringcentral

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// changesPath ends the path of the change feed (operation extractSyncAccountCallLog, in the specification since May 2025).
const changesPath = "/call-log-extract-sync"

// mostChangePages bounds one reading of the feed; with full pages it is a hundred million changes.
const mostChangePages = 100_000

// ChangesOptions of Client.Changes. Nil, and every zero value, mean what is stated here.
type ChangesOptions struct {
	PerPage int // records a page, 1 to 1000; a page that goes on after a token has the size of the first one. Default: 1000
}

// A ChangePage is one answer of the change feed. Of a sync token that was sent its Query has the beginning of the SHA-256 only, so that
// whoever keeps the query does not keep a token.
type ChangePage struct {
	Page
	SyncToken string    // goes on after this page
	SyncTime  time.Time // of the answer; zero where it does not say
	More      bool      // there is more now
}

// Changes reads the records of an account (its id, or ~ for the user's own) in the Detailed view that were modified: since a sync token of
// an earlier page, or, if that is empty, since the instant from. It goes on while RingCentral says that there is more; records come
// in the order of their modification, and the same one comes again whenever it was modified. An error ends the
// sequence: the context's, an *Error (see TokenInvalid, NotFound, PermissionMissing), or that of an answer which cannot be trusted.
func (c *Client) Changes(ctx context.Context, accountID, token string, from time.Time, o *ChangesOptions) iter.Seq2[ChangePage, error] {
	return func(yield func(ChangePage, error) bool) {
		query, err := changesQuery(accountID, token, from, o)
		if err != nil {
			yield(ChangePage{}, err)
			return
		}
		path := "/restapi/v1.0/account/" + accountID + changesPath
		for n := 1; n <= mostChangePages; n++ {
			page, err := c.changePage(ctx, n, path, query)
			if err != nil {
				yield(ChangePage{}, err)
				return
			}
			if !yield(page, nil) || !page.More {
				return
			}
			query = url.Values{"view": {"Detailed"}, "syncType": {"ISync"}, "syncToken": {page.SyncToken}}
		}
		yield(ChangePage{}, fmt.Errorf("page %d: the change feed does not end: read it again later", mostChangePages))
	}
}

func changesQuery(accountID, token string, from time.Time, o *ChangesOptions) (url.Values, error) {
	perPage := 1000
	if o != nil && o.PerPage != 0 {
		perPage = o.PerPage
	}
	switch {
	case accountID != "~" && !isDigits(accountID):
		return nil, fmt.Errorf("account id %q: want digits, or ~ for the user's own account", accountID)
	case perPage < 1 || perPage > 1000:
		return nil, fmt.Errorf("%d records a page: want 1 to 1000", perPage)
	case token != "":
		return url.Values{"view": {"Detailed"}, "syncType": {"ISync"}, "syncToken": {token}}, nil
	}
	return url.Values{
		"view": {"Detailed"}, "syncType": {"FSync"}, "recordCount": {strconv.Itoa(perPage)},
		"dateFrom": {from.UTC().Format("2006-01-02T15:04:05.000Z")},
	}, nil
}

func (c *Client) changePage(ctx context.Context, n int, path string, query url.Values) (ChangePage, error) {
	sent := query.Get("syncToken")
	page, inside, err := c.page(ctx, readChanges, n, path, query.Encode())
	if err != nil {
		return ChangePage{}, err
	}
	s := inside.sync
	switch {
	case s.SyncToken == "":
		err = errors.New("the answer has no sync token")
	case s.NewerRecordsExist && s.SyncToken == sent:
		err = errors.New("the answer says that there is more, but goes on where it began")
	}
	if err != nil {
		return ChangePage{}, fmt.Errorf("page %d: request %s: %w: read the change feed again later", n, page.RequestID, err)
	}
	if sent != "" {
		shown := url.Values{}
		for name, values := range query {
			shown[name] = values
		}
		shown.Set("syncToken", fmt.Sprintf("sha256-%x", sha256.Sum256([]byte(sent)))[:len("sha256-")+12])
		page.Query = shown.Encode()
	}
	return ChangePage{Page: page, SyncToken: s.SyncToken, SyncTime: s.SyncTime, More: s.NewerRecordsExist}, nil
}
