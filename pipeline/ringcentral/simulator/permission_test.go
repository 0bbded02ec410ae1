package simulator_test

import (
	"strings"
	"testing"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// refusedFor checks a refusal with the permission that it names.
func (r response) refusedFor(t *testing.T, code, permission string) {
	t.Helper()
	r.mustBe(t, 403, code)
	body := decode[struct {
		PermissionName string
		Errors         []struct{ PermissionName string }
	}](t, r.body)
	if body.PermissionName != permission || body.Errors[0].PermissionName != permission {
		t.Errorf("%s: %s, want permission %s", r.Request.URL, r.body, permission)
	}
}

func TestRestrictedUser(t *testing.T) {
	o := small()
	o.Restricted = true
	b := open(t, o)
	administrator := newSimulator(t, small())
	if b.UserID() == administrator.UserID() || administrator.UserID() != administrator.AccountID() {
		t.Errorf("the user is %s, the administrator %s", b.UserID(), administrator.UserID())
	}
	for path, permission := range map[string]string{
		callLog: "ReadCompanyCallLog", callLog + "/x": "ReadCompanyCallLog", feed: "ReadCompanyCallLog",
	} {
		b.get(path).refusedFor(t, "CMN-408", permission)
	}
	other := account + "/extension/" + administrator.UserID()
	b.get(other+"/call-log").refusedFor(t, "CMN-419", "ReadCallLog")
	b.get(other+"/call-log/x").refusedFor(t, "CMN-419", "ReadCallLog")
	b.get(store(administrator.UserID())).refusedFor(t, "CMN-419", "ReadMessages")
	b.get(store(administrator.UserID())+"/1").refusedFor(t, "CMN-419", "ReadMessages")
	for _, path := range []string{account, account + "/extension", other} {
		if answer := b.get(path); answer.StatusCode != 200 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	span := "?perPage=1000&" + window(day(10), day(18))
	for _, path := range []string{"/call-log", "/message-store"} {
		own, named := b.page(account+"/extension/~"+path+span), b.page(account+"/extension/"+b.UserID()+path+span)
		if len(own.Records) == 0 || strings.Join(texts(own.Records), "") != strings.Join(texts(named.Records), "") {
			t.Errorf("%s: %d records of ~, %d of the user", path, len(own.Records), len(named.Records))
		}
	}
	if x := decode[struct {
		ID          int64
		Permissions struct{ Admin struct{ Enabled bool } }
	}](t, b.get(account+"/extension/~").body); x.Permissions.Admin.Enabled {
		t.Error("the user is an administrator")
	}
}

func TestScopesMissing(t *testing.T) {
	paths := map[string][]string{
		"ReadAccounts": {account, account + "/extension", account + "/extension/~"},
		"ReadCallLog":  {callLog, callLog + "/x", feed, ownLog, ownLog + "/x"},
		"ReadMessages": {store("~"), store("~") + "/1"},
	}
	for missing := range paths {
		o := small()
		o.WithoutScopes = []string{missing}
		b := open(t, o)
		for scope, all := range paths {
			for _, path := range all {
				answer := b.get(path)
				switch {
				case scope == missing:
					answer.refusedFor(t, "CMN-401", scope)
				case answer.StatusCode == 403:
					t.Errorf("%s without %s: %s", path, missing, answer.body)
				}
			}
		}
		_, _, jwt := b.Credentials()
		if scope := decode[struct{ Scope string }](t, b.assert(jwt).body).Scope; strings.Contains(scope, missing) || scope == "" {
			t.Errorf("the token's scope is %s without %s", scope, missing)
		}
	}
	o := simulator.Options{WithoutScopes: []string{"Everything"}}
	if _, err := simulator.New(&o); err == nil || !strings.Contains(err.Error(), `without scopes: "Everything" is unknown; give some of ReadAccounts`) {
		t.Errorf("%v", err)
	}
}
