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

// askAccount sends one request; the login before it is over by then, and has a date of its own.
func askAccount(t *testing.T, c *Client) error {
	t.Helper()
	_, err := c.AccountID(t.Context())
	return err
}
