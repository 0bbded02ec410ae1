package ringcentral

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBackoff(t *testing.T) {
	seconds := func(s ...int) (d []time.Duration) {
		for _, n := range s {
			d = append(d, time.Duration(n)*time.Second)
		}
		return d
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   []time.Duration
	}{
		"408":                  {reply(408, ""), seconds(2, 4, 8, 16, 32, 60, 60)},
		"500":                  {reply(500, `{"errorCode":"CMN-201","message":"Service Temporary Unavailable"}`), seconds(2, 4, 8, 16, 32, 60, 60)},
		"502 with HTML":        {reply(502, "<html>bad gateway</html>", "Content-Type", "text/html"), seconds(2, 4, 8, 16, 32, 60, 60)},
		"503":                  {reply(503, ""), seconds(2, 4, 8, 16, 32, 60, 60)},
		"503 with Retry-After": {reply(503, "", "Retry-After", "90"), seconds(90, 90, 90, 90, 90, 90, 90)},
		"504":                  {reply(504, ""), seconds(2, 4, 8, 16, 32, 60, 60)},
		"cut short":            {cutShort, seconds(2, 4, 8, 16, 32, 60, 60)},
		"reset":                {reset, seconds(2, 4, 8, 16, 32, 60, 60)},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, c.answer)
			client := f.client(t)
			client.tries = 8
			e := asError(t, readOne(t.Context(), client))
			if !e.Temporary() || e.Tries != 8 || e.CredentialsRefused() || e.PermissionMissing() {
				t.Errorf("%+v", e)
			}
			if !strings.Contains(e.Error(), "tried 8 times") || e.Path != logPath {
				t.Error(e)
			}
			if diff := cmp.Diff(c.want, f.clock.slept); diff != "" {
				t.Error(diff)
			}
			if got := client.Requests(); got.Retries != got.Groups["Heavy"]-1 || got.Groups["Heavy"] != f.count(logPath) || client.gate.groups["Heavy"].inFlight != 0 {
				t.Errorf("requests: %+v", got)
			}
		})
	}
}

func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, onePage)
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// failures are answers after which the same request can succeed.
func failures() map[string]http.HandlerFunc {
	const html = "<html>try again later</html>"
	return map[string]http.HandlerFunc{
		"408 with HTML": reply(408, html, "Content-Type", "text/html"), "500 with HTML": reply(500, html, "Content-Type", "text/html"),
		"502 with HTML": reply(502, html), "503 with HTML": reply(503, html), "504 with HTML": reply(504, html), "503": reply(503, ""),
		"503 cut short": func(w http.ResponseWriter, r *http.Request) {
			reply(503, `{"errorCode":"CMN-2`, "Content-Length", "100")(w, r)
		},
		"200 with HTML": reply(200, html, "Content-Type", "text/html"), "200 with nothing": reply(200, ""), "204": reply(204, ""),
		"200 that ends early": reply(200, onePage[:len(onePage)-20]),
		"429 without headers": reply(429, html), "429 without Retry-After": reply(429, "", "X-Rate-Limit-Group", "heavy",
			"X-Rate-Limit-Limit", "10", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Window", "60"),
		"429 cut short": func(w http.ResponseWriter, r *http.Request) {
			reply(429, "", "Retry-After", "1", "Content-Length", "100")(w, r)
		},
		"cut short": cutShort, "reset": reset, "reset in the body": resetInBody, "chunks that end early": chunksEndEarly,
		"gzip cut short": gzipCutShort,
	}
}

// resetInBody breaks the connection, as opposed to ending it.
func resetInBody(w http.ResponseWriter, _ *http.Request) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(buffered, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n%s", onePage)
	_ = buffered.Flush()
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func chunksEndEarly(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, onePage)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func gzipCutShort(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, onePage)
	_ = z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(b.Bytes()[:b.Len()-10])
}

// oneRequestAConnection keeps net/http from repeating by itself what a kept connection swallowed.
func oneRequestAConnection(t *testing.T, f *fake) {
	t.Helper()
	f.Client().Transport.(*http.Transport).DisableKeepAlives = true
}

func TestFailuresAreRepaired(t *testing.T) {
	for name, answer := range failures() {
		for _, n := range []int{1, 5} {
			t.Run(fmt.Sprintf("%s, %d times", name, n), func(t *testing.T) {
				f := newFake(t, inOrder(append(slices.Repeat([]http.HandlerFunc{answer}, n), servePage)...))
				oneRequestAConnection(t, f)
				c := f.client(t)
				mustRead(t, c)
				if got := c.Requests(); f.count(logPath) != n+1 || got.Retries != n {
					t.Errorf("%d requests, %+v", f.count(logPath), got)
				}
				if len(f.clock.slept) != n {
					t.Errorf("waited %s", f.clock.slept)
				}
			})
		}
		t.Run(name+", for ever", func(t *testing.T) {
			f := newFake(t, answer)
			oneRequestAConnection(t, f)
			if err := readOne(t.Context(), f.client(t)); err == nil || f.count(logPath) != 6 || !strings.Contains(err.Error(), " 6 times") {
				t.Errorf("%d requests, %v", f.count(logPath), err)
			}
		})
	}
}

// TestDifferentFailuresShareTheTries: however they are mixed, a request is sent so often and no more.
func TestDifferentFailuresShareTheTries(t *testing.T) {
	var all []http.HandlerFunc
	for _, answer := range failures() {
		all = append(all, answer)
	}
	f := newFake(t, inOrder(all...))
	oneRequestAConnection(t, f)
	if err := readOne(t.Context(), f.client(t)); err == nil || f.count(logPath) != 6 {
		t.Errorf("%d requests, %v", f.count(logPath), err)
	}
}

func TestLoginAndAccountSurviveAProxy(t *testing.T) {
	f := newFake(t, inOrder(reply(200, "<html>"), reply(200, `{"id":12}`)))
	f.login = inOrder(reply(200, "<html>"), reply(200, `{"access_token":"`+tokenPrefix+`1"}`))
	if id, err := f.client(t).AccountID(t.Context()); id != "12" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
}

func TestNotRepeated(t *testing.T) {
	for _, status := range []int{400, 402, 403, 404, 405, 409, 410, 416, 422, 501, 505, 304} {
		f := newFake(t, reply(status, `{"errorCode":"AGW-404","message":"Resource not found","errors":[]}`))
		e := asError(t, readOne(t.Context(), f.client(t)))
		if e.Status != status || e.Tries != 1 || f.count(logPath) != 1 || e.Temporary() != (status == 505) {
			t.Errorf("%d: %+v", status, e)
		}
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	f := newFake(t, servePage)
	f.Close()
	e := asError(t, readOne(t.Context(), f.client(t)))
	if !e.Temporary() || e.Status != 0 || e.Tries != 6 || e.CredentialsRefused() {
		t.Errorf("%+v", e)
	}
}

func TestAnswerThatDoesNotCome(t *testing.T) {
	f := newFake(t, inOrder(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	c := f.client(t)
	mustLogIn(t, c)
	c.timeout, c.tries = time.Millisecond, 2
	e := asError(t, readOne(t.Context(), c))
	if !e.Temporary() || !strings.Contains(e.Error(), "did not come in time") {
		t.Error(e)
	}
}

func mustLogIn(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.token(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateOfSomebodyElse(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(servePage))
	s.Config.ErrorLog = discardLog()
	s.StartTLS()
	defer s.Close()
	d := newDriven()
	c, err := New(Credentials{ServerURL: s.URL, ClientID: "id", ClientSecret: "secret", JWT: "jwt"}, &Options{HTTPClient: &http.Client{Transport: &http.Transport{}}, Clock: d.clock()})
	if err != nil {
		t.Fatal(err)
	}
	err = readOne(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "root certificates") || len(d.slept) != 0 {
		t.Errorf("%v, waits %s", err, d.slept)
	}
}

func TestErrorBodies(t *testing.T) {
	const permission = `{"errorCode":"InsufficientPermissions","message":"m","errors":[{"errorCode":"CMN-401","message":"m","permissionName":"ReadCallLog"}],"permissionName":"ReadCallLog"}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   Error
	}{
		"api":            {403, permission, Error{Code: "CMN-401", Message: "m", Permission: "ReadCallLog"}},
		"only errors":    {400, `{"errors":[{"errorCode":"CMN-101","message":"bad"},{"errorCode":"CMN-102"}]}`, Error{Code: "CMN-101", Message: "bad"}},
		"parameter":      {400, `{"parameterName":"x","errors":[{"errorCode":"CMN-101","parameterName":"view"}]}`, Error{Code: "CMN-101", Parameter: "view"}},
		"gateway":        {404, `{"errorCode":"AGW-404","message":"Resource not found","errors":[]}`, Error{Code: "AGW-404", Message: "Resource not found"}},
		"oauth":          {400, `{"error":"invalid_request","error_description":"no"}`, Error{OAuth: "invalid_request", Message: "no"}},
		"odd types":      {400, `{"errorCode":7,"message":"m","errors":null}`, Error{Message: "m"}},
		"array":          {400, `[]`, Error{}},
		"empty":          {400, ``, Error{}},
		"html":           {404, `<html>`, Error{Message: `6 bytes of "text/html" instead of JSON`}},
		"user unnamed":   {403, `{"errorCode":"CMN-408"}`, Error{Code: "CMN-408", Permission: "FullCompanyCallLog"}},
		"app unnamed":    {403, `{"errorCode":"CMN-401"}`, Error{Code: "CMN-401", Permission: "ReadCallLog"}},
		"no feature":     {403, `{"errorCode":"CMN-109"}`, Error{Code: "CMN-109"}},
		"lines":          {400, `{"message":"one\ntwo\u001b[0m"}`, Error{Message: "one two [0m"}},
		"forbidden html": {403, `<html>`, Error{Message: `6 bytes of "text/html" instead of JSON`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, reply(c.status, c.body, "Content-Type", "text/html", "rcrequestid", "id-1", "routingkey", "SJC"))
			e := asError(t, readOne(t.Context(), f.client(t)))
			c.want.Status, c.want.RequestID, c.want.RoutingKey = c.status, "id-1", "SJC"
			c.want.Path, c.want.Tries, c.want.op = logPath, 1, readCallLog
			if diff := cmp.Diff(c.want, *e, cmp.AllowUnexported(Error{})); diff != "" {
				t.Error(diff)
			}
			if e.PermissionMissing() != (c.status == 403) || e.CredentialsRefused() || e.Temporary() {
				t.Error("wrong kind of error")
			}
			if e.RoleRefused() != (name == "user unnamed") {
				t.Errorf("the user's role: %t", e.RoleRefused())
			}
			if e.Permission != "" && !strings.Contains(e.Error(), "permission "+e.Permission) {
				t.Error(e)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*Error{
		"/p: status 403 CMN-401: no (request r, routing key k): give the application the permission ReadCallLog in RingCentral's developer console": {
			Status: 403, Code: "CMN-401", Message: "no", Permission: "ReadCallLog", RequestID: "r", RoutingKey: "k", Path: "/p", Tries: 1},
		"/p: status 403 CMN-419: give the user of RC_USER_JWT a role with the permission X in its extended scope (all extensions)": {
			Status: 403, Code: "CMN-419", Permission: "X", Path: "/p"},
		"/p: status 403 CMN-109: the account does not have this feature: ask RingCentral to enable it":        {Status: 403, Code: "CMN-109", Path: "/p"},
		"/p: status 429, tried 6 times: try again in 1m0s":                                                    {Status: 429, Tries: 6, RetryAfter: time.Minute, Path: "/p"},
		"/p: no complete answer: reset: try again later, and check RC_SERVER_URL and the network if it lasts": {Message: "reset", Path: "/p"},
		"/p: status 404: check RC_SERVER_URL and the account id":                                              {Status: 404, Path: "/p"},
		"/p: status 404: this environment has no change feed, or the account id is wrong: read the call log by days instead": {
			Status: 404, Path: "/p", op: readChanges},
		"/p: status 400 CLG-102: the sync token is no longer good: read the change feed from an instant again": {Status: 400, Code: "CLG-102", Path: "/p"},
		"/p: status 400 CMN-101 (parameter view): no: the request is not acceptable as it is; RingCentral's support can trace it by the request id": {
			Status: 400, Code: "CMN-101", Parameter: "view", Message: "no", Path: "/p"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestRedirectsStayAtHome(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, location := range map[string]string{
		"other port": other.URL + logPath, "other scheme": "https://127.0.0.1/x", "other host": "http://localhost:1/x",
		"user": "", "none": "-", "broken": "http://[",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				to := location
				switch to {
				case "":
					to = "http://user:pass@" + r.Host + "/x"
				case "-":
					to = ""
				}
				reply(302, "", "Location", to)(w, r)
			})
			c := f.client(t)
			c.tries = 1
			if err := readOne(t.Context(), c); err == nil {
				t.Error("no error")
			}
			if elsewhere != 0 || f.count(logPath) != 1 || f.count("/x") != 0 {
				t.Errorf("followed: %d elsewhere, here %s", elsewhere, f.requests)
			}
		})
	}
}

func TestRedirectsAtHomeAreFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == logPath:
				reply(status, "", "Location", "/moved?"+r.URL.RawQuery)(w, r)
			case r.Header.Get("Authorization") == "Bearer "+tokenPrefix+"1" && r.URL.Query().Get("page") == "1":
				servePage(w, r)
			default:
				t.Errorf("%d: %s", status, r.URL)
			}
		})
		c := f.client(t)
		mustRead(t, c)
		if got := c.Requests(); got.Groups["Heavy"] != 2 { // each counts
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestRedirectsWithoutEnd(t *testing.T) {
	f := newFake(t, reply(302, "", "Location", logPath))
	if err := readOne(t.Context(), f.client(t)); err == nil || !strings.Contains(err.Error(), "more than 5 times") {
		t.Error(err)
	}
}

func TestLoginIsNotRedirected(t *testing.T) {
	for status, logins := range map[int]int{301: 1, 302: 1, 303: 1} {
		f := newFake(t, servePage)
		f.login = reply(status, "", "Location", tokenPath)
		if err := readOne(t.Context(), f.client(t)); err == nil || f.logins != logins {
			t.Errorf("%d: %v after %d logins", status, err, f.logins)
		}
	}
}

func TestLoginThatMovedWithinTheServer(t *testing.T) {
	f := newFake(t, servePage)
	f.login = inOrder(reply(308, "", "Location", tokenPath), func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "client-id" || secret != secretOfApp || r.PostFormValue("assertion") != secretJWT {
			t.Error("the form did not come along")
		}
		fmt.Fprintf(w, `{"access_token":"%s2"}`, tokenPrefix)
	})
	mustRead(t, f.client(t))
}

func TestBodyTooLong(t *testing.T) {
	f := newFake(t, servePage)
	c := f.client(t)
	mustLogIn(t, c)
	c.bodyLimit = int64(len(onePage))
	mustRead(t, c)
	c.bodyLimit--
	if err := readOne(t.Context(), c); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestDefaultHTTPClient(t *testing.T) {
	f := newFake(t, servePage)
	c, err := New(f.credentials(), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, c)
	if err := c.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}
