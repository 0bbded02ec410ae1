package ringcentral

import (
	"strings"
	"time"
)

// An operation is one of the requests that a Client makes.
type operation string

const (
	readAccount             operation = "account"
	readExtensions          operation = "extension"
	readPhoneNumbers        operation = "phone-number"
	readCallQueues          operation = "call-queues"
	readCallQueue           operation = "call-queue"
	readQueueMembers        operation = "call-queue-members"
	readCallLog             operation = "call-log"
	readCallRecord          operation = "call-record"
	readChanges             operation = "call-log-extract-sync"
	readExtensionCallLog    operation = "extension-call-log"
	readExtensionCallRecord operation = "extension-call-record"
	readMessages            operation = "message-store"
	readMessage             operation = "message"
	readRecording           operation = "recording-content"
	logIn                   operation = "login"
	logOut                  operation = "logout"
)

// facts are what RingCentral's public API reference says of an operation.
type facts struct {
	group       string // that it is counted in; the group that an answer names goes before
	application string // the permission (scope) that the application needs
	user        string // the permission that the user's role needs
	extension   bool   // it concerns one extension, which may be another than the user's own
	one         bool   // it concerns one thing, by its id, that can have gone away
}

var reference = map[operation]facts{
	readAccount:             {group: "Light", application: "ReadAccounts", user: "ReadCompanyInfo"},
	readExtensions:          {group: "Medium", application: "ReadAccounts", user: "ReadExtensions"},
	readPhoneNumbers:        {group: "Heavy", application: "ReadAccounts", user: "ReadCompanyPhoneNumbers"},
	readCallQueues:          {group: "Medium", application: "ReadAccounts", user: "ReadExtensions"},
	readCallQueue:           {group: "Light", application: "ReadAccounts", user: "ReadExtensions", one: true},
	readQueueMembers:        {group: "Light", application: "ReadAccounts", user: "ReadExtensions", one: true},
	readCallLog:             {group: "Heavy", application: "ReadCallLog", user: "FullCompanyCallLog"},
	readCallRecord:          {group: "Heavy", application: "ReadCallLog", user: "FullCompanyCallLog", one: true},
	readChanges:             {group: "Heavy", application: "ReadCallLog", user: "ReadCallLog"},
	readExtensionCallLog:    {group: "Heavy", application: "ReadCallLog", user: "ReadCallLog", extension: true, one: true},
	readExtensionCallRecord: {group: "Heavy", application: "ReadCallLog", user: "ReadCallLog", extension: true, one: true},
	readMessages:            {group: "Light", application: "ReadMessages", user: "ReadMessages", extension: true, one: true},
	readMessage:             {group: "Light", application: "ReadMessages", user: "ReadMessages", extension: true, one: true},
	readRecording:           {group: "Heavy", application: "ReadCallRecording", user: "ReadCallRecording", one: true},
	logIn:                   {group: "Auth"},
	logOut:                  {group: "Auth"},
}

func (o operation) group() string { return reference[o].group }

// permission is what to grant when the answer with this code names nothing itself: the
// application's permission, or the user's.
func (o operation) permission(code string) string {
	if code == "CMN-401" {
		return reference[o].application
	}
	return reference[o].user
}

// server is the variable that names the host to which the operation goes.
func (o operation) server() string {
	if o == readRecording {
		return "RC_MEDIA_URL"
	}
	return "RC_SERVER_URL"
}

// documentedRate is RingCentral's default for a group, used until an answer says what holds. A group
// nobody has heard of is treated like the strictest data group.
func documentedRate(group string) (limit int, window time.Duration) {
	switch group {
	case "Light":
		return 50, time.Minute
	case "Medium":
		return 40, time.Minute
	case "Auth":
		return 5, time.Minute
	default:
		return 10, time.Minute
	}
}

// groupName writes a group's name in one way: RingCentral sends it in several.
func groupName(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
