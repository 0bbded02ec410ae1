package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

// The checks that need credentials, in order.
const (
	checkLogin = iota
	checkAccount
	checkCallLog
	checkFeed
	checkExtensions
	checkNumbers
	checkMessages
	checkRecordings
	checkClock
	checkRate
)

var sourceNames = []string{
	checkLogin: "login", checkAccount: "account (ReadAccounts)", checkCallLog: "call log (ReadCallLog, FullCompanyCallLog)",
	checkFeed: "change feed (ReadCallLog)", checkExtensions: "extensions, call queues (ReadAccounts, ReadExtensions)",
	checkNumbers: "phone numbers (ReadAccounts, ReadCompanyPhoneNumbers)", checkMessages: "messages (ReadMessages)",
	checkRecordings: "recordings (ReadCallRecording)", checkClock: "clock", checkRate: "rate",
}

func skippedSource(from int, remedy string) []check {
	var out []check
	for _, name := range sourceNames[from:] {
		out = append(out, skipped(name, remedy))
	}
	return out
}

// sourceChecks tries RingCentral: login, each permission by one small request, clock and rate.
func (c *doctorCmd) sourceChecks(s *session, lake *sinks.Lake) []check {
	const name = "credentials"
	creds, err := readCredentials(s.file)
	if err != nil {
		return append([]check{failed(name, err, "correct the variable or the file that it names")}, skippedSource(checkLogin, "the credentials first")...)
	}
	if creds.ClientID == "" && creds.ClientSecret == "" && creds.JWT == "" {
		remedy := "set RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT, or each with _FILE"
		return append([]check{skipped(name, remedy)}, skippedSource(checkLogin, remedy)...)
	}
	sharing := pipeline.NewSharing()
	client, err := sourceFlags{Tries: 1, RateShare: 1}.client(s, creds, sharing)
	if err != nil {
		return append([]check{failed(name, err, "see README.md, With a real account")}, skippedSource(checkLogin, "the credentials first")...)
	}
	if lake != nil {
		defer sharing.Join(s.ctx, client, lake, s.summary.RunID, s.clock, s.log)()
	}
	defer s.logout(client)
	d := &sourceDoctor{s: s, client: client, account: string(c.AccountID), scope: c.scope()}
	checks := []check{ok(name, "complete, for %s", serverOf(client))}
	if err := client.LogIn(s.ctx); err != nil {
		return append(append(checks, failed(sourceNames[checkLogin], err, "the message names what to check")), d.afterLogin()...)
	}
	checks = append(checks, ok(sourceNames[checkLogin], "accepted"))
	checks = append(checks, d.accountCheck(), d.callLogCheck(), d.feedCheck())
	checks = append(checks, d.optionalChecks()...)
	checks = append(checks, d.clockCheck(), d.rateCheck())
	s.summary.Requests = requestSum(client.Requests())
	return checks
}

// serverOf is the server's address, from a text that has no secret in it.
func serverOf(c *ringcentral.Client) string { return fmt.Sprint(c) }

// sourceDoctor tries one RingCentral.
type sourceDoctor struct {
	s       *session
	client  *ringcentral.Client
	account string
	scope   pipeline.Scope
}

// afterLogin is what can be said after a login that failed: the clock, if an answer came.
func (d *sourceDoctor) afterLogin() []check {
	out := skippedSource(checkAccount, "the login first")
	if _, known := d.client.ClockSkew(); known {
		out[checkClock-checkAccount] = d.clockCheck() // a wrong clock makes a JWT invalid
	}
	return out
}

func (d *sourceDoctor) accountCheck() check {
	id, err := d.client.AccountID(d.s.ctx)
	var refused *ringcentral.Error
	switch {
	case err == nil:
		return ok(sourceNames[checkAccount], "account %s", id)
	case errors.As(err, &refused) && refused.PermissionMissing() && d.account != pipeline.OwnAccount:
		return warned(sourceNames[checkAccount], err.Error(), "not needed, since --account-id names the account")
	}
	return failed(sourceNames[checkAccount], err, "or give --account-id, and the permission is not needed")
}

// callLogCheck asks for one record: of the company's log of one minute that is over, or of the user's own.
func (d *sourceDoctor) callLogCheck() check {
	if d.scope == pipeline.ScopeExtension {
		const name = "call log (ReadCallLog)"
		if err := d.client.TryOwnCallLog(d.s.ctx, d.account); err != nil {
			return failed(name, err, "the message names what to grant")
		}
		return ok(name, "the user's own call log can be read; those of others take the permission's extended scope, which only a run shows")
	}
	to := d.s.clock().UTC().Add(-2 * time.Minute).Truncate(time.Minute)
	for page, err := range d.client.CallLog(d.s.ctx, d.account, to.Add(-time.Minute), to, &ringcentral.CallLogOptions{PerPage: 1, ShowDeleted: true}) {
		var refused *ringcentral.Error
		if errors.As(err, &refused) && refused.RoleRefused() {
			return failed(sourceNames[checkCallLog], err, "or give --scope extension, here and to run: it reads the log of each extension that this user may read")
		}
		if err != nil {
			return failed(sourceNames[checkCallLog], err, "the message names what to grant")
		}
		if !page.ShowDeleted {
			return warned(sourceNames[checkCallLog], "it can be read, but this environment does not show deleted calls", "none: calls that are deleted stay in the lake as they were")
		}
		break
	}
	return ok(sourceNames[checkCallLog], "the company's call log can be read, with deleted calls")
}

func (d *sourceDoctor) feedCheck() check {
	if d.scope == pipeline.ScopeExtension {
		return skipped(sourceNames[checkFeed], "not needed with --scope extension: the feed is of the company's call log")
	}
	from := d.s.clock().UTC().Add(-time.Minute).Truncate(time.Second)
	for _, err := range d.client.Changes(d.s.ctx, d.account, "", from, &ringcentral.ChangesOptions{PerPage: 1}) {
		var refused *ringcentral.Error
		if errors.As(err, &refused) && (refused.NotFound() || refused.PermissionMissing()) {
			return warned(sourceNames[checkFeed], err.Error(), "none is needed: without it, days are read again from the list while late edits are expected")
		}
		if err != nil {
			return failed(sourceNames[checkFeed], err, "--strategy list does without it")
		}
		break
	}
	return ok(sourceNames[checkFeed], "changes can be followed")
}

// optionalChecks try what only some streams need. They have no part in the exit status.
func (d *sourceDoctor) optionalChecks() []check {
	try := func(at int, ask func(context.Context, string) error, what string) check {
		if err := ask(d.s.ctx, d.account); err != nil {
			return warned(sourceNames[at], err.Error(), "not needed, unless "+what+" are kept too")
		}
		return ok(sourceNames[at], "%s can be read", what)
	}
	return []check{
		try(checkExtensions, d.client.TryExtensions, "extensions and call queues"),
		try(checkNumbers, d.client.TryPhoneNumbers, "phone numbers"),
		try(checkMessages, d.client.TryMessages, "messages"),
		skipped(sourceNames[checkRecordings], "only reading a recording shows it: the application needs ReadCallRecording if recordings are kept too"),
	}
}

const (
	skewWarned = 30 * time.Second
	skewFailed = 5 * time.Minute
)

func (d *sourceDoctor) clockCheck() check {
	ahead, known := d.client.ClockSkew()
	detail := fmt.Sprintf("RingCentral's clock is %s ahead of this machine's", ahead.Round(time.Second))
	if ahead < 0 {
		detail = fmt.Sprintf("this machine's clock is %s ahead of RingCentral's", (-ahead).Round(time.Second))
	}
	const remedy = "set this machine's clock by NTP: which days are over, and what was read when, is told by it"
	switch {
	case !known:
		return warned(sourceNames[checkClock], "RingCentral's answers have no date", "compare this machine's clock by hand")
	case ahead.Abs() > skewFailed:
		return failed(sourceNames[checkClock], errors.New(detail), remedy)
	case ahead.Abs() > skewWarned:
		return warned(sourceNames[checkClock], detail, remedy)
	}
	return ok(sourceNames[checkClock], "%s", detail)
}

func (d *sourceDoctor) rateCheck() check {
	limit, window, known := d.client.Rate("Heavy")
	if !known {
		return warned(sourceNames[checkRate], fmt.Sprintf("no answer told the rate; RingCentral documents %d requests in %s", limit, window),
			"none is needed: the documented rate is kept")
	}
	return ok(sourceNames[checkRate], "%d requests in %s for the call log (Heavy), %d records each at most", limit, window, 1000)
}
