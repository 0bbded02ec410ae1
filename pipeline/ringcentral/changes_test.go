package ringcentral

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const feedPath = "/restapi/v1.0/account/~/call-log-extract-sync"

// feed serves so many pages of changes; their tokens count up.
func feed(asked *[]url.Values, pages int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Query())
		n := len(*asked)
		fmt.Fprintf(w, `{"uri":"https://h/restapi/v1.0/account/400130008/call-log-extract-sync","records":[{"id":"%d"}],"syncInfo":{"syncType":"FSync",`+
			`"syncToken":"canary-sync-token-%d","syncTime":"2026-11-21T11:59:59.000Z","newerRecordsExist":%v}}`, n, n, n < pages)
	}
}

func readChangesOf(ctx context.Context, c *Client, token string) ([]ChangePage, error) {
	var out []ChangePage
	for p, err := range c.Changes(ctx, "~", token, epoch.Add(-time.Hour), nil) {
		if err != nil {
			return out, err
		}
		out = append(out, p)
	}
	return out, nil
}

// TestChanges: a reading begins with an instant or a token and goes on while there is more.
func TestChanges(t *testing.T) {
	var asked []url.Values
	f := newFake(t, feed(&asked, 3))
	c := f.client(t)
	got, err := readChangesOf(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []url.Values{
		{"view": {"Detailed"}, "syncType": {"FSync"}, "recordCount": {"1000"}, "dateFrom": {"2026-11-21T11:00:00.000Z"}},
		{"view": {"Detailed"}, "syncType": {"ISync"}, "syncToken": {"canary-sync-token-1"}},
		{"view": {"Detailed"}, "syncType": {"ISync"}, "syncToken": {"canary-sync-token-2"}},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	last := got[len(got)-1]
	if len(got) != 3 || last.More || last.SyncToken != "canary-sync-token-3" || !last.SyncTime.Equal(epoch.Add(-time.Second)) ||
		last.Number != 3 || last.AccountID != "400130008" || last.Records != 1 || last.Path != feedPath {
		t.Errorf("%d pages, the last one %+v", len(got), last)
	}
	if _, err := readChangesOf(t.Context(), c, "kept"); err != nil || asked[3].Get("syncToken") != "kept" || asked[3].Get("syncType") != "ISync" {
		t.Errorf("%v %v", err, asked[3])
	}
	if n := c.Requests().Groups["Heavy"]; n != 4 {
		t.Errorf("%d heavy requests", n)
	}
	for _, text := range []string{got[1].Query, got[2].Query, f.log.String()} {
		if strings.Contains(text, "canary-sync-token") {
			t.Errorf("a token stands in %s", text)
		}
	}
}

// TestChangesThatCannotBeTrusted: an answer without a token, or one that goes on where it began, is an error.
func TestChangesThatCannotBeTrusted(t *testing.T) {
	for name, body := range map[string]string{
		"no sync token":    `{"records":[]}`,
		"where it began":   `{"records":[],"syncInfo":{"syncToken":"kept","newerRecordsExist":true}}`,
		"syncInfo is not":  `{"records":[],"syncInfo":{"syncToken":7}}`,
		"no array records": `{"syncInfo":{"syncToken":"a"}}`,
	} {
		f := newFake(t, reply(200, body, "rcrequestid", "id-9"))
		if _, err := readChangesOf(t.Context(), f.client(t), "kept"); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "id-9") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFeedErrors: what a refusal of the feed means is told by its codes.
func TestFeedErrors(t *testing.T) {
	for _, tc := range []struct {
		status                    int
		body                      string
		token, missing, forbidden bool
	}{
		{400, `{"errorCode":"CLG-101","message":"Parameter [syncToken] is invalid [Sync token expired, call log was reset]"}`, true, false, false},
		{400, `{"errorCode":"InvalidParameter","errors":[{"errorCode":"CLG-105"}]}`, true, false, false},
		{400, `{"errorCode":"CMN-101","parameterName":"syncToken"}`, true, false, false},
		{400, `{"errorCode":"CLG-110","parameterName":"sessionId"}`, false, false, false},
		{400, `{"errorCode":"CMN-101","parameterName":"dateFrom"}`, false, false, false},
		{404, `{"errorCode":"AGW-404","message":"Resource not found","errors":[]}`, false, true, false},
		{403, `{"errorCode":"InsufficientPermissions","errors":[{"errorCode":"CMN-401","permissionName":"ReadCallLog"}]}`, false, false, true},
	} {
		f := newFake(t, reply(tc.status, tc.body))
		_, err := readChangesOf(t.Context(), f.client(t), "kept")
		e := asError(t, err)
		if e.TokenInvalid() != tc.token || e.NotFound() != tc.missing || e.PermissionMissing() != tc.forbidden || f.count(feedPath) != 1 {
			t.Errorf("%s: token %v, missing %v, forbidden %v, %d requests", tc.body, e.TokenInvalid(), e.NotFound(), e.PermissionMissing(), f.count(feedPath))
		}
	}
	f := newFake(t, reply(404, ``))
	if _, err := readChangesOf(t.Context(), f.client(t), ""); !strings.Contains(err.Error(), "has no change feed") {
		t.Error(err)
	}
	for _, account := range []string{"", "a/b"} {
		for _, err := range f.client(t).Changes(t.Context(), account, "", epoch, nil) {
			if err == nil || f.count("/restapi/v1.0/account/"+account+"/call-log-extract-sync") != 0 {
				t.Errorf("account %q: %v", account, err)
			}
		}
	}
}

// TestSessionsThatDie: a token that is refused is renewed for each request; when the new one is refused, too, the error names the
// limit of sessions.
func TestSessionsThatDie(t *testing.T) {
	dead := reply(401, `{"errorCode":"TokenInvalid","errors":[{"errorCode":"OAU-213"}]}`)
	f := newFake(t, inOrder(dead, servePage, dead, servePage, dead, dead))
	c := f.client(t)
	mustRead(t, c)
	mustRead(t, c)
	err := readOne(t.Context(), c)
	if e := asError(t, err); !e.CredentialsRefused() || !strings.Contains(err.Error(), "about five sessions") || f.count(logPath) != 6 {
		t.Errorf("%v, %d requests", err, f.count(logPath))
	}
}
