package ringcentral

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is an answer other than success, or none at all. What in its fields comes from the server is free of
// the client's secrets. The codes are RingCentral's (CMN-401, OAU-128 and the like).
type Error struct {
	Status     int           // HTTP status; 0 when there was no complete answer
	Code       string        // RingCentral's code, the most specific one that the answer has; may be empty
	OAuth      string        // the login's own word, such as invalid_grant; empty elsewhere
	Message    string        // the server's or the network's words, one line; may be empty
	Parameter  string        // of the request, that the answer objects to (parameterName); may be empty
	Permission string        // what to grant, for 403; may be empty
	RequestID  string        // header rcrequestid, which RingCentral's support asks for; may be empty
	RoutingKey string        // header routingkey, likewise
	Path       string        // of the request, without query
	RetryAfter time.Duration // what the answer asked to wait; 0 if it did not
	Tries      int           // how often the request was sent

	op   operation // that was asked for
	size int64     // of the whole, which a 416 tells; 0 if it did not
}

// CredentialsRefused tells that RingCentral does not accept who is asking: the login failed for good, or
// a new token was refused like the one before it.
func (e *Error) CredentialsRefused() bool {
	if e.Status == http.StatusUnauthorized {
		return true
	}
	return e.op == logIn && e.Status >= 300 && e.Status < 500 && !e.Temporary()
}

// PermissionMissing tells that the login is good but something must be granted first: Permission, if the
// answer names it.
func (e *Error) PermissionMissing() bool {
	return e.Status == http.StatusForbidden && !e.CredentialsRefused()
}

// NotFound tells that RingCentral does not have what was asked for. Of the change feed that is, most likely, the
// feed itself: not every environment has it.
func (e *Error) NotFound() bool {
	return e.Status == http.StatusNotFound && !e.CredentialsRefused()
}

// Gone tells that RingCentral knows the account but no longer has the recording, message, call record, call queue or extension that was
// asked for: it was deleted, or its retention is over. Asking again is of no use. It is narrower than NotFound,
// which is also what a wrong address or a gateway's answer comes to: those say nothing of the thing itself.
func (e *Error) Gone() bool {
	if !e.NotFound() || !reference[e.op].one || e.Parameter == "accountId" || strings.Contains(e.Message, "[accountId]") {
		return false
	}
	return e.Code == "CMN-102" || e.Code == "CMN-120"
}

// ExtensionRefused tells that a permission is missing for this extension, which is not the user's own, so that others may
// still be read: RingCentral's codes CMN-404, and CMN-419 where the permission lacks its extended scope. It is a case of
// PermissionMissing.
func (e *Error) ExtensionRefused() bool {
	return e.PermissionMissing() && reference[e.op].extension && (e.Code == "CMN-404" || e.Code == "CMN-419")
}

// RoleRefused tells that the user's role lacks the permission, though the application has its own: another user, or a smaller question, may
// succeed. It is a case of PermissionMissing.
func (e *Error) RoleRefused() bool {
	return e.PermissionMissing() && e.Code != "" && e.Code != "CMN-401" && e.Code != "CMN-109"
}

// TokenInvalid tells that a sync token is no longer good, so that the change feed must be read from an instant
// again: it is expired, the log was reset, or too much has changed since. The codes are those of RingCentral's
// reference of the call log; the last case has none of its own.
func (e *Error) TokenInvalid() bool {
	if e.Status != http.StatusBadRequest {
		return false
	}
	switch e.Code {
	case "CLG-101", "CLG-102", "CLG-103", "CLG-104", "CLG-105":
		return true
	}
	return e.Parameter == syncToken || strings.Contains(e.Message, "max sync record number limit")
}

// deletedRefused tells that the environment does not know showDeleted. An answer that names no parameter names
// it in its words: Parameter [showDeleted] value is invalid.
func (e *Error) deletedRefused() bool {
	return e.Status == http.StatusBadRequest && e.Code == "CMN-101" &&
		(e.Parameter == showDeleted || e.Parameter == "" && strings.Contains(e.Message, showDeleted))
}

// Temporary tells that the same request may succeed later. It has been repeated as often as is useful now.
func (e *Error) Temporary() bool {
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	default:
		return e.Status >= 500 && e.Status != http.StatusNotImplemented
	}
}

// repeatable tells whether to try again now. RingCentral's documents contradict each other on the
// 5xx; these are the ones that its error page calls retryable. A success is here for its unfit body.
func (e *Error) repeatable() bool {
	if e.Status >= 200 && e.Status < 300 {
		return true
	}
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return e.RetryAfter <= longestWait
	default:
		return false
	}
}

// Error says what happened, to which request, and what can be done.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Path != "" {
		b.WriteString(": ")
	}
	b.WriteString(e.verdict())
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID)
		if e.RoutingKey != "" {
			b.WriteString(", routing key " + e.RoutingKey)
		}
		b.WriteString(")")
	}
	return b.String() + ": " + e.advice()
}

func (e *Error) verdict() string {
	s := "no complete answer"
	if e.Status != 0 {
		s = fmt.Sprintf("status %d", e.Status)
	}
	for _, code := range []string{e.Code, e.OAuth} {
		if code != "" {
			s += " " + code
		}
	}
	if e.Parameter != "" {
		s += " (parameter " + e.Parameter + ")"
	}
	if e.Tries > 1 {
		s += fmt.Sprintf(", tried %d times", e.Tries)
	}
	return s
}

func (e *Error) advice() string {
	switch {
	case e.Temporary() && e.RetryAfter > 0:
		return fmt.Sprintf("try again in %s", e.RetryAfter)
	case e.Temporary():
		return "try again later, and check " + e.op.server() + " and the network if it lasts"
	case e.CredentialsRefused() && e.op == logIn:
		return e.loginAdvice()
	case e.CredentialsRefused():
		return "new tokens are refused too: RingCentral keeps about five sessions for one user and application, so stop other programs that use these credentials"
	case e.PermissionMissing():
		return e.permissionAdvice()
	case e.NotFound() && e.op == readChanges:
		return "this environment has no change feed, or the account id is wrong: read the call log by days instead"
	case e.TokenInvalid():
		return "the sync token is no longer good: read the change feed from an instant again"
	case e.Gone():
		return "RingCentral does not have it any more"
	case e.NotFound():
		return "check " + e.op.server() + " and the account id"
	case e.Status == http.StatusRequestedRangeNotSatisfiable && e.op == readRecording:
		return "what is held is not the beginning of it: read it from its first byte"
	default:
		return "the request is not acceptable as it is; RingCentral's support can trace it by the request id"
	}
}

// loginAdvice gives the meaning of the refusals of RFC 6749 section 5.2 and RingCentral's own.
func (e *Error) loginAdvice() string {
	switch {
	case e.OAuth == "invalid_client" || e.Status == http.StatusUnauthorized:
		return "check RC_APP_CLIENT_ID and RC_APP_CLIENT_SECRET"
	case e.OAuth == "unauthorized_client":
		return "this application may not log in by JWT: check RC_APP_CLIENT_ID, and the application's authorization method and the JWT's list of applications in the developer console"
	case e.OAuth == "invalid_grant" || e.Code == "OAU-331":
		return "the JWT is expired, revoked, or not for this application: make a new one in the developer console and set RC_USER_JWT"
	case e.OAuth == "" && e.Code == "":
		return "this is not RingCentral's login: check RC_SERVER_URL"
	default:
		return "check RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT"
	}
}

func (e *Error) permissionAdvice() string {
	what := "the permission " + e.Permission
	switch {
	case e.Code == "":
		return "the answer does not say what is missing: check that nothing between here and RingCentral blocks the request"
	case e.Code == "CMN-109":
		return "the account does not have this feature: ask RingCentral to enable it"
	case e.Permission == "":
		return "grant the user of RC_USER_JWT a role that may do this"
	case e.Code == "CMN-401":
		return "give the application " + what + " in RingCentral's developer console"
	case e.Code == "CMN-419" || e.Code == "CMN-404":
		return "give the user of RC_USER_JWT a role with " + what + " in its extended scope (all extensions)"
	default:
		return "give the user of RC_USER_JWT a role with " + what
	}
}

// errorBody has the shapes in which RingCentral's gateway, API and login tell an error. None of its
// members is certain to be there.
type errorBody struct {
	errorItem
	OAuth       string      `json:"error"`
	Description string      `json:"error_description"`
	Errors      []errorItem `json:"errors"`
}

type errorItem struct {
	Code       string `json:"errorCode"`
	Message    string `json:"message"`
	Permission string `json:"permissionName"`
	Parameter  string `json:"parameterName"`
}

// refusal reads the error out of an answer, whatever its body is.
func (c *Client) refusal(r request, a *answer) *Error {
	e := &Error{Status: a.status, Path: r.path, op: r.op}
	e.RequestID, e.RoutingKey = c.requestID(a.header), c.scrub.text(a.header.Get("routingkey"))
	e.RetryAfter, _ = retryAfter(a.header, c.clock.Now())
	e.size = wholeSize(a.header)
	var b errorBody
	if json.Valid(a.body) {
		// A member of another type than expected is left out; the others are read all the same.
		_ = json.Unmarshal(a.body, &b)
	} else if len(a.body) > 0 {
		b.Message = fmt.Sprintf("%d bytes of %q instead of JSON", len(a.body), a.header.Get("Content-Type"))
	}
	b.Message = firstOf(b.Message, b.Description)
	for _, item := range append(b.Errors, b.errorItem) {
		e.Code = firstOf(e.Code, item.Code)
		e.Message = firstOf(e.Message, item.Message)
		e.Permission = firstOf(e.Permission, item.Permission)
		e.Parameter = firstOf(e.Parameter, item.Parameter)
	}
	if e.Status == http.StatusForbidden && e.Code != "" && e.Code != "CMN-109" {
		e.Permission = firstOf(e.Permission, r.op.permission(e.Code))
	}
	e.Code, e.OAuth = c.scrub.text(e.Code), c.scrub.text(b.OAuth)
	e.Message, e.Permission = c.scrub.text(e.Message), c.scrub.text(e.Permission)
	e.Parameter = c.scrub.text(e.Parameter)
	return e
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
