package simulator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const jsonType = "application/json;charset=utf-8"

// group is a rate group ("throttling group" in RingCentral's words): all operations of a group share one limit.
type group string

const (
	ungrouped group = ""
	auth      group = "auth"
	light     group = "light"
	medium    group = "medium"
	heavy     group = "heavy"
)

// limit is how many requests of a group a window admits.
func (o *Options) limit(g group) int {
	switch g {
	case auth:
		return 5
	case light:
		return o.LightLimit
	case medium:
		return o.MediumLimit
	default:
		return o.HeavyLimit
	}
}

// answer is a response before it is sent.
type answer struct {
	status      int
	contentType string      // empty for JSON
	header      http.Header // what only this answer has, or nil
	body        []byte
	audio       string // the id of the recording that the body is content of
	records     int    // call records in the body
	messages    int    // messages in it
	fault       *fault
}

// request is a request that was admitted.
type request struct {
	*http.Request
	extension *extension // that the path names, or nil
	fault     *fault     // to spoil the answer with, or nil
}

// routes names every operation that is served. Anything else, other methods included, is the gateway's 404.
func (s *Simulator) routes() *http.ServeMux {
	const account = "GET /restapi/v1.0/account/{account}"
	const own = account + "/extension/{extension}"
	mux := http.NewServeMux()
	mux.HandleFunc("POST /restapi/oauth/token", s.open(s.token))
	mux.HandleFunc("POST /restapi/oauth/revoke", s.open(s.revoke))
	info := access{scope: "ReadAccounts"}
	mux.HandleFunc(account, s.closed(light, info, s.account))
	mux.HandleFunc(account+"/extension", s.closed(medium, info, s.extensions))
	mux.HandleFunc(own, s.closed(light, info, s.extension))
	mux.HandleFunc(account+"/phone-number",
		s.closed(heavy, access{scope: "ReadAccounts", administrator: "ReadCompanyPhoneNumbers"}, s.numbers))
	// Users may list extensions and not queues: that their refusal names the same permission is assumed.
	queues := access{scope: "ReadAccounts", administrator: "ReadExtensions"}
	mux.HandleFunc(account+"/call-queues", s.closed(medium, queues, s.queues))
	mux.HandleFunc(account+"/call-queues/{queue}", s.closed(light, queues, s.queueDetails))
	mux.HandleFunc(account+"/call-queues/{queue}/members", s.closed(light, queues, s.members))
	all := access{scope: "ReadCallLog", administrator: "ReadCompanyCallLog"}
	mux.HandleFunc(account+"/call-log", s.closed(heavy, all, s.callLog))
	mux.HandleFunc(account+"/call-log/{records}", s.closed(heavy, all, s.recordsByID))
	if s.options.Feed != FeedMissing {
		mux.HandleFunc(account+"/call-log-extract-sync", s.closed(heavy, all, s.feed))
	}
	calls := access{scope: "ReadCallLog", extended: "ReadCallLog"}
	mux.HandleFunc(own+"/call-log", s.closed(heavy, calls, s.callLog))
	mux.HandleFunc(own+"/call-log/{records}", s.closed(heavy, calls, s.recordsByID))
	recordings := access{scope: "ReadCallRecording", administrator: "ReadCallRecording"}
	mux.HandleFunc(account+"/recording/{recording}", s.closed(heavy, recordings, s.recordingDetails))
	mux.HandleFunc(account+"/recording/{recording}/content", s.closed(heavy, recordings, s.recordingContent))
	messages := access{scope: "ReadMessages", extended: "ReadMessages"}
	mux.HandleFunc(own+"/message-store", s.closed(light, messages, s.messages))
	mux.HandleFunc(own+"/message-store/{message}", s.closed(light, messages, s.message))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.send(w, r, ungrouped, fail(404, "AGW-404", "Resource not found"))
	})
	return mux
}

// open wraps the operations that need no access token. They are counted per application; whoever presents an unknown
// one shares a count with all others who do.
func (s *Simulator) open(operation func(*http.Request) *answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		application, _, _ := r.BasicAuth()
		if application != s.sessions.clientID {
			application = ""
		}
		key := bucketKey{application: application, group: auth}
		if !s.admit(w, r, key) {
			return
		}
		f := s.faults.draw(r, auth)
		a := s.instead(w, r, f, key)
		if a == nil {
			a = operation(r)
			a.fault = f.delivery()
		}
		s.send(w, r, auth, a)
	}
}

// closed wraps the operations that need an access token and name an account, and perhaps an extension, in the path.
func (s *Simulator) closed(g group, needs access, operation func(*request) *answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if refusal := s.sessions.check(r, s.options.Now()); refusal != nil {
			s.send(w, r, ungrouped, refusal)
			return
		}
		key := bucketKey{user: s.user.idText(), application: s.sessions.clientID, group: g}
		if !s.admit(w, r, key) {
			return
		}
		x, refusal := s.addressed(r)
		if refusal == nil {
			refusal = s.permitted(needs, x)
		}
		if refusal != nil {
			s.send(w, r, g, refusal)
			return
		}
		f := s.faults.draw(r, g)
		a := s.instead(w, r, f, key)
		if a == nil {
			if a = operation(&request{r, x, f}); a.fault == nil {
				a.fault = f.delivery()
			}
		}
		s.send(w, r, g, a)
	}
}

// admit counts a request, sets the headers that tell the rate, and answers itself if the request is refused.
func (s *Simulator) admit(w http.ResponseWriter, r *http.Request, key bucketKey) bool {
	g := key.group
	limit := s.options.limit(g)
	remaining, ok := s.limiter.take(key, limit, s.options.Now())
	h := w.Header()
	h.Set("X-Rate-Limit-Group", string(g))
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(remaining))
	h.Set("X-Rate-Limit-Window", wholeSeconds(s.options.Window))
	if !ok {
		h.Set("Retry-After", wholeSeconds(s.options.Penalty))
		s.send(w, r, g, fail(429, "CMN-301", "Request rate exceeded"))
	}
	return ok
}

func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// addressed resolves the account and the extension in a path; ~ is the token's own. The extension is nil where the
// path names none.
func (s *Simulator) addressed(r *http.Request) (*extension, *answer) {
	if id := r.PathValue("account"); id != "~" && id != s.AccountID() {
		return nil, notFound("accountId")
	}
	switch id := r.PathValue("extension"); id {
	case "":
		return nil, nil
	case "~":
		return s.user, nil
	default:
		if x := s.company.byID[id]; x != nil && !x.gone(s.options.Now().UnixMilli()) {
			return x, nil
		}
		return nil, notFound("extensionId")
	}
}

func (s *Simulator) send(w http.ResponseWriter, r *http.Request, g group, a *answer) {
	s.counts.add(g, a)
	n := uint64(s.requests.Add(1))
	h := w.Header()
	h.Set("Date", s.options.Now().Add(a.fault.jump()).UTC().Format(http.TimeFormat))
	h.Set("Content-Type", orDefault(a.contentType, jsonType))
	h.Set("Vary", "Accept-Encoding")
	h.Set("RoutingKey", "SIM01P01PAS01")
	h.Set("RCRequestId", fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(mix(n)), n))
	maps.Copy(h, a.header)
	body := a.body
	// Below a kilobyte compression costs more than it saves, and audio gets no smaller.
	if len(body) > 1024 && a.audio == "" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	length := len(body)
	if a.fault.is(truncated) {
		body = body[:a.fault.some(len(body))]
	}
	// Text that was cut cannot be parsed. Nobody could tell with audio, so its length is still that of the whole.
	if a.audio == "" {
		length = len(body)
	}
	h.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(a.status)
	a.fault.write(w, body, s.options.Sleep, func(n int) {
		if a.audio != "" {
			s.sent.add(a.audio, n)
		}
	})
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	// Neither the level, a constant of the package, nor a bytes.Buffer can fail.
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

// clientURL is the scheme and host that the client used.
func clientURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// encode writes a value as JSON with its ampersands readable.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("simulator: encoding its own %T: %v", v, err)) // a defect of this package, not of its input
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
