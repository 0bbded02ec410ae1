package ringcentral

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestLogIn(t *testing.T) {
	f := newFake(t, func(http.ResponseWriter, *http.Request) { t.Error("nothing but the login was asked for") })
	c := f.client(t)
	for range 2 {
		if err := c.LogIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.count("/restapi/oauth/token"); n != 1 {
		t.Errorf("%d logins", n)
	}
	f = newFake(t, nil)
	f.login = reply(400, `{"error":"invalid_grant","errorCode":"OAU-331"}`)
	var refused *Error
	if err := f.client(t).LogIn(t.Context()); !errors.As(err, &refused) || !refused.CredentialsRefused() {
		t.Errorf("refused with %v", err)
	}
}

// TestClockSkew: the server's date against ours; an answer without a date changes nothing.
func TestClockSkew(t *testing.T) {
	date := ""
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		reply(200, `{"id":400130008}`, "Date", date)(w, r)
	})
	c := f.client(t)
	if _, known := c.ClockSkew(); known {
		t.Error("known before an answer came")
	}
	for _, test := range []struct {
		date string
		want time.Duration
	}{
		{epoch.Format(http.TimeFormat), time.Second / 2},
		{epoch.Add(7 * time.Minute).Format(http.TimeFormat), 7*time.Minute + time.Second/2},
		{"yesterday", 7*time.Minute + time.Second/2},
		{epoch.Add(-time.Hour).Format(http.TimeFormat), -time.Hour + time.Second/2},
	} {
		date = test.date
		if err := askAccount(t, c); err != nil {
			t.Fatal(err)
		}
		if ahead, known := c.ClockSkew(); !known || ahead != test.want {
			t.Errorf("%s: %v %v, want %v", test.date, ahead, known, test.want)
		}
	}
}

// TestTry: one request for one record, whatever more there is.
func TestTry(t *testing.T) {
	for path, try := range map[string]func(*Client) error{
		"/restapi/v1.0/account/12/extension":                 func(c *Client) error { return c.TryExtensions(t.Context(), "12") },
		"/restapi/v1.0/account/12/phone-number":              func(c *Client) error { return c.TryPhoneNumbers(t.Context(), "12") },
		"/restapi/v1.0/account/12/extension/~/message-store": func(c *Client) error { return c.TryMessages(t.Context(), "12") },
		"/restapi/v1.0/account/12/extension/~/call-log":      func(c *Client) error { return c.TryOwnCallLog(t.Context(), "12") },
	} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RequestURI() != path+"?page=1&perPage=1" {
				t.Errorf("asked for %s", r.URL)
			}
			pages(3)(w, r)
		})
		if err := try(f.client(t)); err != nil || f.count(path) != 1 {
			t.Errorf("%s: %v, %d requests", path, err, f.count(path))
		}
		f = newFake(t, reply(403, `{"errorCode":"CMN-401"}`))
		if err := try(f.client(t)); !asError(t, err).PermissionMissing() {
			t.Error(err)
		}
	}
	f := newFake(t, servePage)
	if err := f.client(t).TryExtensions(t.Context(), ".."); err == nil || f.count("") != 0 {
		t.Error(err)
	}
}

// askAccount sends one request; the login before it is over by then, and has a date of its own.
func askAccount(t *testing.T, c *Client) error {
	t.Helper()
	_, err := c.AccountID(t.Context())
	return err
}
