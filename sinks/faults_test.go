package sinks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// wrong is what is done instead of passing a request on.
type wrong func(p *faultProxy, w http.ResponseWriter, r *http.Request)

// faultProxy passes requests on to a store's server, and does one of them wrong.
type faultProxy struct {
	server  *store
	match   func(*http.Request) bool
	wrong   wrong
	times   int    // how many of the requests that match are done wrong
	address string // its own

	mu   sync.Mutex
	done int
}

func (p *faultProxy) start(t *testing.T, s *store) (address string) {
	p.server = s
	front := httptest.NewServer(p)
	t.Cleanup(front.Close)
	p.address = front.Listener.Addr().String()
	return p.address
}

func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	wrong := p.match(r) && p.done < p.times
	if wrong {
		p.done++
	}
	p.mu.Unlock()
	if wrong {
		p.wrong(p, w, r)
		return
	}
	response, err := p.pass(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer discard(response.Body)
	copyAnswer(w, response, -1)
}

// pass sends a request on. Its host stays as it was signed, but for the one server that looks at it. Where that server says
// where the parts of an upload are to go, it names itself: they go through here, too.
func (p *faultProxy) pass(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = "http", p.server.address
	if p.server.name == "gcs" {
		out.Host = p.server.address
	}
	response, err := http.DefaultTransport.RoundTrip(out)
	if err == nil && response.Header.Get("Location") != "" {
		response.Header.Set("Location", strings.Replace(response.Header.Get("Location"), p.server.address, p.address, 1))
	}
	return response, err
}

// discard reads what is left of a body, so that its connection is used again.
func discard(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, body)
	_ = body.Close()
}

// copyAnswer hands an answer on, the first part of its body only if part is not negative.
func copyAnswer(w http.ResponseWriter, response *http.Response, part int64) {
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	if part < 0 {
		_, _ = io.Copy(w, response.Body) // a broken connection shows at the client
		return
	}
	_, _ = io.CopyN(w, response.Body, part)
}

// answerLost lets the server do what is asked, and closes the connection instead of handing the answer on.
func answerLost(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	if response, err := p.pass(r); err == nil {
		discard(response.Body)
	}
	panic(http.ErrAbortHandler)
}

// then lets the server do what is asked, and answers something else.
func then(answer wrong) wrong {
	return func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
		if response, err := p.pass(r); err == nil {
			discard(response.Body)
		}
		answer(p, w, r)
	}
}

// resetInRequest closes the connection in the middle of what is sent.
func resetInRequest(_ *faultProxy, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	panic(http.ErrAbortHandler)
}

// resetInAnswer closes the connection in the middle of the answer.
func resetInAnswer(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	if response, err := p.pass(r); err == nil {
		copyAnswer(w, response, response.ContentLength/2)
		_ = http.NewResponseController(w).Flush() // so that the client has the half
		discard(response.Body)
	}
	panic(http.ErrAbortHandler)
}

// slow answers late.
func slow(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	time.Sleep(300 * time.Millisecond)
	if response, err := p.pass(r); err == nil {
		defer discard(response.Body)
		copyAnswer(w, response, -1)
	}
}

// refused answers with an error in the form of the store's.
func refused(status int, code string) wrong {
	return func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		body := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>a fault</Message></Error>", code)
		switch p.server.name {
		case "gcs":
			w.Header().Set("Content-Type", "application/json")
			body = fmt.Sprintf(`{"error":{"code":%d,"message":"a fault","errors":[{"reason":%q}]}}`, status, code)
		case "azure":
			w.Header().Set("x-ms-error-code", code)
			fallthrough
		default:
			w.Header().Set("Content-Type", "application/xml")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// makesObject reports whether a request is the one that makes an object: a small one's only, a large one's last.
func makesObject(r *http.Request) bool {
	q := r.URL.Query()
	switch r.Method {
	case http.MethodPut:
		return !q.Has("partNumber") && q.Get("comp") != "block"
	case http.MethodPost:
		if q.Get("uploadType") == "resumable" {
			return q.Has("upload_id") && !isPart(r)
		}
		return q.Has("uploadId") || strings.Contains(r.URL.Path, "/upload/")
	}
	return false
}

func isList(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodGet && (q.Has("list-type") || q.Get("comp") == "list" || strings.HasSuffix(r.URL.Path, "/o"))
}

func isGet(r *http.Request) bool { return r.Method == http.MethodGet && !isList(r) }

// isPart reports whether a request brings a part of a large object. Google's last part makes the object and is none.
func isPart(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodPut && (q.Has("partNumber") || q.Get("comp") == "block") ||
		r.Method == http.MethodPost && q.Has("upload_id") && strings.HasSuffix(r.Header.Get("Content-Range"), "/*")
}

// startsUpload reports whether a request begins an upload in parts, where the store has a request of its own for that.
func startsUpload(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodPost && (q.Has("uploads") || q.Get("uploadType") == "resumable" && !q.Has("upload_id"))
}

// TestAnswerLost: a write whose answer was lost after it took effect, or says that it failed or, as after a repetition, that
// somebody else was there, has won, with the version that it made.
func TestAnswerLost(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("no proxy can stand before the cloud itself")
		}
		conflict := map[string]string{"s3": "PreconditionFailed", "gcs": "conditionNotMet", "azure": "ConditionNotMet"}[s.name]
		for size, bytes := range map[string]int{"small": 100, "large": 17 << 20} {
			t.Run(size, func(t *testing.T) { checkAnswersLost(t, s, bytes, answerLost) })
			t.Run(size+" 412", func(t *testing.T) { checkAnswersLost(t, s, bytes, then(refused(412, conflict))) })
			t.Run(size+" 503", func(t *testing.T) { checkAnswersLost(t, s, bytes, then(refused(503, ""))) })
		}
	})
}

// checkAnswersLost writes an object three times, each time with the answer spoilt once.
func checkAnswersLost(t *testing.T, s *store, size int, how wrong) {
	proxy := &faultProxy{match: makesObject, wrong: how}
	l := s.through(t, proxy, s.prefix())
	var v objectVersion
	for round := range 3 {
		proxy.times++
		b := noise(uint64(round), size)
		now, err := l.replaceBytesIf(t.Context(), "k", v, b, textPlain)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		held, read, _, err := l.readVersioned(t.Context(), "k")
		if !bytes.Equal(held, b) || read != now || err != nil {
			t.Fatalf("round %d: %d bytes of %q, %v, want %d of %q", round, len(held), read, err, size, now)
		}
		v = now
	}
	if proxy.done != 3 {
		t.Errorf("%d answers were lost, want 3", proxy.done)
	}
}

// TestAnswerLostAndOvertaken: where somebody else wrote before we could look, nobody can say, and the error says so.
func TestAnswerLostAndOvertaken(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("no proxy can stand before the cloud itself")
		}
		prefix := s.prefix()
		other := s.lake(t, prefix)
		proxy := &faultProxy{match: makesObject, times: 1, wrong: func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
			if response, err := p.pass(r); err == nil {
				discard(response.Body)
			}
			if err := other.putBytes(t.Context(), "k", []byte("theirs"), textPlain); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		}}
		l := s.through(t, proxy, prefix)
		_, err := l.replaceBytesIf(t.Context(), "k", "", []byte("ours"), textPlain)
		if !errors.Is(err, errUnknown) || errors.Is(err, ErrConflict) {
			t.Errorf("error %v, want that it is not known", err)
		}
	})
}

// fault is a way in which a store fails for the moment.
type fault struct {
	name  string
	wrong wrong
}

func (s *store) faults() []fault {
	busy, failed, conflict := "SlowDown", "InternalError", "ConditionalRequestConflict"
	if s.name == "azure" {
		busy, conflict = "ServerBusy", "ServerBusy" // a conflict of Azure's is never one for the moment
	}
	return []fault{
		{"429", refused(429, busy)},
		{"503 " + busy, refused(503, busy)},
		{"500", refused(500, failed)},
		{"503", refused(503, "")},
		{"409", refused(409, conflict)},
		{"slow", slow},
	}
}

// TestFaults: what fails for the moment is done again, and then done right.
func TestFaults(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("no proxy can stand before the cloud itself")
		}
		for _, operation := range []struct {
			name  string
			match func(*http.Request) bool
			do    func(t *testing.T, l *Lake)
			reset wrong
		}{
			{"put", makesObject, writeAndCheck(1 << 16), resetInRequest},
			{"start of parts", startsUpload, writeAndCheck(17 << 20), resetInRequest},
			{"part", isPart, writeAndCheck(17 << 20), resetInRequest},
			{"end of parts", makesObject, writeAndCheck(17 << 20), answerLost},
			{"get", isGet, readAndCheck, resetInAnswer},
			{"list", isList, listAndCheck, resetInAnswer},
		} {
			if s.name == "azure" && operation.name == "start of parts" {
				continue // it has none
			}
			for _, f := range append(s.faults(), fault{"reset", operation.reset}) {
				t.Run(operation.name+" "+f.name, func(t *testing.T) {
					t.Parallel() // most of it is waiting
					prefix := s.prefix()
					if err := s.lake(t, prefix).putBytes(t.Context(), "held", noise(7, 1<<16), textPlain); err != nil {
						t.Fatal(err)
					}
					proxy := &faultProxy{match: operation.match, wrong: f.wrong}
					l := s.through(t, proxy, prefix)
					proxy.times = 1
					operation.do(t, l)
					if proxy.done != 1 {
						t.Errorf("%d requests were done wrong, want 1", proxy.done)
					}
				})
			}
		}
	})
}

func writeAndCheck(size int) func(t *testing.T, l *Lake) {
	return func(t *testing.T, l *Lake) {
		v, err := l.replaceBytesIf(t.Context(), "k", "", noise(3, size), textPlain)
		if err != nil {
			t.Fatal(err)
		}
		b, read, _, err := l.readVersioned(t.Context(), "k")
		if !bytes.Equal(b, noise(3, size)) || read != v || err != nil {
			t.Errorf("read %d bytes of %q, %v, want %d of %q", len(b), read, err, size, v)
		}
		if err := l.putBytes(t.Context(), "k", []byte("unconditional"), textPlain); err != nil {
			t.Error(err)
		}
	}
}

func readAndCheck(t *testing.T, l *Lake) {
	b, _, found, err := l.readVersioned(t.Context(), "held")
	if !bytes.Equal(b, noise(7, 1<<16)) || !found || err != nil {
		t.Errorf("read %d bytes, %v, %v", len(b), found, err)
	}
}

func listAndCheck(t *testing.T, l *Lake) {
	if err := CheckBucket(t.Context(), l.bucket); err != nil {
		t.Error(err)
	}
}

// TestStaysAway: a store that fails again and again is given up, and the error says that it is the store.
func TestStaysAway(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("no proxy can stand before the cloud itself")
		}
		proxy := &faultProxy{match: makesObject, wrong: refused(503, "SlowDown"), times: 1000}
		if s.name == "azure" {
			proxy.wrong = refused(503, "ServerBusy")
		}
		l := s.through(t, proxy, s.prefix())
		_, err := l.replaceBytesIf(t.Context(), "k", "", []byte("x"), textPlain)
		if err == nil || errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "try again later") {
			t.Errorf("error %v", err)
		}
		if proxy.done != attempts {
			t.Errorf("%d attempts, want %d", proxy.done, attempts)
		}
	})
}
