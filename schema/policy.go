package schema

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Action is what a rule of privacy does with a column.
type Action string

const (
	// Keep leaves values as they are.
	Keep Action = "keep"
	// Drop leaves no value.
	Drop Action = "drop"
	// HMAC puts a token in place of a value: equal values give equal tokens, and the value cannot be told without the key.
	HMAC Action = "hmac"
	// Mask hides the last digits of a phone number, and of any other text all but its first letter.
	Mask Action = "mask"
)

// Policy is what becomes of columns before rows reach a table. The nil policy keeps everything. It is safe for concurrent
// use.
type Policy struct {
	table   *Table
	named   map[string]Action // the rules
	actions map[string]Action // by column, of the record and of legs alike; absent columns are dropped
	options PolicyOptions
	id      string
	words   []string // the rules, in order
}

// PolicyOptions are the optional parts of a policy.
type PolicyOptions struct {
	Key     []byte // for hmac: 32 bytes at least; without it the policy has an id but cannot be applied
	KeyID   string // names the key in tokens; default 1
	Country string // calling code (digits) of numbers that are written without one; default none
}

// MinKey is the least length of a key in bytes.
const MinKey = 32

// ErrNoKey says that a rule needs a key and there is none.
var ErrNoKey = errors.New("the action hmac needs a key")

var (
	keyIDForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}$`)
	countryForm = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)
)

// NewPolicy reads rules such as `phone_numbers=hmac` or `from_name=drop`: a column or a class, and an action. The rule of
// a column goes before that of its class. Under any rule but keep, columns of the classes uris, audio, extra and unclassified
// are dropped unless a rule names them. Rules that only keep are no policy: the result is nil. The policy is for one table; see
// For. Rules can name columns of any.
func NewPolicy(t *Table, rules []string, o PolicyOptions) (*Policy, error) {
	o.KeyID = cmp.Or(o.KeyID, "1")
	switch {
	case !keyIDForm.MatchString(o.KeyID):
		return nil, fmt.Errorf("key id %q: expected up to 32 letters, digits, dots, - and _", o.KeyID)
	case o.Country != "" && !countryForm.MatchString(o.Country):
		return nil, fmt.Errorf("country %q: expected a calling code such as 1 or 49", o.Country)
	case len(o.Key) > 0 && len(o.Key) < MinKey:
		return nil, fmt.Errorf("the key has %d bytes, and %d are the least; `openssl rand -hex 32` makes one", len(o.Key), MinKey)
	}
	named, err := parseRules(rules)
	if err != nil {
		return nil, err
	}
	p := &Policy{named: named, options: o}
	loses := false
	for name, action := range named {
		p.words = append(p.words, name+"="+string(action))
		loses = loses || action != Keep
	}
	if !loses {
		return nil, nil
	}
	slices.Sort(p.words)
	own, err := p.For(t)
	if err != nil {
		return nil, err
	}
	for _, other := range Tables() {
		if _, err := p.For(other); err != nil && !errors.Is(err, ErrNoIdentity) {
			return nil, err
		}
	}
	return own, nil
}

// ErrNoIdentity says that a policy leaves nothing by which the rows of a table are told apart.
var ErrNoIdentity = errors.New("the privacy policy leaves nothing to tell its rows apart")

// For is the policy for another table: the same rules. The error is ErrNoIdentity where a rule for a class would drop or mask
// the rows' own ids.
func (p *Policy) For(t *Table) (*Policy, error) {
	if p == nil {
		return nil, nil
	}
	out := *p
	out.table, out.actions = t, map[string]Action{}
	for _, f := range t.allFields() {
		isKey := slices.Contains(t.Keys, f.Column())
		action, err := actionFor(f, isKey, p.named)
		if err != nil {
			return nil, err
		}
		if isKey && action != Keep && action != HMAC {
			return nil, fmt.Errorf("%s: %w: %s=%s", t.Name, ErrNoIdentity, f.Class, action)
		}
		out.actions[f.Column()] = action
	}
	out.id = out.makeID()
	return &out, nil
}

// allFields lists the fields of the record and of its elements, each column once, and Extra.
func (t *Table) allFields() []Field {
	var out []Field
	seen := map[string]bool{}
	for _, g := range t.groups {
		for _, f := range g.fields {
			if name := f.Column(); !seen[name] {
				seen[name] = true
				out = append(out, f)
			}
		}
	}
	return append(out, Field{Path: Extra, Kind: Array, Class: ExtraClass})
}

func parseRules(rules []string) (map[string]Action, error) {
	var names []string
	for _, c := range ruledClasses() {
		names = append(names, c.String())
	}
	for _, t := range Tables() {
		for _, f := range t.allFields() {
			names = append(names, f.Column())
		}
	}
	out := map[string]Action{}
	for _, rule := range rules {
		name, action, ok := strings.Cut(strings.TrimSpace(rule), "=")
		name, a := strings.TrimSpace(name), Action(strings.TrimSpace(action))
		switch {
		case !ok || !slices.Contains([]Action{Keep, Drop, HMAC, Mask}, a):
			return nil, fmt.Errorf("rule %q: expected a column or class, =, and keep, drop, hmac or mask, as in phone_numbers=hmac", rule)
		case !slices.Contains(names, name):
			return nil, fmt.Errorf("rule %q: there is no column or class %s; the classes are %s, and docs/columns.md lists the columns",
				rule, name, strings.Join(names[:len(ruledClasses())], ", "))
		case out[name] != "" && out[name] != a:
			return nil, fmt.Errorf("rule %q: another rule says %s=%s; give one", rule, name, out[name])
		}
		out[name] = a
	}
	return out, nil
}

// actionFor decides about one column. What identifies, orders and versions records stays.
func actionFor(f Field, needed bool, named map[string]Action) (Action, error) {
	column := f.Column()
	byName, byClass := named[column], named[f.Class.String()]
	switch {
	case f.Class == Audio && (replaces(byName) || replaces(byClass)):
		return "", fmt.Errorf("rule for %s: what is said can be kept or dropped; keep and drop are what can be done with it", f.Class)
	case byName != "" && byName != Keep && needed:
		return "", fmt.Errorf("rule %s=%s: records are told apart and ordered by this column; it can only be kept", column, byName)
	case byName != "" && byName != Keep && byName != Drop && !f.isText():
		return "", fmt.Errorf("rule %s=%s: the column is no text; keep and drop are what can be done with it", column, byName)
	case byName != "":
		return byName, nil
	case byClass == HMAC || byClass == Mask:
		if !f.isText() {
			return "", fmt.Errorf("rule %s=%s: the column %s is no text; keep and drop are what can be done with it", f.Class, byClass, column)
		}
		return byClass, nil
	case byClass != "":
		return byClass, nil
	case f.Class.isDroppedUnnamed():
		return Drop, nil
	}
	return Keep, nil
}

func replaces(a Action) bool { return a == HMAC || a == Mask }

// makeID names the policy by what it does: equal policies have equal ids, whatever their key is.
func (p *Policy) makeID() string {
	var lines []string
	hashes := false
	for column, action := range p.actions {
		lines = append(lines, column+"="+string(action))
		hashes = hashes || action == HMAC
	}
	slices.Sort(lines)
	if hashes {
		lines = append(lines, "key id "+p.options.KeyID, "country "+p.options.Country)
	}
	sum := sha256.Sum256([]byte("trunkline policy 1\n" + strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}

// ID names the policy in partitions and ledger; it is empty for the one that keeps everything.
func (p *Policy) ID() string {
	if p == nil {
		return ""
	}
	return p.id
}

// String is the rules as they were given, in order.
func (p *Policy) String() string {
	if p == nil {
		return "everything is kept"
	}
	return strings.Join(p.words, ", ")
}

// Needs reports whether some column falls under the action.
func (p *Policy) Needs(action Action) bool {
	if p != nil {
		for _, a := range p.actions {
			if a == action {
				return true
			}
		}
	}
	return false
}

// Ready says why the policy cannot be applied: ErrNoKey where a rule needs a key.
func (p *Policy) Ready() error {
	if p.Needs(HMAC) && len(p.options.Key) == 0 {
		return ErrNoKey
	}
	return nil
}

// replaced is what the action makes of a text. What was replaced before stays as it is.
func (p *Policy) replaced(f Field, action Action, text string) string {
	if isToken(text) {
		return text
	}
	if f.Class == PhoneNumbers {
		n, ok := parsePhone(text)
		switch {
		case ok && action == Mask:
			return n.mask()
		case ok && n.masked:
			return text
		case ok:
			return p.token(n.normal(p.options.Country))
		}
	}
	text = strings.TrimSpace(text)
	if action == HMAC {
		return p.token(text)
	}
	if _, n := utf8.DecodeRuneInString(text); n > 0 {
		return text[:n] + "***"
	}
	return text
}

// token is `hmac:<key id>:` and 128 bits of the HMAC-SHA-256 of the text in base32, so that it can be joined with tokens made
// elsewhere with the same key.
func (p *Policy) token(text string) string {
	return "hmac:" + p.options.KeyID + ":" + keyed(p.options.Key, text)
}

// keyed is 128 bits of the HMAC-SHA-256 of the text, in base32 of lower case without padding.
func keyed(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base32Lower.EncodeToString(h.Sum(nil)[:16])
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

var tokenForm = regexp.MustCompile(`^(hmac:[A-Za-z0-9_.-]{1,32}|erased):[a-z2-7]{26}$`)

// isToken reports whether a text is one that a policy or an erasure put in place of another.
func isToken(text string) bool {
	return (strings.HasPrefix(text, "hmac:") || strings.HasPrefix(text, "erased:")) && tokenForm.MatchString(text)
}
