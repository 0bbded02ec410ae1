package schema

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Erased is one person who is to be found in no row any more. It names nobody: what the person is known by stands there as
// keyed hashes only.
type Erased struct {
	Token string   `json:"token"` // stands in place of what was erased
	Marks []string `json:"marks"` // hashes of all spellings of the numbers, and of the extension ids

	// How many digits these have, so that few texts need to be hashed.
	Full       []int `json:"full,omitempty"`       // numbers with their calling code
	National   []int `json:"national,omitempty"`   // other spellings, alone
	Extensions []int `json:"extensions,omitempty"` // ids of extensions
}

// EraseOptions are the optional parts of ErasePerson.
type EraseOptions struct {
	Country string  // calling code of numbers that are given without one
	Policy  *Policy // whose tokens stand for the person in rows that are under it
}

// ErasePerson makes a note of a person by phone numbers (E.164) and ids of extensions, hashed with a key that is the
// lake's.
func ErasePerson(key []byte, phones, extensions []string, o *EraseOptions) (Erased, error) {
	if o == nil {
		o = &EraseOptions{}
	}
	var e Erased
	names := []string{}
	for _, text := range phones {
		n, ok := parsePhone(text)
		full := n.normal(o.Country)
		if !ok || n.masked || full[0] != '+' || len(full) < 8 || len(full) > 16 {
			return e, fmt.Errorf("phone number %q: expected E.164, such as +14155550123", text)
		}
		names = append(names, "phone "+full)
		e.addPhone(key, full[1:], o.Policy)
	}
	for _, id := range extensions {
		if id == "" || strings.Trim(id, "0123456789") != "" {
			return e, fmt.Errorf("extension %q: expected RingCentral's id of it, which is digits", id)
		}
		names = append(names, "extension "+id)
		e.Marks, e.Extensions = append(e.Marks, mark(key, extensionMark, id)), addLength(e.Extensions, id)
		if p := o.Policy.hashing(); p != nil {
			e.Marks = append(e.Marks, mark(key, textMark, p.token(id)))
		}
	}
	if len(names) == 0 {
		return e, errors.New("who is to be erased? Give a phone number or an extension")
	}
	slices.Sort(names)
	slices.Sort(e.Marks)
	e.Marks = slices.Compact(e.Marks)
	e.Token = "erased:" + keyed(key, "person "+names[0])
	return e, nil
}

// addPhone marks the spellings of a number that is given by its digits with the calling code.
func (e *Erased) addPhone(key []byte, digits string, p *Policy) {
	spelled := []string{"00" + digits, "011" + digits}
	if n := national(digits); n != "" {
		spelled = append(spelled, n, "0"+n)
	}
	e.Marks, e.Full = append(e.Marks, mark(key, fullMark, digits)), addLength(e.Full, digits)
	for _, s := range spelled {
		e.Marks, e.National = append(e.Marks, mark(key, nationalMark, s)), addLength(e.National, s)
	}
	if p = p.hashing(); p == nil {
		return
	}
	for _, s := range append(spelled, digits, "+"+digits) {
		if n, ok := parsePhone(s); ok {
			e.Marks = append(e.Marks, mark(key, textMark, p.token(n.normal(p.options.Country))))
		}
	}
}

func addLength(lengths []int, digits string) []int {
	if !slices.Contains(lengths, len(digits)) {
		lengths = append(lengths, len(digits))
	}
	return lengths
}

// hashing is the policy if it makes tokens, and nil if not.
func (p *Policy) hashing() *Policy {
	if p == nil || len(p.options.Key) == 0 {
		return nil
	}
	return p
}

// Kinds of marks.
const (
	fullMark      = "full"      // all digits of a number
	nationalMark  = "national"  // digits as they are written without +, alone
	extensionMark = "extension" // an extension's id
	textMark      = "text"      // a token of a policy
)

func mark(key []byte, kind, text string) string { return keyed(key, kind+" "+text) }

// Erasure finds the persons that were erased. It is safe for concurrent use; the nil erasure finds nobody.
type Erasure struct {
	table   *Table
	key     []byte
	tokens  map[string]string // by mark
	lengths map[string][]int  // of the digits that are marked, by kind of mark
}

// NewErasure returns an erasure of the persons, nil if there are none.
func NewErasure(t *Table, key []byte, persons []Erased) *Erasure {
	if len(persons) == 0 {
		return nil
	}
	e := &Erasure{table: t, key: key, tokens: map[string]string{}, lengths: map[string][]int{}}
	for _, p := range persons {
		for _, m := range p.Marks {
			e.tokens[m] = p.Token
		}
		for kind, lengths := range map[string][]int{fullMark: p.Full, nationalMark: p.National, extensionMark: p.Extensions} {
			e.lengths[kind] = append(e.lengths[kind], lengths...)
		}
	}
	for kind, lengths := range e.lengths {
		slices.Sort(lengths)
		e.lengths[kind] = slices.Compact(lengths)
	}
	return e
}

// For is the erasure for another table: the same persons.
func (e *Erasure) For(t *Table) *Erasure {
	if e == nil {
		return nil
	}
	out := *e
	out.table = t
	return &out
}

// marked returns the token of the person whose mark of that kind the text has; "" if it is nobody's.
func (e *Erasure) marked(kind, text string) string {
	if kind != textMark && !slices.Contains(e.lengths[kind], len(text)) {
		return ""
	}
	return e.tokens[mark(e.key, kind, text)]
}

// inNumber returns the token of the person whose phone number the text is; "" if it is nobody's.
func (e *Erasure) inNumber(text string) string {
	if isToken(text) {
		return e.marked(textMark, text)
	}
	n, ok := parsePhone(text)
	switch {
	case !ok:
		return e.inText(text)
	case n.masked:
		return ""
	}
	token := e.marked(fullMark, n.digits)
	if token == "" && !n.international {
		token = e.marked(nationalMark, n.digits)
	}
	return token
}

// inExtension returns the token of the person whose extension's id the text is, or whose number, where one stands there.
func (e *Erasure) inExtension(text string) string {
	if token := e.marked(extensionMark, text); token != "" {
		return token
	}
	return e.inNumber(text)
}

// inText looks for a number in any spelling, and for the id of an extension, anywhere in a text: within longer runs of
// digits, with other characters between the digits, encoded for an address or for JSON.
func (e *Erasure) inText(text string) string {
	if isToken(text) {
		return e.marked(textMark, text)
	}
	if strings.Contains(text, "%") {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	for len(text) > 0 {
		var groups []string
		var international bool
		groups, international, text = nextRun(text)
		if token := e.inRun(groups, international); token != "" {
			return token
		}
	}
	return ""
}

// nextRun takes the next run of digits off a text: groups of digits with at most three separators between them.
func nextRun(text string) (groups []string, international bool, rest string) {
	at := strings.IndexAny(text, "0123456789")
	if at < 0 {
		return nil, false, ""
	}
	international = at > 0 && text[at-1] == '+'
	for {
		end := at
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		groups = append(groups, text[at:end])
		gap, n := end, 0
		for _, r := range text[end:] {
			if n == 3 || !strings.ContainsRune(separators, r) {
				break
			}
			gap, n = gap+len(string(r)), n+1
		}
		if gap == end || gap >= len(text) || text[gap] < '0' || text[gap] > '9' {
			return groups, international, text[end:]
		}
		at = gap
	}
}

// inRun looks for persons in one run of digits. All digits of a number are found anywhere in it; a national spelling, which
// can be part of another country's number, only as whole groups; an extension as one group.
func (e *Erasure) inRun(groups []string, international bool) string {
	for _, g := range groups {
		if token := e.marked(extensionMark, g); token != "" {
			return token
		}
	}
	all := strings.Join(groups, "")
	for _, n := range e.lengths[fullMark] {
		for at := 0; at+n <= len(all); at++ {
			if token := e.marked(fullMark, all[at:at+n]); token != "" {
				return token
			}
		}
	}
	if international {
		return ""
	}
	for from := range groups {
		joined := ""
		for _, g := range groups[from:] {
			if joined += g; len(joined) > 18 {
				break
			}
			if token := e.marked(nationalMark, joined); token != "" {
				return token
			}
		}
	}
	return ""
}

// Finds reports whether a text tells of somebody who was erased: a number in any spelling, or the id of an extension.
func (e *Erasure) Finds(text []byte) bool {
	return e != nil && e.inText(string(text)) != ""
}

// erasedJSON is what stands in place of a JSON text.
func erasedJSON(kind Kind, class Class, token string) string {
	switch {
	case class == ExtraClass:
		return `{"erased":` + strconv.Quote(token) + `}`
	case kind == Array:
		return `[` + strconv.Quote(token) + `]`
	}
	return token
}
