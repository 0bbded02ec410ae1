package ringcentral

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"time"
)

// syncToken is the name of the parameter and of the member of syncInfo.
const syncToken = "syncToken"

// mostChangePages bounds one reading of the change feed. At ten requests a minute it is a week.
const mostChangePages = 100_000

// ChangesOptions of Client.Changes. Nil, and every zero value, mean what is stated here.
type ChangesOptions struct {
	// PerPage is records a page, 1 to 1000, for the first page of a reading that starts at an instant; the
	// others are as long as RingCentral makes them. More come where several calls share the last one's
	// millisecond of modification. Default: 1000.
	PerPage int
}

// A ChangePage is one answer of the change feed.
//
// The sync token is treated like a secret: in Query it is elided to sha256- and the first twelve hex digits of
// its hash, enough to tell two apart. Body is as received, so the next token stands in it.
type ChangePage struct {
	Page
	SyncToken string    // continues after this page
	SyncTime  time.Time // of the answer, by RingCentral's clock; zero where it does not say
	More      bool      // newer records exist: another page follows
}

// Changes reads the records of an account (its id, or ~ for the user's own) that were modified, in the Detailed
// view, page by page: since an instant, taken down to the whole second, if the token is empty, else since
// the page that carried the token. It goes on while RingCentral has newer records. An error ends the
// sequence: the context's, an *Error (see its NotFound and TokenInvalid), or that of a page which cannot be
// trusted; what was read before stands, and the last SyncToken continues after it.
//
// RingCentral does not say how far back an instant may be, how long a token is good, whether deleted records come,
// or in which order records do. The same record can come again.
func (c *Client) Changes(ctx context.Context, accountID, token string, from time.Time, o *ChangesOptions) iter.Seq2[ChangePage, error] {
	return func(yield func(ChangePage, error) bool) {
		query, err := changesQuery(accountID, token, from, o)
		if err != nil {
			yield(ChangePage{}, err)
			return
		}
		path := "/restapi/v1.0/account/" + accountID + "/call-log-extract-sync"
		seen := map[[sha256.Size]byte]bool{sha256.Sum256([]byte(token)): true}
		for n := 1; n <= mostChangePages; n++ {
			page, err := c.changePage(ctx, path, query, seen)
			if err != nil {
				yield(ChangePage{}, fmt.Errorf("page %d of the change feed: %w", n, err))
				return
			}
			page.Number = n
			if !yield(page, nil) || !page.More {
				return
			}
			seen[sha256.Sum256([]byte(page.SyncToken))] = true
			query = continued(page.SyncToken)
		}
		yield(ChangePage{}, fmt.Errorf("page %d of the change feed: newer records exist still: go on from the last page's token", mostChangePages))
	}
}

func changesQuery(accountID, token string, from time.Time, o *ChangesOptions) (url.Values, error) {
	if o == nil {
		o = &ChangesOptions{}
	}
	if _, err := pathOfAccount(accountID); err != nil {
		return nil, err
	}
	perPage := o.PerPage
	if perPage == 0 {
		perPage = 1000
	}
	switch {
	case perPage < 1 || perPage > 1000:
		return nil, fmt.Errorf("%d records a page: want 1 to 1000", perPage)
	case token != "":
		return continued(token), nil
	case from.IsZero():
		return nil, errors.New("the change feed has neither a sync token nor an instant to start from: give one of them")
	}
	return url.Values{
		"syncType": {"FSync"}, "view": {"Detailed"}, "recordCount": {strconv.Itoa(perPage)},
		"dateFrom": {from.UTC().Truncate(time.Second).Format(time.RFC3339)},
	}, nil
}

func continued(token string) url.Values {
	return url.Values{"syncType": {"ISync"}, "view": {"Detailed"}, syncToken: {token}}
}

// changePage reads one page. A token that was there before would have the feed go round in a circle.
func (c *Client) changePage(ctx context.Context, path string, query url.Values, seen map[[sha256.Size]byte]bool) (ChangePage, error) {
	c.scrub.pass(query.Get(syncToken))
	page, inside, err := c.ask(ctx, c.get(readChanges, path, query.Encode()), func(inside contents) error {
		c.scrub.pass(inside.sync.token)
		switch {
		case inside.sync.token == "":
			return errors.New("the body has no syncInfo with a syncToken")
		case inside.sync.newer && seen[sha256.Sum256([]byte(inside.sync.token))]:
			return errors.New("newer records exist, but the syncToken is one that was there before")
		default:
			return nil
		}
	})
	if err != nil {
		return ChangePage{}, err
	}
	page.Query = elided(query)
	syncTime, err := time.Parse(time.RFC3339, inside.sync.time)
	if err != nil {
		syncTime = time.Time{}
	}
	return ChangePage{Page: page, SyncToken: inside.sync.token, SyncTime: syncTime.UTC(), More: inside.sync.newer}, nil
}

// elided is the query without the token in it.
func elided(query url.Values) string {
	shown := maps.Clone(query)
	if token := query.Get(syncToken); token != "" {
		sum := sha256.Sum256([]byte(token))
		shown.Set(syncToken, fmt.Sprintf("sha256-%x", sum[:6]))
	}
	return shown.Encode()
}
