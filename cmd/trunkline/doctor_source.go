package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

// sourceNames are the checks that need credentials, in order.
var sourceNames = []string{"login", "account (ReadAccounts)", "call log (ReadCallLog, FullCompanyCallLog)", "change feed (ReadCallLog)", "clock", "rate"}

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
		return append([]check{failed(name, err, "correct the variable or the file that it names")}, skippedSource(0, "the credentials first")...)
	}
	if creds.ClientID == "" && creds.ClientSecret == "" && creds.JWT == "" {
		remedy := "set RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT, or each with _FILE"
		return append([]check{skipped(name, remedy)}, skippedSource(0, remedy)...)
	}
	sharing := pipeline.NewSharing()
	client, err := sourceFlags{Tries: 1, RateShare: 1}.client(s, creds, sharing)
	if err != nil {
		return append([]check{failed(name, err, "see README.md, With a real account")}, skippedSource(0, "the credentials first")...)
	}
	if lake != nil {
		defer sharing.Join(s.ctx, client, lake, s.summary.RunID, s.clock, s.log)()
	}
	defer s.logout(client)
	d := &sourceDoctor{s: s, client: client, account: string(c.AccountID)}
	checks := []check{ok(name, "complete, for %s", serverOf(client))}
	if err := client.LogIn(s.ctx); err != nil {
		return append(append(checks, failed(sourceNames[0], err, "the message names what to check")), d.afterLogin()...)
	}
	checks = append(checks, ok(sourceNames[0], "accepted"))
	checks = append(checks, d.accountCheck(), d.callLogCheck(), d.feedCheck(), d.clockCheck(), d.rateCheck())
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
}

// afterLogin is what can be said after a login that failed: the clock, if an answer came.
func (d *sourceDoctor) afterLogin() []check {
	out := skippedSource(1, "the login first")
	if _, known := d.client.ClockSkew(); known {
		out[3] = d.clockCheck() // a wrong clock makes a JWT invalid
	}
	return out
}

func (d *sourceDoctor) accountCheck() check {
	id, err := d.client.AccountID(d.s.ctx)
	var refused *ringcentral.Error
	switch {
	case err == nil:
		return ok(sourceNames[1], "account %s", id)
	case errors.As(err, &refused) && refused.PermissionMissing() && d.account != pipeline.OwnAccount:
		return warned(sourceNames[1], err.Error(), "not needed, since --account-id names the account")
	}
	return failed(sourceNames[1], err, "or give --account-id, and the permission is not needed")
}

// callLogCheck asks for one record of one minute that is over.
func (d *sourceDoctor) callLogCheck() check {
	to := d.s.clock().UTC().Add(-2 * time.Minute).Truncate(time.Minute)
	for page, err := range d.client.CallLog(d.s.ctx, d.account, to.Add(-time.Minute), to, &ringcentral.CallLogOptions{PerPage: 1, ShowDeleted: true}) {
		if err != nil {
			return failed(sourceNames[2], err, "the message names what to grant")
		}
		if !page.ShowDeleted {
			return warned(sourceNames[2], "it can be read, but this environment does not show deleted calls", "none: calls that are deleted stay in the lake as they were")
		}
		break
	}
	return ok(sourceNames[2], "the company's call log can be read, with deleted calls")
}

func (d *sourceDoctor) feedCheck() check {
	from := d.s.clock().UTC().Add(-time.Minute).Truncate(time.Second)
	for _, err := range d.client.Changes(d.s.ctx, d.account, "", from, &ringcentral.ChangesOptions{PerPage: 1}) {
		var refused *ringcentral.Error
		if errors.As(err, &refused) && (refused.NotFound() || refused.PermissionMissing()) {
			return warned(sourceNames[3], err.Error(), "none is needed: without it, days are read again from the list while late edits are expected")
		}
		if err != nil {
			return failed(sourceNames[3], err, "--strategy list does without it")
		}
		break
	}
	return ok(sourceNames[3], "changes can be followed")
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
		return warned(sourceNames[4], "RingCentral's answers have no date", "compare this machine's clock by hand")
	case ahead.Abs() > skewFailed:
		return failed(sourceNames[4], errors.New(detail), remedy)
	case ahead.Abs() > skewWarned:
		return warned(sourceNames[4], detail, remedy)
	}
	return ok(sourceNames[4], "%s", detail)
}

func (d *sourceDoctor) rateCheck() check {
	limit, window, known := d.client.Rate("Heavy")
	if !known {
		return warned(sourceNames[5], fmt.Sprintf("no answer told the rate; RingCentral documents %d requests in %s", limit, window),
			"none is needed: the documented rate is kept")
	}
	return ok(sourceNames[5], "%d requests in %s for the call log (Heavy), %d records each at most", limit, window, 1000)
}
