package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// scopes are the permissions of the application: what a token's scope says.
func scopes() []string {
	return []string{"ReadAccounts", "ReadCallLog", "ReadCallRecording", "ReadMessages"}
}

func (o *Options) checkScopes() error {
	for _, scope := range o.WithoutScopes {
		if !slices.Contains(scopes(), scope) {
			return fmt.Errorf("without scopes: %q is unknown; give some of %s", scope, strings.Join(scopes(), ", "))
		}
	}
	return nil
}

// granted are the scopes that the application has.
func (o *Options) granted() []string {
	return slices.DeleteFunc(scopes(), func(scope string) bool { return slices.Contains(o.WithoutScopes, scope) })
}

// access is what an operation asks for. The names are those of the specification's x-app-permission and
// x-user-permission, but for the company's call log, whose refusals name ReadCompanyCallLog.
type access struct {
	scope string // of the application
	// administrator is the permission that only an administrator's role has; empty if every user may.
	administrator string
	// extended is the permission that a user needs with extended scope for another extension than his own; empty if
	// none.
	extended string
}

// permitted checks the application's scope and what the user may do. Who may not is refused, whatever is asked for: a
// queue or a recording need not exist.
func (s *Simulator) permitted(a access, x *extension) *answer {
	switch {
	case slices.Contains(s.options.WithoutScopes, a.scope):
		return forbidden(a.scope)
	case !s.options.Restricted:
		return nil
	case a.administrator != "":
		return notPermitted("CMN-408", a.administrator,
			"In order to call this API endpoint, user needs to have [%s] permission for requested resource.")
	case a.extended != "" && x != s.user:
		return notPermitted("CMN-419", a.extended,
			"In order to call this API endpoint for another extension, user needs to have [%s] permission granted with extended scope")
	}
	return nil
}

// notPermitted is what a user without a permission is answered; the messages are published with the specification's
// errors.
func notPermitted(code, permission, message string) *answer {
	return refuse(403, code, fmt.Sprintf(message, permission), parameter{PermissionName: permission})
}

// acting is the user that clients act as: the administrator, or one who is none.
func (c *company) acting(restricted bool) *extension {
	if restricted && len(c.users) > 1 {
		return c.users[1]
	}
	return c.admin()
}
