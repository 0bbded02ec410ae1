package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
)

type inspectCmd struct {
	ID string `arg:"" help:"Of a call or a message."`
	lakeFlags
	AccountID account `help:"Whose it is; ~ is the account of the login, and any in the lake." default:"~"`
	Extension string  `help:"Id of the extension whose message it is, or in whose own call log; only for a record that the lake does not have." placeholder:"ID"`
	From      string  `help:"First day (YYYY-MM-DD, UTC) to look through in the lake; without it, all days, the last ones first." placeholder:"DAY"`
	To        string  `help:"Day after the last one." placeholder:"DAY"`
	outputFlags
}

// Help says what is compared.
func (c *inspectCmd) Help() string {
	return `Shows one call or message as the lake has it, as RingCentral has it now, and what is different, for whoever asks whether a record is right. Without credentials the lake's alone is shown. RingCentral's is written in the form in which the lake gives records back, so that only what differs in it differs. Nothing is changed.`
}

// Run shows a record from both sides.
func (c *inspectCmd) Run(s *session) error {
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
	}
	creds, err := readCredentials(s.file)
	if err != nil {
		return err
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	var client *ringcentral.Client
	if creds.ClientID != "" || creds.ClientSecret != "" || creds.JWT != "" {
		sharing := pipeline.NewSharing()
		if client, err = (sourceFlags{Tries: 3, RateShare: 1}).client(s, creds, sharing); err != nil {
			return err
		}
		defer s.logout(client)
		defer sharing.Join(s.ctx, client, lake, s.summary.RunID, s.clock, s.log)()
	}
	found, err := pipeline.Inspect(s.ctx, lake, client, pipeline.Inspecting{
		ID: c.ID, AccountID: string(c.AccountID), Extension: c.Extension, Window: window,
	})
	if err != nil {
		return err
	}
	return c.show(s, found)
}

func (c *inspectCmd) show(s *session, found pipeline.Inspected) error {
	if c.Output == "json" {
		return json.NewEncoder(s.stdout).Encode(found)
	}
	what, where := "call", "the lake does not have it"
	switch found.Stream {
	case pipeline.MessagesStream:
		what = "message"
	case pipeline.ExtensionCallLogStream:
		what = "call of an extension's own log,"
	}
	if found.Lake != nil {
		where = fmt.Sprintf("in the lake in %s of account %s", found.Day, found.AccountID)
	}
	if _, err := fmt.Fprintf(s.stdout, "%s %s: %s; %s\n", what, found.ID, where, atRingCentral(found)); err != nil {
		return err
	}
	if found.Lake == nil || found.RingCentral == nil {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, append(found.Lake, found.RingCentral...), "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.stdout, pretty.String())
		return err
	}
	if len(found.Differences) == 0 {
		return nil
	}
	w := table.NewWriter()
	w.SetOutputMirror(s.stdout)
	w.SetStyle(table.StyleLight)
	w.AppendHeader(table.Row{"member", "the lake", "RingCentral now"})
	for _, d := range found.Differences {
		w.AppendRow(table.Row{d.Path, cmp.Or(d.Lake, "-"), cmp.Or(d.RingCentral, "-")})
	}
	w.Render()
	return nil
}

func atRingCentral(found pipeline.Inspected) string {
	switch {
	case !found.Asked:
		return "RingCentral was not asked, since there are no credentials"
	case found.RingCentral == nil:
		return "RingCentral has no such record any more"
	case found.Lake == nil:
		return "RingCentral has it"
	case len(found.Differences) == 0:
		return "RingCentral has the same"
	}
	return fmt.Sprintf("RingCentral has %d members otherwise", len(found.Differences))
}
