package ringcentral

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	recordingPath34 = "/restapi/v1.0/account/12/recording/34/content"
	recordingURI    = "https://media.ringcentral.com:443" + recordingPath34 + "?access_token=canary"
)

// sound is a recording that is longer than the buffers on the way.
var sound = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

// audio is a reply of sound: net/http would call the bytes of tests text.
func audio(status int, body string, headers ...string) http.HandlerFunc {
	return reply(status, body, append([]string{"Content-Type", "audio/mpeg"}, headers...)...)
}

// serveSound has ranges, as net/http does them.
func serveSound(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "audio/x-wav")
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sound))
}

func record(t *testing.T, c *Client, offset int64) (*Media, []byte, error) {
	t.Helper()
	m, err := c.Recording(t.Context(), "12", recordingURI, offset)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(m.Body)
	if err := m.Body.Close(); err != nil {
		t.Error(err)
	}
	return m, b, err
}

func TestRecordingFromAnyByte(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" || r.URL.RawQuery != "" {
			t.Errorf("asked with %s, %v", r.URL, r.Header)
		}
		serveSound(w, r)
	})
	c := f.client(t)
	size := int64(len(sound))
	for _, offset := range []int64{0, 1, 1000, size - 1, size} {
		m, got, err := record(t, c, offset)
		if err != nil || m.Offset != offset || m.Size != size || !bytes.Equal(got, sound[offset:]) {
			t.Fatalf("from %d: %+v, %d bytes, %v", offset, m, len(got), err)
		}
		if offset < size && (m.ContentType != "audio/x-wav" || m.ETag != `"v1"`) {
			t.Errorf("%+v", m)
		}
	}
	if got := c.Requests(); got.Groups["Heavy"] != 5 || got.Retries != 0 {
		t.Errorf("%+v", got)
	}
	_, _, err := record(t, c, size+1)
	e := asError(t, err)
	if e.Status != 416 || e.Temporary() || e.Gone() || !strings.HasSuffix(err.Error(), "read it from its first byte") {
		t.Error(err)
	}
	if _, err := c.Recording(t.Context(), "12", recordingURI, -1); err == nil {
		t.Error("a negative offset was taken")
	}
}

// TestRecordingEndsByA416: only a size that is told makes the offset its end.
func TestRecordingEndsByA416(t *testing.T) {
	for header, whole := range map[string]bool{"bytes */10": true, "bytes */9": false, "bytes */11": false, "": false, "bytes */x": false, "10": false, "bytes */-10": false} {
		f := newFake(t, reply(416, `{"errorCode":"CMN-107"}`, "Content-Range", header))
		m, got, err := record(t, f.client(t), 10)
		if whole {
			if err != nil || len(got) != 0 || m.Size != 10 || m.Offset != 10 {
				t.Errorf("%q: %+v, %v", header, m, err)
			}
		} else if e := asError(t, err); e.Status != 416 || e.Code != "CMN-107" {
			t.Errorf("%q: %v", header, err)
		}
	}
	f := newFake(t, reply(416, ``, "Content-Range", "bytes */0"))
	if _, _, err := record(t, f.client(t), 0); asError(t, err).Status != 416 {
		t.Error(err)
	}
}

func TestRangeThatIsIgnored(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		serveSound(w, r)
	})
	m, got, err := record(t, f.client(t), 77)
	if err != nil || m.Offset != 0 || m.Size != int64(len(sound)) || !bytes.Equal(got, sound) {
		t.Errorf("%+v, %d bytes, %v", m, len(got), err)
	}
}

func TestSizeThatIsNotTold(t *testing.T) {
	for offset, answer := range map[int64]http.HandlerFunc{
		0: func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); fmt.Fprint(w, "abc") },
		3: audio(206, "abc", "Content-Range", "bytes 3-5/*"),
	} {
		f := newFake(t, answer)
		if m, got, err := record(t, f.client(t), offset); err != nil || m.Size != -1 || m.Offset != offset || string(got) != "abc" {
			t.Errorf("from %d: %+v, %q, %v", offset, m, got, err)
		}
	}
}

// TestAnswersThatAreNoRecording are repeated like any failure, and good enough in the end if a later one is.
func TestAnswersThatAreNoRecording(t *testing.T) {
	for name, c := range map[string]struct {
		offset int64
		answer http.HandlerFunc
		says   string
	}{
		"page":             {0, reply(200, "<html>", "Content-Type", "text/html; charset=utf-8"), "text/html instead"},
		"json":             {0, reply(200, "{}", "Content-Type", "application/json"), "application/json instead"},
		"problem":          {5, reply(206, "{}", "Content-Type", "application/problem+json", "Content-Range", "bytes 5-6/7"), "application/problem+json instead"},
		"nothing":          {0, reply(204, ""), "status 204 instead"},
		"encoded":          {0, audio(200, "abc", "Content-Encoding", "gzip"), "encoded as"},
		"part unasked":     {0, audio(206, "abc", "Content-Range", "bytes 0-2/3"), "status 206 instead"},
		"part of nothing":  {5, audio(206, "abc"), "instead of what follows byte 5"},
		"other part":       {5, audio(206, "abc", "Content-Range", "bytes 6-8/9"), "instead of what follows byte 5"},
		"earlier part":     {5, audio(206, "abc", "Content-Range", "bytes 0-2/9"), "instead of what follows byte 5"},
		"backwards":        {5, audio(206, "", "Content-Range", "bytes 5-4/9"), "instead of what follows byte 5"},
		"beyond the whole": {5, audio(206, "abc", "Content-Range", "bytes 5-7/7"), "instead of what follows byte 5"},
		"other length":     {5, audio(206, "abc", "Content-Range", "bytes 5-8/9"), "instead of what follows byte 5"},
		"endless number":   {5, audio(206, "abc", "Content-Range", "bytes 5-7/99999999999999999999"), "instead of what follows byte 5"},
		"other unit":       {5, audio(206, "abc", "Content-Range", "seconds 5-7/9"), "instead of what follows byte 5"},
		"503":              {0, reply(503, ""), "503"},
		"502 with HTML":    {0, reply(502, "<html>", "Content-Type", "text/html"), "502"},
		"429":              {0, reply(429, "", "Retry-After", "5"), "429"},
		"reset":            {0, reset, "no complete answer"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, c.answer)
			oneRequestAConnection(t, f)
			_, err := f.client(t).Recording(t.Context(), "12", recordingURI, c.offset)
			if e := asError(t, err); !e.Temporary() || e.Tries != 6 || f.count(recordingPath34) != 6 || e.Path != recordingPath34 || e.op != readRecording {
				t.Errorf("%v", err)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "RC_MEDIA_URL") && name != "429" {
				t.Error(err)
			}
			f = newFake(t, inOrder(c.answer, serveSound))
			oneRequestAConnection(t, f)
			if _, got, err := record(t, f.client(t), c.offset); err != nil || !bytes.Equal(got, sound[c.offset:]) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// broken sends what was asked for up to a byte of the whole.
func broken(end int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		var offset int64
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &offset)
		h := w.Header()
		h.Set("Content-Length", strconv.FormatInt(int64(len(sound))-offset, 10))
		if offset > 0 {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, len(sound)-1, len(sound)))
			w.WriteHeader(206)
		}
		_, _ = w.Write(sound[offset:end])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// TestRecordingGoesOn: what came before a failure is good, and the rest comes from there.
func TestRecordingGoesOn(t *testing.T) {
	f := newFake(t, inOrder(broken(1000), broken(100_000), serveSound))
	c := f.client(t)
	var got []byte
	for try := 1; ; try++ {
		m, part, err := record(t, c, int64(len(got)))
		if m == nil || m.Offset != int64(len(got)) || m.Size != int64(len(sound)) {
			t.Fatalf("%+v, %v", m, err)
		}
		got = append(got, part...)
		if err == nil {
			break
		}
		e := asError(t, err)
		if !e.Temporary() || e.Path != recordingPath34 || !strings.Contains(err.Error(), "cut short") || try > 2 {
			t.Fatal(err)
		}
		noSecrets(t, "error", fmt.Sprintf("%v %#v", err, *e))
	}
	if !bytes.Equal(got, sound) || f.count(recordingPath34) != 3 {
		t.Errorf("%d bytes by %d requests", len(got), f.count(recordingPath34))
	}
}

// TestPartOfARecording: an end that comes before the whole is none.
func TestPartOfARecording(t *testing.T) {
	f := newFake(t, audio(206, "abc", "Content-Range", "bytes 5-7/20"))
	m, got, err := record(t, f.client(t), 5)
	if string(got) != "abc" || m.Size != 20 || !asError(t, err).Temporary() {
		t.Errorf("%q, %v", got, err)
	}
}

// TestMoreThanTheWhole: bytes beyond the size are not handed on.
func TestMoreThanTheWhole(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 5-7/8")
		w.Header().Set("Content-Type", "audio/mpeg")
		w.WriteHeader(206)
		w.(http.Flusher).Flush() // so that no length is told
		fmt.Fprint(w, "abcdef")
	})
	_, got, err := record(t, f.client(t), 5)
	if string(got) != "abc" || err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRecordingThatStopsComing(t *testing.T) {
	stop := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Header().Set("Content-Type", "audio/mpeg")
		fmt.Fprint(w, "abc")
		w.(http.Flusher).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	defer close(stop)
	c := f.client(t)
	c.idle = time.Millisecond
	_, got, err := record(t, c, 0)
	if e := asError(t, err); !e.Temporary() || !strings.Contains(err.Error(), "did not come in time") || len(got) > 3 {
		t.Errorf("%q, %v", got, err)
	}

	c.idle = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	m, err := c.Recording(ctx, "12", recordingURI, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := io.ReadFull(m.Body, b); err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
	cancel()
	for range 2 { // it stays so
		if _, err := m.Body.Read(b); !errors.Is(err, context.Canceled) {
			t.Errorf("after the caller has gone: %v", err)
		}
	}
	if err := m.Body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.Body.Read(b); err == nil {
		t.Error("read after Close")
	}
}

func TestRecordingWhoseHeaderDoesNotCome(t *testing.T) {
	f := newFake(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := f.client(t)
	mustLogIn(t, c)
	c.timeout, c.tries = time.Millisecond, 2
	_, err := c.Recording(t.Context(), "12", recordingURI, 0)
	if e := asError(t, err); !e.Temporary() || e.Tries != 2 || !strings.Contains(e.Error(), "did not come in time") {
		t.Error(err)
	}
}

// TestCloseEndsTheTransfer: what is not read is not sent for ever.
func TestCloseEndsTheTransfer(t *testing.T) {
	gone := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		w.Header().Set("Content-Type", "audio/mpeg")
		for r.Context().Err() == nil {
			if _, err := w.Write(sound); err != nil {
				return
			}
		}
	})
	m, err := f.client(t).Recording(t.Context(), "12", recordingURI, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = m.Body.Close() // the transfer is broken off
	<-gone
}

func TestMediaHost(t *testing.T) {
	for server, want := range map[string]string{
		"https://platform.ringcentral.com":         "https://media.ringcentral.com",
		"https://platform.ringcentral.biz/":        "https://media.ringcentral.biz",
		"https://Platform.devtest.ringcentral.com": "https://media.devtest.ringcentral.com",
		"https://platform.ringcentral.com:8443":    "https://media.ringcentral.com:8443",
		"https://platform":                         "https://platform",
		"https://rc.example":                       "https://rc.example",
		"https://platformx.example":                "https://platformx.example",
		"http://127.0.0.1:8080":                    "http://127.0.0.1:8080",
	} {
		c, err := New(Credentials{ServerURL: server, ClientID: "id", ClientSecret: "secret", JWT: "jwt"}, nil)
		if err != nil || c.media.String() != want {
			t.Errorf("%s: %v, %v", server, c.media, err)
		}
	}
	good := Credentials{ServerURL: "https://platform.ringcentral.com", ClientID: "id", ClientSecret: "secret", JWT: "jwt"}
	for media, want := range map[string]string{
		"http://media.example":               "RC_MEDIA_URL is http://media.example: use https",
		"media.ringcentral.com":              "RC_MEDIA_URL is not an address: set it to the like of https://media.ringcentral.com",
		"https://user:canary@media.example":  "RC_MEDIA_URL has more than",
		"https://media.example/?x=canary":    "RC_MEDIA_URL has more than",
		"https://media.ringcentral.com/\n":   "RC_MEDIA_URL contains white space",
		"https://media.ringcentral.com/rest": "RC_MEDIA_URL has more than",
	} {
		good.MediaURL = media
		if _, err := New(good, nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", media, err)
		}
	}
}

// mediaAt is a client whose recordings come from another host than everything else.
func mediaAt(t *testing.T, f *fake, host http.HandlerFunc) (*Client, *httptest.Server) {
	t.Helper()
	media := httptest.NewServer(host)
	t.Cleanup(media.Close)
	credentials := f.credentials()
	credentials.MediaURL = media.URL
	c, err := New(credentials, &Options{HTTPClient: f.Client(), Clock: f.clock.clock()})
	if err != nil {
		t.Fatal(err)
	}
	return c, media
}

// TestRecordingsComeFromTheMediaHost, wherever records say that they are; everything else comes from the server.
func TestRecordingsComeFromTheMediaHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked elsewhere: %s", r.URL) }))
	defer other.Close()
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == recordingPath34 {
			t.Error("a recording was asked of the server")
		}
		servePage(w, r)
	})
	c, _ := mediaAt(t, f, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != recordingPath34 || r.Header.Get("Authorization") != "Bearer "+tokenPrefix+"1" {
			t.Errorf("%s by %q", r.URL, r.Header.Get("Authorization"))
		}
		serveSound(w, r)
	})
	for _, host := range []string{"https://media.ringcentral.com:443", "https://media.ringcentral.com", other.URL, "http://user:pass@" + strings.TrimPrefix(other.URL, "http://"), "", "//host", f.URL} {
		for _, tail := range []string{"", "?access_token=x", "#x"} {
			m, err := c.Recording(t.Context(), "12", host+recordingPath34+tail, 0)
			if err != nil {
				t.Fatalf("%s: %v", host, err)
			}
			_ = m.Body.Close() // only where it came from matters
		}
	}
	mustRead(t, c)
}

func TestTamperedAddressesAreNotAsked(t *testing.T) {
	f := newFake(t, serveSound)
	c := f.client(t)
	for _, uri := range []string{
		"", "https://h", "https://h/", "%", "https://h/%zz", "https://h/restapi/v1.0/account/12/recording/34", "https://h" + recordingPath34 + "/",
		"https://h" + recordingPath34 + "/..", "https://h/x" + recordingPath34, "https://h/restapi/v1.0/account/12/recording/../content",
		"https://h/restapi/v1.0/account/12/recording/3%2f4/content", "https://h/restapi/v1.0/account/12/recording//content",
		"https://h/restapi/v1.0/account/1a/recording/34/content", "https://h/restapi/v1x0/account/12/recording/34/content",
		"https://h/restapi/v1.0/account/13/recording/34/content", "https://h" + recordingPath34 + "\n", "https://h" + recordingPath34 + "%0a",
		"https://h/restapi/v1.0/account/12/extension/3/message-store/4/content/5", "https://h/restapi/oauth/token", "mailto:x",
	} {
		_, err := c.Recording(t.Context(), "12", uri+"?access_token=canary", 0)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", uri, err)
		}
	}
	if n := f.count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
	for _, q := range [][2]string{{"~", recordingURI}, {"12", strings.Replace(recordingURI, "/12/", "/~/", 1)}} {
		m, err := c.Recording(t.Context(), q[0], q[1], 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = m.Body.Close() // that it was asked for is enough
	}
}

// TestRedirectsStayAtTheMediaHost: not even the server itself is followed to, nor the media host from the server.
func TestRedirectsStayAtTheMediaHost(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	f := newFake(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for name, location := range map[string]string{
		"elsewhere": other.URL + recordingPath34, "the server": f.URL + recordingPath34, "nowhere": "",
		"other scheme": "https://127.0.0.1/x", "user": "http://user:pass@127.0.0.1/x",
	} {
		asked := 0
		c, _ := mediaAt(t, f, func(w http.ResponseWriter, r *http.Request) {
			asked++
			reply(302, "", "Location", location)(w, r)
		})
		_, err := c.Recording(t.Context(), "12", recordingURI, 0)
		if err == nil || !strings.Contains(err.Error(), "check RC_MEDIA_URL") || asked != 1 {
			t.Errorf("%s: %v after %d requests", name, err, asked)
		}
	}
	c, media := mediaAt(t, f, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	moved := newFake(t, reply(302, "", "Location", media.URL+logPath))
	base, err := url.Parse(moved.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.base = base
	if err := readOne(t.Context(), c); err == nil || elsewhere.Load() != 0 {
		t.Errorf("%v, %d requests elsewhere", err, elsewhere.Load())
	}
}

func TestRedirectsWithinTheMediaHost(t *testing.T) {
	f := newFake(t, servePage)
	c, _ := mediaAt(t, f, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == recordingPath34 {
			reply(307, "", "Location", "/moved")(w, r)
			return
		}
		serveSound(w, r)
	})
	if m, got, err := record(t, c, 9); err != nil || m.Offset != 9 || !bytes.Equal(got, sound[9:]) || c.Requests().Groups["Heavy"] != 2 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestTokenThatDiesBeforeARecording is replaced, as for any request.
func TestTokenThatDiesBeforeARecording(t *testing.T) {
	f := newFake(t, inOrder(reply(401, `{"errorCode":"OAU-213"}`), serveSound))
	if _, got, err := record(t, f.client(t), 0); err != nil || !bytes.Equal(got, sound) || f.logins != 2 {
		t.Errorf("%d bytes, %d logins, %v", len(got), f.logins, err)
	}
}

// TestRecordingsKeepTheRate: they are in the group Heavy, and a penalty of one holds the next.
func TestRecordingsKeepTheRate(t *testing.T) {
	l := &limiter{group: "heavy", limit: 3, window: time.Minute, penalty: time.Minute}
	f := newFake(t, l.guard(serveSound))
	l.now = f.clock.Now
	c := f.client(t)
	for range 10 {
		if _, got, err := record(t, c, 0); err != nil || !bytes.Equal(got, sound) {
			t.Fatal(err)
		}
	}
	if l.refused != 0 || f.clock.Now().Sub(epoch) < 3*time.Minute {
		t.Errorf("%d refused in %s", l.refused, f.clock.Now().Sub(epoch))
	}
}
