package ringcentral

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// RateKey names the rate that the Client uses, in 64 hex digits: RingCentral counts by server, application and
// user. Clients with the same key should share it, see SetHolders. The user is the JWT's claim sub, or, where
// the JWT cannot be read, its hash: then two JWTs of one user have two keys. It tells nothing secret.
func (c *Client) RateKey() string {
	names := fmt.Sprintf("%q %q %q", origin(c.base), c.credentials.ClientID, userOf(c.credentials.JWT))
	return fmt.Sprintf("%x", sha256.Sum256([]byte(names)))
}

// userOf reads the claim and trusts it: whoever lies there slows down himself only.
func userOf(jwt string) string {
	var claims struct {
		User string `json:"sub"`
	}
	if parts := strings.Split(jwt, "."); len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
		if err == nil && json.Unmarshal(payload, &claims) == nil && claims.User != "" {
			return "sub " + claims.User
		}
	}
	return fmt.Sprintf("jwt %x", sha256.Sum256([]byte(jwt)))
}

// SetHolders tells that n processes use the rate, this one included; less than one is one. Each takes the n-th
// part of the share in every group, and if that is less than one request a window, one request in as many
// windows as it takes. It holds at once, for those who wait too.
//
// A part is rounded down to whole requests, so n processes together stay within the share. Where n is more than
// the share, processes that begin at the same moment are too many at that moment: hold them apart with
// HoldUntil.
func (c *Client) SetHolders(n int) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.gate.holders = max(n, 1)
	c.gate.wakeAll()
}

// HoldUntil sends nothing of a rate group (Heavy, Medium, Light, Auth; in any case) before the given instant,
// and nothing at all if the group is empty: another process knows of a penalty. What is held for longer
// stays so. Requests that would wait for over an hour fail with a temporary *Error instead.
func (c *Client) HoldUntil(group string, until time.Time) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if until.After(c.gate.clock.Now()) && c.gate.hold(groupName(group), until) {
		c.gate.wakeAll()
	}
}

// quota is how many requests of ours may be in how long a span. A span of several windows has the margin of
// each.
func (g *gate) quota(gr *group) (n int, span time.Duration) {
	const rounding = 1e-9 // 0.29 of 100 is 29
	part := max(float64(gr.limit)*g.share, 1) / float64(g.holders)
	if part+rounding < 1 {
		return 1, time.Duration(float64(gr.window+margin)/part) - margin
	}
	return int(part + rounding), gr.window
}

func (g *gate) wakeWith(gr *group, wake context.CancelFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gr.look = wake
}

// wakeAll makes the first of every line look again.
func (g *gate) wakeAll() {
	for _, gr := range g.groups {
		if gr.look != nil {
			gr.look()
		}
	}
}
