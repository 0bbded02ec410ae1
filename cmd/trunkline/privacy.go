package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/schema"
)

// privacyFlags say what becomes of columns that tell of people.
type privacyFlags struct {
	Privacy        []string `help:"Rule of privacy, repeatable: a column of docs/columns.md or a class (phone_numbers, names, locations, extensions, message_text, uris, audio, extra, unclassified), =, and keep, drop, hmac or mask. Any rule but keep turns the archive off and drops uris, audio, extra and unclassified columns that no rule names." placeholder:"NAME=ACTION"`
	PrivacyKeyFile string   `help:"File that holds the key of hmac, 32 characters at least; or the key itself in TRUNKLINE_PRIVACY_KEY." placeholder:"FILE"`
	PrivacyKeyID   string   `help:"Name of the key, which stands in its tokens. Another key needs another name." name:"privacy-key-id" default:"1"`
	PrivacyCountry string   `help:"Calling code (1, 49) of phone numbers that are written without one. Default: they are hashed as digits." placeholder:"CODE"`
}

// policy reads the rules, with the key if there is one: nil keeps everything.
func (f privacyFlags) policy() (*schema.Policy, error) {
	key := os.Getenv("TRUNKLINE_PRIVACY_KEY")
	if key == "" && f.PrivacyKeyFile != "" {
		var err error
		if key, err = readSecretFile("--privacy-key-file", f.PrivacyKeyFile); err != nil {
			return nil, usage(err)
		}
	}
	p, err := schema.NewPolicy(schema.CallLog(), f.Privacy, schema.PolicyOptions{
		Key: []byte(strings.TrimSpace(key)), KeyID: f.PrivacyKeyID, Country: f.PrivacyCountry,
	})
	if err != nil {
		return nil, usage(fmt.Errorf("--privacy: %w", err))
	}
	return p, nil
}

// ready reads the rules for a verb that applies them.
func (f privacyFlags) ready() (*schema.Policy, error) {
	p, err := f.policy()
	if err != nil {
		return nil, err
	}
	if err := p.Ready(); err != nil {
		return nil, usage(fmt.Errorf("--privacy: %w: give --privacy-key-file or TRUNKLINE_PRIVACY_KEY; `openssl rand -hex 32` makes one", err))
	}
	return p, nil
}

// archives refuses to keep pages that a policy takes something out of.
func (f privacyFlags) archives(flag string, on bool, p *schema.Policy) error {
	if on && p != nil {
		return usage(fmt.Errorf("%s: the archive keeps pages as they came, and --privacy %s takes something out of them; leave one of the two away", flag, p))
	}
	return nil
}

// privacyLine says under which policy an account's days are.
func privacyLine(a pipeline.AccountStatus, p *schema.Policy) string {
	line := "everything is kept"
	if p != nil {
		line = fmt.Sprintf("%s (policy %s)", p, p.ID())
	}
	var others []string
	for id, days := range a.Policies {
		if id != cmp.Or(p.ID(), pipeline.NoPolicy) {
			others = append(others, listOr(days, "none")+" "+underPolicy(id))
		}
	}
	if len(others) == 0 {
		return line
	}
	slices.Sort(others)
	line += "; under another policy: " + strings.Join(others, ", ")
	if p != nil {
		first, _, _ := strings.Cut(strings.Join(others, ""), " ")
		line += fmt.Sprintf("; `trunkline redact --from %s` with the same --privacy brings them under this one", first)
	}
	return line
}

func underPolicy(id string) string {
	if id == pipeline.NoPolicy {
		return "(everything is kept)"
	}
	return "(policy " + id + ")"
}

type redactCmd struct {
	lakeFlags
	From      string  `help:"First day (YYYY-MM-DD, UTC)." placeholder:"DAY" required:""`
	To        string  `help:"Day after the last one. Default: now." placeholder:"DAY"`
	AccountID account `help:"Only this account's days; ~ means all accounts of the lake." default:"~"`
	privacyFlags
	outputFlags
}

// Help tells what redact cannot do.
func (c *redactCmd) Help() string {
	return "Held days are rewritten under the policy, each as one object, and their records leave the archive; rejected records, which have no day, all come under the policy. The audio of their calls is removed unless the policy says audio=keep. What an earlier policy dropped, hashed or masked does not come back: " +
		"it stays as it is. Marts follow with the next transform. Older versions of objects that the bucket keeps, copies elsewhere and RingCentral itself are out of reach."
}

// Run brings held days under the policy.
func (c *redactCmd) Run(s *session) error {
	policy, err := c.ready()
	if err != nil {
		return err
	}
	if policy == nil {
		return usage(errors.New("--privacy takes nothing away, and what an earlier policy took does not come back: nothing to rewrite; name a rule such as --privacy phone_numbers=hmac"))
	}
	window, err := windowFlags{From: c.From, To: c.To}.window(s)
	if err != nil {
		return err
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	done, err := pipeline.Redact(s.ctx, lake, pipeline.Redacting{AccountID: string(c.AccountID), Window: *window, Policy: policy, Now: s.now})
	s.summary.rewritten(done)
	if err != nil || c.Output == "json" {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "days: %d of %d rewritten under policy %s\narchive: %d reads removed, %d rewritten; %d objects of rejected records rewritten\n%s%s",
		len(done.Changed), done.Days, policy.ID(), done.Removed, done.Archived, done.Rejected, audioLine(done), unreached(done))
	return err
}

type eraseCmd struct {
	lakeFlags
	Phone     []string `help:"Phone number of the person, E.164 such as +14155550123; repeatable." placeholder:"NUMBER" sep:"none"`
	Extension []string `help:"RingCentral's id of an extension of the person; repeatable." placeholder:"ID" sep:"none"`
	privacyFlags
	outputFlags
}

// Help tells what erase does to rows, and what it cannot do.
func (c *eraseCmd) Help() string {
	return "All that is given is one person. Wherever a number or id is found, in records, legs, extra, archived pages or rejected records, the party's number, extension, name, location and device give way to a token; " +
		"rows stay, for counting and for bills. The audio of calls in which the person takes part is removed, and is not fetched again. A note that names nobody stays in the lake, and reads that come later, or are being written meanwhile, lose the person, too. Marts follow with the next transform. " +
		"Older versions of objects that the bucket keeps, copies elsewhere, numbers that RingCentral masked, what only a name tells, and RingCentral itself are out of reach."
}

// Run takes a person out of the lake.
func (c *eraseCmd) Run(s *session) error {
	policy, err := c.ready()
	if err != nil {
		return err
	}
	x := pipeline.Erasing{Phones: c.Phone, Extensions: c.Extension, Country: c.PrivacyCountry, Policy: policy, Now: s.now}
	if _, err := x.Note(nil); err != nil {
		return usage(fmt.Errorf("--phone, --extension: %w", err))
	}
	lake, shut, err := c.open(s.ctx, false)
	if err != nil {
		return err
	}
	defer shut()
	done, err := pipeline.Erase(s.ctx, lake, x)
	s.summary.rewritten(done)
	if err != nil || c.Output == "json" {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "days: %d of %d rewritten, %d calls without the person\narchive: %d reads rewritten; %d objects of rejected records rewritten\n%s%s",
		len(done.Changed), done.Days, done.Rows, done.Archived, done.Rejected, audioLine(done), unreached(done))
	return err
}

// audioLine says what became of recordings; empty where nothing did.
func audioLine(done pipeline.Rewritten) string {
	if done.Audio == 0 {
		return ""
	}
	return fmt.Sprintf("recordings: the audio of %d removed\n", done.Audio)
}

// unreached says what is left to do elsewhere.
func unreached(done pipeline.Rewritten) string {
	var b strings.Builder
	for _, left := range done.Left {
		fmt.Fprintf(&b, "not reached: %s\n", left)
	}
	b.WriteString("not reached: older versions that the bucket may keep, copies and caches elsewhere, RingCentral itself\n")
	if len(done.Changed) > 0 {
		b.WriteString("marts: `trunkline transform` builds them again\n")
	}
	return b.String()
}
