package ringcentral

import (
	"strings"
	"time"
)

// An operation is one of the requests that a Client makes. Groups and permissions are those of
// RingCentral's public API reference; the group that an answer names goes before the one written here.
type operation string

const (
	readAccount operation = "account"
	readCallLog operation = "call-log"
	readChanges operation = "call-log-extract-sync"
	logIn       operation = "login"
	logOut      operation = "logout"
)

func (o operation) group() string {
	switch o {
	case readCallLog, readChanges:
		return "Heavy"
	case logIn, logOut:
		return "Auth"
	default:
		return "Light"
	}
}

// permission is what to grant when the answer with this code names nothing itself: the
// application's permission, or the user's.
func (o operation) permission(code string) string {
	ofApplication := code == "CMN-401"
	switch {
	case o == readCallLog && ofApplication, o == readChanges:
		return "ReadCallLog"
	case o == readCallLog:
		return "FullCompanyCallLog"
	case o == readAccount && ofApplication:
		return "ReadAccounts"
	case o == readAccount:
		return "ReadCompanyInfo"
	default:
		return ""
	}
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
