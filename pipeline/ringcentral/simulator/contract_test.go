package simulator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

const batchJSON = "application/vnd.ringcentral.multipart+json"

// contract is an OpenAPI document that answers are checked against.
type contract struct {
	*openapi3.T
	router routers.Router
	// errorSchema is for the statuses that the document does not list with an operation; empty if it lists all.
	errorSchema string
}

func loadContract(t *testing.T, path, errorSchema string, edit func(*openapi3.T)) *contract {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	edit(document)
	router, err := legacy.NewRouter(document, openapi3.DisableExamplesValidation())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &contract{document, router, errorSchema}
}

func ownContract(t *testing.T) *contract {
	return loadContract(t, "testdata/contract.yaml", "", func(*openapi3.T) {})
}

// fullSpecification is RingCentral's document. It lists few error statuses, so error bodies are checked against its
// error model. Its enums stay closed, but for the values that the simulator invents to be ahead of them.
func fullSpecification(t *testing.T, path string) *contract {
	return loadContract(t, path, "ApiErrorResponseModel", func(d *openapi3.T) {
		d.Servers, d.Security = nil, nil
		for _, item := range d.Paths.Map() {
			for _, operation := range item.Operations() {
				operation.Security = nil // it refers to a scheme that the document does not define
			}
		}
		for schema, value := range simulator.Strange() {
			s := d.Components.Schemas[schema].Value
			s.Enum = append(s.Enum, value)
		}
		// It requires recipients at the side of every message, and its own examples have none.
		for _, part := range d.Components.Schemas["GetSingleMessageInfoResponse"].Value.AllOf {
			part.Value.Required = nil
		}
		// Published payloads have audio/x-wav, and the documentation says that a range may be asked for.
		content := d.Paths.Value("/restapi/v1.0/account/{accountId}/recording/{recordingId}/content").Get.Responses
		whole := content.Status(200)
		whole.Value.Content["audio/x-wav"] = whole.Value.Content["audio/wav"]
		content.Set("206", whole)
	})
}

// check validates status, media type and body of an answer.
func (c *contract) check(r response) error {
	route, parameters, err := c.router.FindRoute(r.Request)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Request.URL, err)
	}
	media, mediaParameters, err := mime.ParseMediaType(orNone(r.Header.Get("Content-Type")))
	if err != nil {
		return err
	}
	if media == "multipart/mixed" {
		return c.checkMixed(r.body, mediaParameters["boundary"])
	}
	listed := route.Operation.Responses.Status(r.StatusCode) != nil
	if !listed && c.errorSchema != "" && r.StatusCode >= 400 {
		return c.visit(c.errorSchema, r.body)
	}
	if media == batchJSON && c.errorSchema != "" {
		return c.checkBatch(r.body) // the full specification knows the other form of a batch only
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r.Request, PathParams: parameters, Route: route},
		Status: r.StatusCode, Header: r.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	return openapi3filter.ValidateResponse(r.Request.Context(), input.SetBodyBytes(r.body))
}

func orNone(contentType string) string {
	if contentType == "" {
		return "none/none"
	}
	return contentType
}

// schema names differ between the two documents.
func (c *contract) schema(own, full string) string {
	if c.errorSchema != "" {
		return full
	}
	return own
}

func (c *contract) visit(schema string, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	ref := c.Components.Schemas[schema]
	if ref == nil {
		return fmt.Errorf("no schema %s", schema)
	}
	if err := ref.Value.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s: %w", schema, err)
	}
	return nil
}

// recordOrError checks one element of a batch.
func (c *contract) recordOrError(body []byte) error {
	if bytes.Contains(body, []byte(`"errorCode"`)) {
		return c.visit(c.schema("Error", c.errorSchema), body)
	}
	return c.visit(c.schema("Call", "CallLogRecord"), body)
}

func (c *contract) checkBatch(body []byte) error {
	var elements []struct{ Body json.RawMessage }
	if err := json.Unmarshal(body, &elements); err != nil {
		return err
	}
	for _, element := range elements {
		if err := c.recordOrError(element.Body); err != nil {
			return err
		}
	}
	return nil
}

func (c *contract) checkMixed(body []byte, boundary string) error {
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for i := 0; ; i++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) && i > 1 {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		if i > 0 {
			err = c.recordOrError(text)
		} else if c.errorSchema == "" {
			err = c.visit("BatchStatus", text)
		}
		if err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
}

// every returns an answer of every kind that the simulator gives, by a name.
func every(t *testing.T) map[string]response {
	b := open(t, small())
	get := func(path string) response { return b.get(path) }
	two, week := window(noon().AddDate(0, 0, -2), noon()), window(noon().AddDate(0, 0, -7), noon())
	records := decodeAll[call](t, truth(b.Simulator, noon().AddDate(0, 0, -2), noon()))
	first, second := records[0].ID, records[1].ID
	batch := callLog + "/" + first + ",missing," + second
	bearer := "Bearer " + b.token
	id, secret, jwt := b.Credentials()
	kept := messagesByKind(t, b)
	answers := map[string]response{
		"account":             get(account),
		"extensions":          get(account + "/extension"),
		"extensions filtered": get(account + "/extension?type=User&status=Enabled&perPage=3&page=2"),
		"extensions empty":    get(account + "/extension?page=900"),
		"extension":           get(account + "/extension/~"),
		"detailed":            get(callLog + "?view=Detailed&perPage=max&" + two),
		"simple":              get(callLog + "?perPage=1000&" + two),
		"page of several":     get(callLog + "?perPage=7&page=2&" + two),
		"defaults":            get(callLog),
		"empty":               get(callLog + "?page=77&" + two),
		"own detailed":        get(ownLog + "?view=Detailed&" + two),
		"own simple":          get(ownLog + "?" + two),
		"record":              get(callLog + "/" + first),
		"record detailed":     get(callLog + "/" + first + "?view=Detailed"),
		"own record missing":  get(ownLog + "/missing"),
		"queues":              get(queues),
		"page of queues":      get(queues + "?page=2&perPage=1"),
		"queue missing":       get(queues + "/1"),
		"members missing":     get(queues + "/1/members"),
		"numbers":             get(numbers),
		"page of numbers":     get(numbers + "?page=2&perPage=3&usageType=DirectNumber"),
		"bad status":          get(numbers + "?status=Lost"),
		"recording missing":   get(account + "/recording/1"),
		"content missing":     get(account + "/recording/1/content"),
		"messages":            get(store("~") + "?perPage=1000&" + week),
		"messages by default": get(store("~")),
		"page of messages":    get(store("~") + "?perPage=2&page=2&direction=Inbound&messageType=SMS&readStatus=Read&" + week),
		"no messages":         get(store("~") + "?page=900"),
		"message missing":     get(store("~") + "/1"),
		"bad availability":    get(store("~") + "?availability=Lost"),
		"batch":               get(batch + "?view=Detailed"),
		"batch as JSON":       b.do("GET", batch, "", "Authorization", bearer, "Accept", batchJSON),
		"too large a batch":   get(callLog + "/" + strings.Repeat("x,", 51)),
		"bad view":            get(callLog + "?view=Full"),
		"session with window": get(callLog + "?sessionId=1&" + two),
		"other account":       get("/restapi/v1.0/account/1/call-log"),
		"other extension":     get(account + "/extension/1"),
		"no token":            b.do("GET", callLog, ""),
		"garbage token":       b.do("GET", callLog, "", "Authorization", "Bearer x"),
		"unknown token":       b.do("GET", callLog, "", "Authorization", "Bearer "+strings.Repeat("x", len(b.token))),
		"basic instead":       b.do("GET", callLog, "", "Authorization", "Basic eDp5"),
		"token":               b.assert(jwt),
		"expired JWT":         b.assert(b.JWT(noon())),
		"wrong client":        b.post(tokenPath, url.Values{"grant_type": {jwtGrant}}, id, "x"),
		"password grant":      b.post(tokenPath, url.Values{"grant_type": {"password"}}, id, secret),
	}
	for kind, path := range kept {
		answers[kind] = get(path)
	}
	for _, c := range recordings(t, b.Simulator, day(17), day(18)) {
		if kind, content := b.Audio(c.Recording.ID); content != nil && answers[kind].body == nil {
			uri := path(c.Recording.ContentURI)
			answers["recording of "+kind] = get(path(c.Recording.URI))
			answers[kind] = get(uri)
			answers["part of "+kind] = b.do("GET", uri, "", "Authorization", bearer, "Range", "bytes=10-19")
			answers["no part of "+kind] = b.do("GET", uri, "", "Authorization", bearer, "Range", "bytes=100000-")
		}
	}
	for e := range b.Extensions() {
		answers[e.Name] = get(account + "/extension/" + e.ID)
		if len(e.Members) > 0 {
			answers[e.Name+" as a queue"] = get(queues + "/" + e.ID)
			answers["members of "+e.Name] = get(queues + "/" + e.ID + "/members?perPage=2")
		}
	}
	// The group auth admits five requests a minute.
	b.clock.advance(time.Minute)
	answers["unknown grant"] = b.post(tokenPath, url.Values{"grant_type": {"other"}}, id, secret)
	answers["no client"] = b.do("POST", tokenPath, "", "Content-Type", "application/x-www-form-urlencoded")
	answers["not a form"] = b.do("POST", tokenPath, "{}", "Content-Type", "application/json")
	answers["revoked"] = b.post("/restapi/oauth/revoke", url.Values{"token": {"x"}}, id, secret)
	busy := alive()
	busy.CallsPerDay = 600
	b = open(t, busy)
	p := b.feedPage("dateFrom=2026-11-10T00:00:00.000Z&view=Detailed&recordCount=100")
	answers["feed"] = get(feed)
	answers["feed detailed"] = get(feed + "?dateFrom=2026-11-10T00:00:00.000Z&view=Detailed&recordCount=300")
	answers["feed simple"] = get(feed + "?dateFrom=2026-11-10T00:00:00.000Z&recordCount=300")
	answers["feed goes on"] = get(feed + "?syncType=ISync&syncToken=" + p.SyncInfo.SyncToken)
	answers["feed at its end"] = get(feed + "?dateFrom=2026-11-18T12:00:00.000Z")
	answers["feed without token"] = get(feed + "?syncType=ISync")
	answers["feed with garbage"] = get(feed + "?syncType=ISync&syncToken=x")
	answers["alive"] = get(callLog + "?view=Detailed&showDeleted=true&perPage=300&" + window(day(10), noon()))
	answers["alive simple"] = get(callLog + "?showDeleted=true&perPage=300&" + window(day(10), noon()))
	b.clock.advance(6 * time.Hour)
	b.token = b.login()
	answers["in progress"] = get(callLog + "?view=Detailed&perPage=300")
	answers["own in progress"] = get(ownLog + "?view=Detailed&perPage=100")
	for _, wanted := range []string{"In Progress", `"deleted":true`} {
		if !strings.Contains(string(answers["in progress"].body)+string(answers["alive"].body), wanted) {
			t.Errorf("nothing is %s", wanted)
		}
	}
	for e := range b.Extensions() {
		answers["store of "+e.Name] = get(store(e.ID) + "?perPage=1000&availability=Alive&availability=Deleted&availability=Purged&" + window(day(8), noon()))
	}
	restricted := small()
	restricted.Restricted, restricted.WithoutScopes = true, []string{"ReadCallRecording"}
	b = open(t, restricted)
	answers["restricted call log"] = get(callLog)
	answers["no scope for recordings"] = get(account + "/recording/1")
	answers["restricted numbers"] = get(numbers)
	answers["restricted messages"] = get(store(b.AccountID()))
	refused := alive()
	refused.Feed, refused.RefuseShowDeleted = simulator.FeedRefused, true
	b = open(t, refused)
	answers["feed refused"] = get(feed)
	answers["showDeleted refused"] = get(callLog + "?showDeleted=true")
	tight := small()
	tight.HeavyLimit = 1
	b = open(t, tight)
	b.get(callLog)
	answers["too many"] = get(callLog)
	return answers
}

// messagesByKind finds an address of a message of each type and direction.
func messagesByKind(t *testing.T, b *bench) map[string]string {
	paths := map[string]string{}
	for v := range b.Messages(noon().AddDate(0, 0, -7), noon()) {
		m := decode[message](t, v.JSON)
		paths[m.Type+" "+m.Direction] = store(v.ExtensionID) + "/" + v.ID
	}
	if len(paths) != 7 { // voicemails are inbound only
		t.Errorf("messages of %d kinds: %v", len(paths), paths)
	}
	return paths
}

func checkAll(t *testing.T, c *contract) {
	openapi3filter.RegisterBodyDecoder(batchJSON, openapi3filter.JSONBodyDecoder)
	for _, audio := range []string{"audio/x-wav", "audio/mpeg"} {
		openapi3filter.RegisterBodyDecoder(audio, openapi3filter.FileBodyDecoder)
	}
	for name, answer := range every(t) {
		if err := c.check(answer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswersKeepTheContract(t *testing.T) {
	checkAll(t, ownContract(t))
}

func TestAnswersKeepTheFullSpecification(t *testing.T) {
	path := os.Getenv("TRUNKLINE_OPENAPI")
	if path == "" {
		t.Skip("not checked: TRUNKLINE_OPENAPI does not name RingCentral's OpenAPI document")
	}
	checkAll(t, fullSpecification(t, path))
}

// The contract itself must be able to fail, and must hold exactly what is served.
func TestContractRefuses(t *testing.T) {
	c := ownContract(t)
	b := open(t, small())
	answer := b.get(callLog + "?perPage=1")
	answer.body = bytes.Replace(answer.body, []byte(`"perPage":1`), []byte(`"perPage":"1"`), 1)
	if c.check(answer) == nil {
		t.Error("a page whose perPage is text passed")
	}
	answer = b.get(callLog + "?view=Detailed&perPage=3&" + window(noon().AddDate(0, 0, -1), noon()))
	answer.body = bytes.ReplaceAll(answer.body, []byte(`"direction":"Outbound"`), []byte(`"direction":"Out"`))
	answer.body = bytes.ReplaceAll(answer.body, []byte(`"direction":"Inbound"`), []byte(`"direction":"In"`))
	if c.check(answer) == nil {
		t.Error("records with an unknown direction passed")
	}
	for path, item := range c.Paths.Map() {
		for method := range item.Operations() {
			path = strings.NewReplacer("{accountId}", "~", "{extensionId}", "~", "{callRecordId}", "x", "{messageId}", "x",
				"{groupId}", "x", "{recordingId}", "x").Replace(path)
			body := b.do(method, path, "").body
			if bytes.Contains(body, []byte("AGW-404")) {
				t.Errorf("%s %s is in the contract and not served", method, path)
			}
		}
	}
	r := b.get(account + "/call-log-sync")
	r.mustBe(t, 404, "AGW-404")
	if _, _, err := c.router.FindRoute(r.Request); err == nil {
		t.Error("call-log-sync is not served but in the contract")
	}
	b.do("DELETE", ownLog, "", "Authorization", "Bearer "+b.token).mustBe(t, 404, "AGW-404")
}

// Invented payloads of every published shape.
func TestFixturesKeepTheContract(t *testing.T) {
	c := ownContract(t)
	schemas := map[string]string{
		"account.json": "Account", "batch.json": "Batch", "call-log-page-simple.json": "CallPage",
		"error-gateway.json": "Error", "error-permission.json": "Error", "error-token.json": "TokenError",
		"error-two.json": "Error", "extension-list.json": "ExtensionPage", "extract-sync.json": "FeedPage",
		"own-call-log-page-detailed.json": "CallPage", "own-call-log-page-simple.json": "CallPage",
		"record-detailed.json": "Call", "record-simple.json": "Call",
		"sync-full.json": "SyncPage", "sync-incremental.json": "SyncPage", "token.json": "Token",
	}
	for _, path := range files(t, "testdata/*.json") {
		if err := c.visit(schemas[filepath.Base(path)], read(t, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := c.checkMixed(read(t, "testdata/batch-mixed.txt"), "Boundary_7"); err != nil {
		t.Errorf("batch-mixed.txt: %v", err)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no file, %v", pattern, err)
	}
	return paths
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Every header that clients rely on is there.
func TestHeaders(t *testing.T) {
	b := open(t, small())
	answer := b.do("GET", callLog+"?view=Detailed&"+window(noon().AddDate(0, 0, -1), noon()), "",
		"Authorization", "Bearer "+b.token, "Accept-Encoding", "gzip")
	want := map[string]string{
		"X-Rate-Limit-Group": "heavy", "X-Rate-Limit-Limit": "1000000", "X-Rate-Limit-Remaining": "999999",
		"X-Rate-Limit-Window": "60", "Content-Type": "application/json;charset=utf-8", "Content-Encoding": "gzip",
		"Date": noon().Format(http.TimeFormat),
	}
	for name, value := range want {
		if got := answer.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	other := b.get(account)
	for _, name := range []string{"RCRequestId", "RoutingKey"} {
		if answer.Header.Get(name) == "" || other.Header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
	if answer.Header.Get("RCRequestId") == other.Header.Get("RCRequestId") {
		t.Error("two requests with one RCRequestId")
	}
}
