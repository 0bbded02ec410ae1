package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

type doctorCmd struct {
	lakeFlags
	AccountID account `help:"Account to read; ~ is the account of the login." default:"~"`
	scopeFlags
	martFlags
	outputFlags
}

// Help says what is tried.
func (c *doctorCmd) Help() string {
	return `Sends RingCentral a login and six small requests, one for each permission, and tries the lake with objects of its own, which it removes: among them one of 5 MB in two parts, where the store has parts. What cannot be tried is skipped, and the line says what to set.

Permissions that only some streams need are warnings where they are missing. That of recordings is not tried: only reading one shows it.

Exit status: 0 nothing failed; 2 configuration, credentials or permissions failed; 1 something else failed.`
}

// What became of a check.
const (
	stateOK      = "ok"
	stateWarn    = "warn"
	stateFail    = "fail"
	stateSkipped = "skipped"
)

// check is one line of the doctor's table.
type check struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warn, fail or skipped
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`

	status int // exit status that a failure asks for
}

func ok(name, format string, a ...any) check {
	return check{Check: name, State: stateOK, Detail: fmt.Sprintf(format, a...)}
}

func warned(name, detail, remedy string) check {
	return check{Check: name, State: stateWarn, Detail: detail, Remedy: remedy}
}

func skipped(name, remedy string) check {
	return check{Check: name, State: stateSkipped, Detail: "not tried", Remedy: remedy}
}

// failed is a check that failed with an error, whose text ends with what can be done.
func failed(name string, err error, remedy string) check {
	return check{Check: name, State: stateFail, Detail: err.Error(), Remedy: remedy, status: gravest(err)}
}

// Run tries everything and shows what came of it.
func (c *doctorCmd) Run(s *session) error {
	checks := []check{configurationCheck(s)}
	lake, shut, lakeChecks := c.lakeChecks(s)
	defer shut()
	checks = append(checks, c.sourceChecks(s, lake)...)
	checks = append(checks, lakeChecks...)
	checks = append(checks, c.machineChecks(s)...)
	if err := c.show(s, checks); err != nil {
		return err
	}
	return verdict(checks)
}

// errUnwell says that checks failed.
var errUnwell = errors.New("checks failed")

// verdict is nil where nothing failed.
func verdict(checks []check) error {
	var failed []check
	refused := false
	for _, c := range checks {
		if c.State == stateFail {
			failed = append(failed, c)
			refused = refused || c.status == exitUsage
		}
	}
	if len(failed) == 0 {
		return nil
	}
	err := fmt.Errorf("%d %w, the first is %s: %s", len(failed), errUnwell, failed[0].Check, failed[0].Detail)
	if refused {
		return usage(err)
	}
	return err
}

func (c *doctorCmd) show(s *session, checks []check) error {
	if c.Output == "json" {
		return json.NewEncoder(s.stdout).Encode(checks)
	}
	w := table.NewWriter()
	w.SetOutputMirror(s.stdout)
	w.SetStyle(table.StyleLight)
	w.AppendHeader(table.Row{"check", "state", "what", "remedy"})
	for _, one := range checks {
		w.AppendRow(table.Row{one.Check, one.State, one.Detail, one.Remedy})
	}
	w.SetColumnConfigs([]table.ColumnConfig{
		{Number: 3, WidthMax: 70, WidthMaxEnforcer: text.WrapSoft}, {Number: 4, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft},
	})
	w.Render()
	return nil
}

// configurationCheck says where the configuration comes from. A file that cannot be read ended the command before.
func configurationCheck(s *session) check {
	if s.file.name == "" {
		return ok("configuration", "no %s here: flags and variables only", defaultConfig)
	}
	return ok("configuration", "%s, %d keys", s.file.name, len(s.file.values)+len(s.file.sections))
}
