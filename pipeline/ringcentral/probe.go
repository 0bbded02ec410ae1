package ringcentral

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// LogIn logs in, unless the Client has a token that is good. Every request does so by itself; this is for those who want to know
// whether it works. Its errors are those of AccountID.
func (c *Client) LogIn(ctx context.Context) error {
	if _, err := c.token(ctx, ""); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// TryExtensions asks for one extension of an account, to see whether the permissions are there; those of the call queues are the
// same. Its errors are those of Extensions.
func (c *Client) TryExtensions(ctx context.Context, accountID string) error {
	return c.try(ctx, accountID, readExtensions, "/extension")
}

// TryPhoneNumbers asks for one phone number of an account, likewise.
func (c *Client) TryPhoneNumbers(ctx context.Context, accountID string) error {
	return c.try(ctx, accountID, readPhoneNumbers, "/phone-number")
}

// TryMessages asks for the latest message of the user's own extension, likewise. That those of other extensions may be read
// takes the permission's extended scope, which it does not show.
func (c *Client) TryMessages(ctx context.Context, accountID string) error {
	return c.try(ctx, accountID, readMessages, "/extension/~/message-store")
}

// TryOwnCallLog asks for the latest call of the user's own extension, likewise: see TryMessages.
func (c *Client) TryOwnCallLog(ctx context.Context, accountID string) error {
	return c.try(ctx, accountID, readExtensionCallLog, "/extension/~/call-log")
}

// try reads the first page of a list, of one record.
func (c *Client) try(ctx context.Context, accountID string, op operation, below string) error {
	path, err := pathOfAccount(accountID)
	for _, err := range c.pages(ctx, directory(op, path+below, 1), err) {
		return err
	}
	return nil
}

// skew is how far the server's clock is ahead of ours, by the latest answer.
type skew struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// ClockSkew tells how far RingCentral's clock is ahead of this machine's, by the header Date of the latest answer: to a second, and
// half of the time that the answer took. It is not known before an answer came.
func (c *Client) ClockSkew() (ahead time.Duration, known bool) {
	c.skew.mu.Lock()
	defer c.skew.mu.Unlock()
	return c.skew.ahead, c.skew.known
}

// note takes an answer's date, which has lost its fraction of a second on the way.
func (s *skew) note(h http.Header, sent, came time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead, s.known = date.Add(time.Second/2).Sub(sent.Add(came.Sub(sent)/2)), true
}
