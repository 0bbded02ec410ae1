package ringcentral

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// MessageOptions of Client.Messages. Nil, and every zero value, mean what is stated here.
type MessageOptions struct {
	PerPage int // records a page, 1 to 1000. Default: 1000
}

// Messages reads the message store of one extension (its id, or ~ for the user's own): messages of every type whose
// creationTime is in the half-open range [from, to), whole seconds, page by page. Those that were deleted and purged are
// asked for too: RingCentral gives only the others unless told. It takes both ends as inclusive, so
// messages of to come too and are the caller's to drop. An error ends the sequence, as it does CallLog's; see
// Error.ExtensionRefused and Error.Gone. There is no list of a whole account's messages.
func (c *Client) Messages(ctx context.Context, accountID, extensionID string, from, to time.Time, o *MessageOptions) iter.Seq2[Page, error] {
	if o == nil {
		o = &MessageOptions{}
	}
	l := list{op: readMessages, remedy: smallerWindows}
	var err error
	if l.path, err = pathOfExtension(accountID, extensionID); err == nil {
		l.path += "/message-store"
		if l.query, err = windowQuery(from, to, o.PerPage); err == nil {
			l.query["availability"] = []string{"Alive", "Deleted", "Purged"}
		}
	}
	return c.pages(ctx, l, err)
}

// Message reads one message of an extension; the page's body is the message, its content is not read. Its errors are
// the context's, an *Error (see its Gone), and that of an answer which cannot be trusted.
func (c *Client) Message(ctx context.Context, accountID, extensionID, messageID string) (Page, error) {
	path, err := pathOfExtension(accountID, extensionID)
	if err != nil {
		return Page{}, err
	}
	if !isDigits(messageID) {
		return Page{}, fmt.Errorf("message id %q: want digits", messageID)
	}
	page, err := c.object(ctx, readMessage, path+"/message-store/"+messageID, "")
	if err != nil {
		return Page{}, fmt.Errorf("message %s: %w", messageID, err)
	}
	return page, nil
}
