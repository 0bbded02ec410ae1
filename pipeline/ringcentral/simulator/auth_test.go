package simulator_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

func TestRateLimitAndPenalty(t *testing.T) {
	o := small()
	o.HeavyLimit = 3
	b := open(t, o)
	expect := func(step string, status int, remaining, retry string) {
		t.Helper()
		answer := b.get(callLog)
		if got := answer.Header.Get("X-Rate-Limit-Remaining"); answer.StatusCode != status || got != remaining ||
			answer.Header.Get("Retry-After") != retry || answer.Header.Get("X-Rate-Limit-Limit") != "3" {
			t.Errorf("%s: %s, remaining %s, headers %v", step, answer.Status, got, answer.Header)
		}
	}
	expect("first", 200, "2", "")
	b.clock.advance(30 * time.Second)
	expect("second", 200, "1", "")
	expect("third", 200, "0", "")
	b.clock.advance(30 * time.Second)
	expect("the first has left the window", 200, "0", "")
	b.clock.advance(29 * time.Second)
	expect("one too many", 429, "0", "60")
	b.clock.advance(59 * time.Second)
	expect("in the penalty", 429, "0", "60")
	b.clock.advance(59 * time.Second)
	expect("the penalty began anew", 429, "0", "60")
	if answer := b.get(account); answer.StatusCode != 200 || answer.Header.Get("X-Rate-Limit-Limit") != "50" {
		t.Errorf("another group: %s %v", answer.Status, answer.Header)
	}
	b.clock.advance(60 * time.Second)
	expect("after the penalty", 200, "2", "")
	if got, want := b.Stats().Heavy, (simulator.Count{Requests: 8, Limited: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestLimitIsAnOption(t *testing.T) {
	o := small()
	o.HeavyLimit, o.MediumLimit, o.LightLimit, o.Window, o.Penalty = 1, 2, 3, 2*time.Second, 3*time.Second
	b := open(t, o)
	b.get(callLog)
	answer := b.get(callLog)
	answer.mustBe(t, 429, "CMN-301")
	if answer.Header.Get("X-Rate-Limit-Window") != "2" || answer.Header.Get("Retry-After") != "3" {
		t.Errorf("%v", answer.Header)
	}
	b.clock.advance(3 * time.Second)
	if answer := b.get(callLog); answer.StatusCode != 200 {
		t.Errorf("%s", answer.Status)
	}
	for path, want := range map[string]string{account + "/extension": "2", store("~"): "3"} {
		if got := b.get(path).Header.Get("X-Rate-Limit-Limit"); got != want {
			t.Errorf("%s: %s requests, want %s", path, got, want)
		}
	}
}

func TestLoginsAreLimited(t *testing.T) {
	b := open(t, small()) // logs in once
	for range 4 {
		b.login()
	}
	_, _, jwt := b.Credentials()
	b.assert(jwt).mustBe(t, 429, "CMN-301")
}

func TestTokens(t *testing.T) {
	b := open(t, small())
	id, secret, jwt := b.Credentials()
	form := func(more ...string) url.Values {
		v := url.Values{"grant_type": {jwtGrant}, "assertion": {jwt}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	type token struct {
		ExpiresIn  int    `json:"expires_in"`
		TokenType  string `json:"token_type"`
		OwnerID    string `json:"owner_id"`
		EndpointID string `json:"endpoint_id"`
	}
	for ttl, want := range map[string]int{"": 3600, "900": 900, "5": 600, "99999": 3600} {
		b.clock.advance(time.Minute)
		got := decode[token](t, b.post(tokenPath, form("access_token_ttl", ttl, "endpoint_id", "here"), id, secret).body)
		if want := (token{want, "bearer", b.AccountID(), "here"}); got != want {
			t.Errorf("access_token_ttl %q: %+v, want %+v", ttl, got, want)
		}
	}
	b.clock.advance(time.Minute)
	b.post(tokenPath, form("access_token_ttl", "soon"), id, secret).mustBe(t, 400, "CMN-101")
	b.post(tokenPath, form("grant_type", "password"), id, secret).mustBe(t, 400, "OAU-251")
	b.post(tokenPath, form("grant_type", "barter"), id, secret).mustBe(t, 400, "CMN-101")
	b.clock.advance(time.Minute)
	b.post(tokenPath, form(), id, secret+"x").mustBe(t, 400, "OAU-153")
	b.post(tokenPath, form(), "nobody", secret).mustBe(t, 400, "OAU-153")
	b.do("POST", tokenPath, form().Encode(), "Content-Type", "application/x-www-form-urlencoded").mustBe(t, 400, "OAU-123")
}

func TestJWTs(t *testing.T) {
	b := open(t, small())
	o := small()
	o.Seed++
	_, _, foreign := newSimulator(t, o).Credentials()
	_, _, jwt := b.Credentials()
	if b.JWT(time.Time{}) != jwt || strings.Count(jwt, ".") != 2 {
		t.Errorf("%s is not the JWT of the credentials", b.JWT(time.Time{}))
	}
	soon := b.JWT(noon().Add(time.Minute))
	if answer := b.assert(soon); answer.StatusCode != 200 {
		t.Errorf("%s: %s", answer.Status, answer.body)
	}
	b.clock.advance(time.Minute)
	b.assert(soon).mustBe(t, 400, "OAU-331")
	b.assert(foreign).mustBe(t, 400, "OAU-331")
	b.assert(jwt+"x").mustBe(t, 400, "OAU-331")
	b.assert("").mustBe(t, 400, "OAU-331")
	// A JWT is for the token endpoint only.
	b.do("GET", account, "", "Authorization", "Bearer "+jwt).mustBe(t, 401, "OAU-149")
}

func TestAccessTokens(t *testing.T) {
	o := small()
	o.TokenLifetime = 10 * time.Minute
	b := open(t, o)
	b.do("GET", account, "").mustBe(t, 401, "AGW-401")
	b.do("GET", account, "", "Authorization", "Basic eDp5").mustBe(t, 401, "OAU-151")
	b.do("GET", account, "", "Authorization", "Bearer nonsense").mustBe(t, 401, "OAU-149")
	b.do("GET", account, "", "Authorization", "Bearer "+strings.Repeat("A", len(b.token))).mustBe(t, 401, "OAU-213")
	b.clock.advance(10*time.Minute - time.Second)
	if answer := b.get(account); answer.StatusCode != 200 {
		t.Errorf("within its lifetime: %s", answer.Status)
	}
	b.clock.advance(time.Second)
	b.get(account).mustBe(t, 401, "OAU-128")
	b.token = b.login()
	if answer := b.get(account); answer.StatusCode != 200 {
		t.Errorf("a new token: %s", answer.Status)
	}
	id, secret, _ := b.Credentials()
	b.post("/restapi/oauth/revoke", url.Values{"token": {b.token}}, id, "x").mustBe(t, 400, "OAU-153")
	if answer := b.post("/restapi/oauth/revoke", url.Values{"token": {b.token}}, id, secret); answer.StatusCode != 200 {
		t.Errorf("revoke: %s", answer.Status)
	}
	b.get(account).mustBe(t, 401, "OAU-213")
}

func TestTheSixthLoginEndsTheOldestSession(t *testing.T) {
	b := open(t, small())
	tokens := []string{b.token}
	for range 5 {
		b.clock.advance(time.Minute)
		tokens = append(tokens, b.login())
	}
	b.get(account).mustBe(t, 401, "OAU-213")
	for i, token := range tokens[1:] {
		b.token = token
		if answer := b.get(account); answer.StatusCode != 200 {
			t.Errorf("session %d: %s", i+1, answer.Status)
		}
	}
}
