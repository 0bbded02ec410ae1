package schema

import (
	"slices"
	"strings"
)

// phone is a phone number as its text gives it.
type phone struct {
	digits        string // X for a digit that a mask hides
	international bool   // the text begins with +
	masked        bool   // RingCentral, or a mask of ours, hides some of the digits
}

// parsePhone reads a phone number: an optional `tel:` and +, then digits with spaces and ()-./ between them, at least three.
// In a masked number an X or * stands for a digit. ok is false for anything else, such as `anonymous`.
func parsePhone(text string) (n phone, ok bool) {
	s := strings.TrimSpace(text)
	if len(s) > 4 && strings.EqualFold(s[:4], "tel:") {
		s = s[4:]
	}
	if s, n.international = strings.CutPrefix(s, "+"); len(s) > 40 {
		return n, false
	}
	digits := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits = append(digits, byte(r))
		case r == 'X' || r == 'x' || r == '*':
			digits = append(digits, 'X')
			n.masked = true
		case !strings.ContainsRune(separators, r):
			return n, false
		}
	}
	n.digits = string(digits)
	return n, len(digits) >= 3 && (!n.masked || len(digits) >= 5) // *67 is a code that is dialled
}

// separators stand between the digits of a number; the last ones are a space and hyphens that do not break.
const separators = " ()-./\u00a0\u2010\u2011\u2012\u2013"

// normal writes a phone number in E.164 where that can be told: digits with + are as they are; without, the country
// calling code makes a national number international, after a trunk 0 or an international 00 or 011 is taken off. An empty
// country leaves digits without + as digits.
func (n phone) normal(country string) string {
	d := n.digits
	if n.international {
		return "+" + d
	}
	if country == "" {
		return d
	}
	if country == "1" {
		switch {
		case len(d) == 10 && d[0] != '0':
			return "+1" + d
		case len(d) == 11 && d[0] == '1':
			return "+" + d
		case strings.HasPrefix(d, "011") && len(d) > 11:
			return "+" + d[3:]
		}
		return d // short codes and what is no number of the plan
	}
	switch {
	case strings.HasPrefix(d, "00") && len(d) > 8:
		return "+" + d[2:]
	case d[0] == '0' && len(d) > 6:
		return "+" + country + d[1:]
	case strings.HasPrefix(d, country) && len(d) >= 11:
		return "+" + d
	case len(d) >= 7:
		return "+" + country + d
	}
	return d
}

// hiddenDigits is how many digits of a number its mask hides: those of the subscriber in the North American plan.
const hiddenDigits = 7

// mask hides the last digits of the number and keeps those before them, about country and area.
func (n phone) mask() string {
	keep := max(0, len(n.digits)-hiddenDigits)
	out := n.digits[:keep] + strings.Repeat("X", len(n.digits)-keep)
	if n.international {
		return "+" + out
	}
	return out
}

// shortCallingCodes are the country calling codes of one or two digits; all others have three (ITU-T E.164, list of
// assigned country codes).
var shortCallingCodes = strings.Fields("1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " +
	"60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98")

// national is the number without its country calling code; "" if it is too short to be told from other digits.
func national(e164 string) string {
	n := 3
	for k := 1; k <= 2; k++ {
		if len(e164) > k && slices.Contains(shortCallingCodes, e164[:k]) {
			n = k
		}
	}
	if len(e164)-n < 7 {
		return ""
	}
	return e164[n:]
}
