package ringcentral

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

func discardSlog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestNewNamesWhatIsMissing(t *testing.T) {
	good := Credentials{ServerURL: "https://platform.ringcentral.com", ClientID: "id", ClientSecret: "secret", JWT: "jwt"}
	if _, err := New(good, nil); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Credentials){
		"set RC_SERVER_URL":                        func(c *Credentials) { c.ServerURL = "" },
		"set RC_APP_CLIENT_ID":                     func(c *Credentials) { c.ClientID = "" },
		"set RC_APP_CLIENT_SECRET, RC_USER_JWT":    func(c *Credentials) { c.ClientSecret, c.JWT = "", "" },
		"RC_USER_JWT contains white space":         func(c *Credentials) { c.JWT = "jwt\n" },
		"RC_SERVER_URL is http://example.com: use": func(c *Credentials) { c.ServerURL = "http://example.com" },
		"RC_SERVER_URL is ftp://localhost: use":    func(c *Credentials) { c.ServerURL = "ftp://localhost" },
		"RC_SERVER_URL has more than":              func(c *Credentials) { c.ServerURL = "https://user:canary@example.com" },
		"more than a scheme and a host":            func(c *Credentials) { c.ServerURL = "https://example.com/restapi" },
		"RC_SERVER_URL is not an address":          func(c *Credentials) { c.ServerURL = "platform.ringcentral.com" },
		"is not an address":                        func(c *Credentials) { c.ServerURL = "https://canary:%zz" },
	} {
		c := good
		spoil(&c)
		_, err := New(c, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, server := range []string{"http://127.0.0.1:80", "http://[::1]:80", "http://localhost:8080/", "https://platform.ringcentral.biz"} {
		c := good
		c.ServerURL = server
		if _, err := New(c, nil); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
}

// secretForms are the shapes in which a secret could be seen.
func secretForms() []string {
	forms := []string{tokenPrefix, base64.StdEncoding.EncodeToString([]byte("client-id:" + secretOfApp))}
	for _, s := range []string{secretOfApp, secretJWT, tokenPrefix + "1"} {
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)))
	}
	return forms
}

func noSecrets(t *testing.T, where, text string) {
	t.Helper()
	pointed := strings.ReplaceAll(secretOfApp, "/", "~1") // a JSON decoder names the place where it failed
	for _, s := range append(secretForms(), pointed) {
		if strings.Contains(text, s) {
			at := strings.Index(text, s)
			t.Errorf("%s: %q is in ...%s", where, s, text[max(0, at-80):min(len(text), at+len(s)+20)])
		}
	}
}

func TestPrintedValuesHaveNoSecrets(t *testing.T) {
	f := newFake(t, servePage)
	c := f.client(t)
	mustRead(t, c)
	credentials := f.credentials()
	holder := struct {
		Credentials Credentials
		Client      *Client
	}{credentials, c}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "credentials", credentials, "pointer", &credentials, "client", c, "holder", holder)
	}
	noSecrets(t, "log", log.String())
	for _, v := range []any{credentials, &credentials, c, holder, []Credentials{credentials}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			text := fmt.Sprintf(verb, v)
			noSecrets(t, verb, text)
			if strings.Contains(text, fmt.Sprintf("%x", secretOfApp)) {
				t.Errorf("%s: in hex: %s", verb, text)
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		noSecrets(t, "json", string(b))
	}
	if s := credentials.String(); !strings.Contains(s, f.URL) || !strings.Contains(s, "client-id") {
		t.Error(s)
	}
}

// echo answers with all the secrets, wherever an answer has room.
func echo(status int, shape string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all := strings.Join(append(secretForms()[1:], r.Header.Get("Authorization")), "|")
		host := tokenPrefix + "1"
		if r.URL.Path == tokenPath { // a token that was not given yet is nobody's secret
			all, host = secretOfApp+"|"+secretJWT+"|"+r.Header.Get("Authorization")+"|"+url.QueryEscape(secretOfApp), secretJWT
		}
		h := w.Header()
		for _, name := range []string{"rcrequestid", "routingkey", "Content-Type"} {
			h.Set(name, all)
		}
		quoted, err := json.Marshal(all)
		if err != nil {
			panic(err)
		}
		if status >= 300 && status < 400 {
			h.Set("Location", "https://"+host+"/?"+url.QueryEscape(all))
		}
		w.WriteHeader(status)
		fmt.Fprint(w, strings.ReplaceAll(shape, "$", string(quoted)))
	}
}

func TestErrorsAndLogsHaveNoSecrets(t *testing.T) {
	shapes := []string{
		`{"errorCode":$,"message":$,"permissionName":$,"errors":[{"errorCode":$,"message":$,"permissionName":$}]}`,
		`{"error":$,"error_description":$}`, `<html>$</html>`, `{$:$`, `{$:tru`, `{"records":[{$:x`, ``, `{"id":$}`, `$`,
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 408, 429, 500, 503} {
		for n, shape := range shapes {
			for _, atLogin := range []bool{false, true} {
				if status == 200 && atLogin && shape == shapes[6] {
					continue // an empty success of the login is among TestLoginAnswersThatAreNone
				}
				where := fmt.Sprintf("status %d, shape %d, login %t", status, n, atLogin)
				f := newFake(t, echo(status, shape))
				if atLogin {
					f.login = echo(status, shape)
				}
				c := f.client(t)
				c.tries = 2
				_, accountErr := c.AccountID(t.Context())
				readErr, logoutErr := readOne(t.Context(), c), c.Logout(t.Context())
				if readErr == nil || accountErr == nil {
					t.Errorf("%s: no error", where)
				}
				text := fmt.Sprintf("%v %+v %#v %v %v", readErr, readErr, asErrorOrNil(readErr), accountErr, logoutErr)
				noSecrets(t, where, text+f.log.String())
			}
		}
	}
}

func asErrorOrNil(err error) any {
	if err == nil {
		return nil
	}
	for {
		if e, ok := err.(*Error); ok {
			return *e
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return nil
		}
		err = u.Unwrap()
	}
}

func TestRedirectedPathsHaveNoSecrets(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == logPath {
			reply(302, "", "Location", "/moved/"+secretJWT)(w, r)
			return
		}
		reply(503, "")(w, r)
	})
	e := asError(t, readOne(t.Context(), f.client(t)))
	noSecrets(t, "error", fmt.Sprintf("%v %#v", e, *e)+f.log.String())
	if e.Path != logPath {
		t.Error(e)
	}
}

// TestRawBytesHaveNoSecrets is for answers that are not even HTTP: net/http quotes them in its errors.
func TestRawBytesHaveNoSecrets(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 " + secretJWT + " no\r\n\r\n", secretJWT + "\r\n\r\n", "HTTP/1.1 200 OK\r\n" + secretJWT + "\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://[" + secretJWT + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secretJWT + "\r\n\r\n",
	} {
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		})
		err := readOne(t.Context(), f.client(t))
		if err == nil {
			t.Errorf("%q: no error", answer)
		}
		noSecrets(t, answer, fmt.Sprintf("%v %#v", err, asErrorOrNil(err))+f.log.String())
	}
}

func TestScrubbedTextIsOneShortLine(t *testing.T) {
	s := newScrubber(Credentials{ClientID: "id", ClientSecret: "top", JWT: "top-secret"})
	if got := s.text("a\r\n\tb top-secret top"); got != "a b [secret] [secret]" {
		t.Error(got)
	}
	// A secret at the place where the text is cut must not leave its beginning.
	if got := s.text(strings.Repeat("x", 495) + "top-secret"); len(got) > 503 || strings.Contains(got, "top") {
		t.Error(got)
	}
	s.add("later")
	if got := s.text("now or later"); got != "now or [secret]" {
		t.Error(got)
	}
	if got := s.text(strings.Repeat("é", 400)); !strings.HasSuffix(got, "é...") {
		t.Error(got)
	}
}

func TestOptions(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.UserAgent(); got != "test/1" {
			t.Errorf("user agent %q", got)
		}
		w.WriteHeader(503)
	})
	d := newDriven()
	c, err := New(f.credentials(), &Options{UserAgent: "test/1", HTTPClient: f.Client(), Tries: 3, RetryWait: time.Minute / 2, Clock: d.clock()})
	if err != nil {
		t.Fatal(err)
	}
	if e := asError(t, readOne(t.Context(), c)); e.Tries != 3 || d.Now().Sub(epoch) != 90*time.Second {
		t.Errorf("%+v after %s", e, d.Now().Sub(epoch))
	}
}
