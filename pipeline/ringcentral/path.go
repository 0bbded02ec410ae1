package ringcentral

import (
	"fmt"
	"strings"
)

// The paths of requests are made here, of ids that were looked at: an id comes from records, which are not ours.

const (
	own    = "~" // the user's own account, or extension
	digits = "0123456789"
	dashes = "-_"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func pathOfAccount(accountID string) (string, error) {
	if accountID != own && !isDigits(accountID) {
		return "", fmt.Errorf("account id %q: want digits, or ~ for the user's own account", accountID)
	}
	return "/restapi/v1.0/account/" + accountID, nil
}

func pathOfExtension(accountID, extensionID string) (string, error) {
	path, err := pathOfAccount(accountID)
	if err != nil {
		return "", err
	}
	if extensionID != own && !isDigits(extensionID) {
		return "", fmt.Errorf("extension id %q: want digits, or ~ for the user's own extension", extensionID)
	}
	return path + "/extension/" + extensionID, nil
}

func pathOfQueue(accountID, queueID string) (string, error) {
	path, err := pathOfAccount(accountID)
	if err != nil {
		return "", err
	}
	if !isDigits(queueID) {
		return "", fmt.Errorf("call queue id %q: want digits", queueID)
	}
	return path + "/call-queues/" + queueID, nil
}

func isDigits(s string) bool { return consistsOf(s, digits) }

func isCallID(s string) bool { return consistsOf(s, lower+upper+digits+dashes) }

func consistsOf(s, characters string) bool { return s != "" && strings.Trim(s, characters) == "" }
