package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const expired = `{"errorCode":"TokenExpired","errors":[{"errorCode":"OAU-128","message":"Access token expired"}]}`

func TestLoginRequest(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+tokenPrefix+"1" {
			t.Errorf("authorization %q", got)
		}
		if got := r.Header.Get("User-Agent"); got != defaultUserAgent {
			t.Errorf("user agent %q", got)
		}
		servePage(w, r)
	})
	f.login = func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		want := []string{"POST", "client-id", secretOfApp, "urn:ietf:params:oauth:grant-type:jwt-bearer", secretJWT}
		got := []string{r.Method, id, secret, r.PostFormValue("grant_type"), r.PostFormValue("assertion")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		fmt.Fprintf(w, `{"access_token":"%s1","expires_in":3600}`, tokenPrefix)
	}
	mustRead(t, f.client(t))
}

// TestOwnExtension: the login names the user's own extension; where it does not, or names something else, it is not known.
func TestOwnExtension(t *testing.T) {
	for member, want := range map[string]string{
		`"owner_id":"12345678901234567",`: "12345678901234567", `"owner_id":12345678901234567,`: "12345678901234567",
		``: "", `"owner_id":"../x",`: "", `"owner_id":null,`: "", `"owner_id":{},`: "",
	} {
		f := newFake(t, reply(500, ""))
		f.login = func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{%s"access_token":"%s1","expires_in":3600}`, member, tokenPrefix)
		}
		c := f.client(t)
		for range 2 {
			if got, err := c.OwnExtension(t.Context()); err != nil || got != want || f.count("/restapi/oauth/token") != 1 {
				t.Errorf("%s: %q, %v", member, got, err)
			}
		}
	}
	f := newFake(t, servePage)
	f.login = reply(400, `{"error":"invalid_grant"}`)
	if _, err := f.client(t).OwnExtension(t.Context()); !asError(t, err).CredentialsRefused() {
		t.Error(err)
	}
}

func TestOneLoginForManyGoroutines(t *testing.T) {
	f := newFake(t, reply(200, onePage, "X-Rate-Limit-Limit", "1000", "X-Rate-Limit-Window", "60"))
	c := f.client(t)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := c.token(t.Context(), ""); err != nil {
				t.Error(err)
			}
			if err := readOne(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if f.logins != 1 {
		t.Errorf("%d logins", f.logins)
	}
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	f := newFake(t, servePage)
	c := f.client(t)
	for _, step := range []struct {
		after  time.Duration
		logins int
	}{{0, 1}, {3539 * time.Second, 1}, {time.Second, 2}, {time.Hour, 3}} {
		f.clock.advance(step.after)
		mustRead(t, c)
		if f.logins != step.logins {
			t.Errorf("%d logins %s later, want %d", f.logins, step.after, step.logins)
		}
	}
}

func TestUsefulLife(t *testing.T) {
	for in, want := range map[float64]time.Duration{
		3600: 59 * time.Minute, 100: 50 * time.Second, 0: 9 * time.Minute, -5: 9 * time.Minute, 1e300: 9 * time.Minute,
	} {
		if got := useful(in); got != want {
			t.Errorf("%g s: %s, want %s", in, got, want)
		}
	}
}

func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	f := newFake(t, inOrder(reply(401, expired), servePage))
	c := f.client(t)
	mustRead(t, c)
	if f.logins != 2 || f.count(logPath) != 2 || len(f.clock.slept) != 0 {
		t.Errorf("%d logins, requests %s, waits %s", f.logins, f.requests, f.clock.slept)
	}
}

func TestRefusedTwice(t *testing.T) {
	f := newFake(t, reply(401, expired, "rcrequestid", "id-1"))
	e := asError(t, readOne(t.Context(), f.client(t)))
	if !e.CredentialsRefused() || e.Temporary() || e.PermissionMissing() || e.Code != "OAU-128" {
		t.Errorf("%+v", e)
	}
	if !strings.Contains(e.Error(), "five sessions") || !strings.Contains(e.Error(), "id-1") {
		t.Error(e)
	}
	if f.logins != 2 || f.count(logPath) != 2 {
		t.Errorf("%d logins, requests %s", f.logins, f.requests)
	}
}

// stealing is another program that ends our session again and again: each token is good for so many requests.
func stealing(good int, f **fake) http.HandlerFunc {
	var mu sync.Mutex
	used := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		token := r.Header.Get("Authorization")
		used[token]++
		n := used[token]
		mu.Unlock()
		(*f).clock.advance(10 * time.Second)
		if n > good {
			reply(401, expired, "rcrequestid", "id-1")(w, r)
			return
		}
		servePage(w, r)
	}
}

func TestSessionThatIsTakenAgainAndAgain(t *testing.T) {
	var f *fake
	f = newFake(t, stealing(2, &f))
	c := f.client(t)
	var err error
	windows := 0
	for ; err == nil && windows < 100; windows++ {
		err = readOne(t.Context(), c)
	}
	e := asError(t, err)
	if !e.CredentialsRefused() || e.Temporary() || !strings.Contains(e.Error(), "five sessions") || !strings.Contains(e.Error(), "id-1") {
		t.Errorf("after %d windows: %v", windows, e)
	}
	if f.logins != mostDeaths || f.count(logPath) != 3*mostDeaths {
		t.Errorf("%d logins, %d requests", f.logins, f.count(logPath))
	}
	sent := f.count("")
	if e := asError(t, readOne(t.Context(), c)); !e.CredentialsRefused() || f.count("") != sent {
		t.Errorf("%v, and %d requests more", e, f.count("")-sent)
	}
}

func TestSessionOfManyThatIsTakenAgainAndAgain(t *testing.T) {
	var f *fake
	f = newFake(t, stealing(2, &f))
	c := f.client(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if err := readOne(t.Context(), c); err != nil {
					return
				}
			}
			t.Error("no end")
		})
	}
	wg.Wait()
	if f.logins > mostDeaths {
		t.Errorf("%d logins", f.logins)
	}
}

func TestTokensThatLiveLongMayDieEarly(t *testing.T) {
	var f *fake
	f = newFake(t, stealing(2, &f))
	c := f.client(t)
	for range 50 {
		f.clock.advance(shortLife / 2)
		mustRead(t, c)
	}
}

func TestExpiredTokenOfManyIsRenewedOnce(t *testing.T) {
	const n = 8
	var mu sync.Mutex
	old := 0
	all := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("Authorization"), tokenPrefix+"1") {
			servePage(w, r)
			return
		}
		mu.Lock()
		old++
		k := old
		mu.Unlock()
		switch {
		case k == 1: // the first goes alone and tells the rate
			reply(200, onePage, "X-Rate-Limit-Limit", "100", "X-Rate-Limit-Window", "60")(w, r)
			return
		case k == n+1:
			close(all)
		}
		<-all
		reply(401, expired)(w, r)
	})
	c := f.client(t)
	mustRead(t, c)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := readOne(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if f.logins != 2 {
		t.Errorf("%d logins", f.logins)
	}
}

func TestRefusedLoginIsFinal(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		advice string
	}{
		"wrong jwt":     {reply(400, `{"error":"invalid_grant","error_description":"Token is invalid","errors":[{"errorCode":"OAU-331"}]}`), "RC_USER_JWT"},
		"wrong client":  {reply(400, `{"error":"invalid_client","error_description":"No such client"}`), "RC_APP_CLIENT_ID"},
		"not permitted": {reply(400, `{"error":"unauthorized_client","errors":[{"errorCode":"OAU-251"}]}`), "developer console"},
		"status 401":    {reply(401, `{"errorCode":"OAU-151"}`), "RC_APP_CLIENT_SECRET"},
		"only a code":   {reply(400, `{"errorCode":"OAU-999"}`), "RC_USER_JWT"},
		"other server":  {reply(404, `<html>`), "RC_SERVER_URL"},
		"forbidden":     {reply(403, ``), "RC_SERVER_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, servePage)
			f.login = c.answer
			client := f.client(t)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					var e *Error
					err := readOne(t.Context(), client)
					if !errors.As(err, &e) || !e.CredentialsRefused() || e.Temporary() || e.PermissionMissing() {
						t.Errorf("%v", err)
					} else if !strings.Contains(e.Error(), c.advice) {
						t.Error(e)
					}
				})
			}
			wg.Wait()
			if _, err := client.AccountID(t.Context()); err == nil {
				t.Error("the account was read")
			}
			if err := client.Logout(t.Context()); err != nil {
				t.Error(err)
			}
			if n := f.count(""); n != 1 || client.Requests().Total != 1 {
				t.Errorf("%d requests, %+v", n, client.Requests())
			}
		})
	}
}

func TestLoginFailsForAWhile(t *testing.T) {
	f := newFake(t, servePage)
	f.login = reply(503, "<html>")
	c := f.client(t)
	e := asError(t, readOne(t.Context(), c))
	if !e.Temporary() || e.CredentialsRefused() || e.Tries != 6 || e.Path != tokenPath || f.logins != 6 {
		t.Errorf("%+v after %d logins", e, f.logins)
	}
	f.login = nil
	mustRead(t, c)
}

func TestWaitersShareALoginThatFails(t *testing.T) {
	f := newFake(t, servePage)
	f.login = reply(503, "")
	c := f.client(t)
	resting, goOn := make(chan struct{}), make(chan struct{})
	c.clock.Sleep = func(context.Context, time.Duration) error {
		resting <- struct{}{}
		<-goOn
		return nil
	}
	fails := func() {
		if _, err := c.token(t.Context(), ""); err == nil {
			t.Error("logged in")
		}
	}
	var wg sync.WaitGroup
	wg.Go(fails)
	<-resting
	for range 8 {
		wg.Go(fails)
	}
	for waiting(t) < 8 {
		runtime.Gosched()
	}
	close(goOn)
	for range 4 {
		<-resting
	}
	wg.Wait()
	if f.logins != 6 {
		t.Errorf("%d logins", f.logins)
	}
}

// waiting counts the goroutines that wait for another's login.
func waiting(t *testing.T) int {
	t.Helper()
	buf := make([]byte, 1<<20)
	n := 0
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "[select]") && strings.Contains(g, ".(*Client).token(") && !strings.Contains(g, "runLogin") {
			n++
		}
	}
	return n
}

func TestWhoTakesOverACancelledLogin(t *testing.T) {
	arrived := make(chan struct{})
	f := newFake(t, servePage)
	f.login = inOrder(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // a server notices that the client has gone only once the body is read
		close(arrived)
		<-r.Context().Done()
	}, reply(200, `{"access_token":"`+tokenPrefix+`2","expires_in":3600}`))
	c := f.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.token(ctx, ""); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-arrived
	wg.Go(func() {
		if token, err := c.token(t.Context(), ""); err != nil || token != tokenPrefix+"2" {
			t.Error(err)
		}
	})
	for waiting(t) < 1 {
		runtime.Gosched()
	}
	cancel()
	wg.Wait()
}

func TestLoginAnswersThatAreNone(t *testing.T) {
	for _, body := range []string{``, `<html>`, `{}`, `{"access_token":""}`, `{"access_token":7}`, `[]`} {
		f := newFake(t, servePage)
		f.login = reply(200, body)
		err := readOne(t.Context(), f.client(t))
		if err == nil || !strings.Contains(err.Error(), "no token") || f.count(logPath) != 0 {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestLogout(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/restapi/oauth/revoke" {
			servePage(w, r)
			return
		}
		if id, secret, _ := r.BasicAuth(); id != "client-id" || secret != secretOfApp || r.PostFormValue("token") != tokenPrefix+"1" {
			t.Error("the application or its token is not what was sent to be revoked")
		}
	})
	c := f.client(t)
	if err := c.Logout(t.Context()); err != nil || f.count("") != 0 {
		t.Errorf("without a session: %v, requests %s", err, f.requests)
	}
	mustRead(t, c)
	for range 2 { // the second finds nothing to revoke
		if err := c.Logout(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := f.count("/restapi/oauth/revoke"); n != 1 {
		t.Errorf("revoked %d times", n)
	}
	mustRead(t, c)
	if f.logins != 2 {
		t.Errorf("%d logins", f.logins)
	}
}

func TestLogoutThatFails(t *testing.T) {
	f := newFake(t, inOrder(servePage, reply(500, "")))
	c := f.client(t)
	mustRead(t, c)
	if e := asError(t, c.Logout(t.Context())); e.Status != 500 || f.count("/restapi/oauth/revoke") != 1 {
		t.Errorf("%+v", e)
	}
}
