package ringcentral

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

// session is the login: the token, held in memory only, and the one login in flight.
type session struct {
	mu      sync.Mutex
	token   string
	owner   string // id of the user's extension, as the login names it
	bornAt  time.Time
	renewAt time.Time
	deaths  int   // tokens in a row that were refused soon after they were given
	refused error // the login failed for good: nothing is sent any more
	pending *pendingLogin
}

// pendingLogin is the login in flight, for those who wait for it. Its results are set before done is closed.
type pendingLogin struct {
	done      chan struct{}
	token     string
	err       error
	abandoned bool // the goroutine that ran it was told to stop: its error is not the others'
}

// token returns a token that is good for another minute, and not the refused one. RingCentral asks not
// to log in several times at once, so all who need a token wait for one login.
func (c *Client) token(ctx context.Context, refused string) (string, error) {
	s := &c.session
	for {
		s.mu.Lock()
		if s.refused != nil {
			defer s.mu.Unlock()
			return "", s.refused
		}
		if s.token != "" && s.token != refused && c.clock.Now().Before(s.renewAt) {
			defer s.mu.Unlock()
			return s.token, nil
		}
		l, first := s.pending, s.pending == nil
		if first {
			l = &pendingLogin{done: make(chan struct{})}
			s.pending = l
		}
		s.mu.Unlock()
		if first {
			return c.runLogin(ctx, l)
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if !l.abandoned {
			return l.token, l.err
		}
	}
}

// runLogin logs in for everybody who waits.
func (c *Client) runLogin(ctx context.Context, l *pendingLogin) (string, error) {
	given, err := c.logIn(ctx)
	s := &c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	l.token, l.err, l.abandoned = given.token, err, ctx.Err() != nil
	s.token, s.owner, s.bornAt, s.renewAt, s.pending = given.token, given.owner, c.clock.Now(), given.renewAt, nil
	var e *Error
	if errors.As(err, &e) && e.CredentialsRefused() {
		s.refused = err
	}
	close(l.done)
	return given.token, err
}

const (
	// shortLife is half of the shortest life that RingCentral gives a token.
	shortLife = 5 * time.Minute
	// mostDeaths is how many tokens in a row may be refused within shortLife.
	mostDeaths = 5
)

// dies notes that a token was refused before its time, and tells whether the session is to be given up. RingCentral
// ends the oldest session of a user and application when there are too many: programs that take each other's
// session away would log in for ever, each time with success.
func (c *Client) dies(token string, e *Error) bool {
	s := &c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if token != s.token { // another goroutine has noted it
		return s.refused != nil
	}
	s.token = ""
	if s.deaths++; c.clock.Now().Sub(s.bornAt) >= shortLife {
		s.deaths = 0
	}
	if s.deaths < mostDeaths {
		return false
	}
	s.refused = e
	return true
}

// OwnExtension tells the id of the user's own extension, as the login names it (owner_id of the answer, which its published samples
// have), and logs in for that if need be. It is empty where the login does not say. Its errors are those of LogIn.
func (c *Client) OwnExtension(ctx context.Context) (string, error) {
	if err := c.LogIn(ctx); err != nil {
		return "", err
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.session.owner, nil
}

// granted is what a login brought.
type granted struct {
	token, owner string
	renewAt      time.Time
}

// logIn exchanges the JWT for a token. What RingCentral answers is never quoted.
func (c *Client) logIn(ctx context.Context) (granted, error) {
	r := c.post(logIn, "/restapi/oauth/token", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {c.credentials.JWT},
	})
	r.judge = func(body []byte) error {
		if !json.Valid(body) {
			return errMalformed
		}
		return nil
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return granted{}, err
	}
	var body struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   float64         `json:"expires_in"`
		Owner       json.RawMessage `json:"owner_id"` // text; of another type it is of no use
	}
	if err := json.Unmarshal(a.body, &body); err != nil || body.AccessToken == "" {
		return granted{}, fmt.Errorf("request %s: the answer has no token: check RC_SERVER_URL", c.requestID(a.header))
	}
	c.scrub.add(body.AccessToken)
	owner := strings.Trim(string(body.Owner), `"`)
	if !isDigits(owner) {
		owner = ""
	}
	return granted{body.AccessToken, owner, a.sentAt.Add(useful(body.ExpiresIn))}, nil
}

// useful is how long a token is used: until a minute before it expires, or half its life if that is
// short. An answer that does not say is taken for the shortest life that RingCentral gives, 600 s.
func useful(expiresIn float64) time.Duration {
	life := 10 * time.Minute
	if expiresIn > 0 && expiresIn < 1e8 {
		life = time.Duration(expiresIn * float64(time.Second))
	}
	return max(life-time.Minute, life/2)
}

// Logout revokes the token, if there is one. RingCentral keeps few sessions for one user and
// application; those that are not revoked live on until they expire. It is sent once. The error is for
// information: nothing depends on it. A request after Logout logs in again.
func (c *Client) Logout(ctx context.Context) error {
	defer c.http.CloseIdleConnections()
	s := &c.session
	s.mu.Lock()
	token, refused := s.token, s.refused
	s.token = ""
	s.mu.Unlock()
	if token == "" || refused != nil {
		return nil
	}
	r := c.post(logOut, "/restapi/oauth/revoke", url.Values{"token": {token}})
	a, err := c.once(ctx, r, "")
	switch {
	case err != nil:
		return fmt.Errorf("log out: %w", err)
	case a.broken != nil:
		return fmt.Errorf("log out: %w", a.broken)
	case a.status >= 300:
		return fmt.Errorf("log out: %w", c.refusal(r, a))
	}
	return nil
}
