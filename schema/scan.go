package schema

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// SyntaxError says that a page is not JSON as RFC 8259 defines it, or not a page.
type SyntaxError struct {
	Offset int    // byte of the page, from 0
	Msg    string // what is wrong there
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Msg) }

func syntax(at int, msg string) error { return &SyntaxError{Offset: at, Msg: msg} }

// maxDepth bounds how deep values nest; RingCentral's records go to 5.
const maxDepth = 128

// space returns the index of the first byte at or after i that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// text is what scanString found: where the string ends and whether it must be unescaped.
type text struct {
	end     int // index of the closing quote
	escaped bool
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns the index of the first byte at or after i that ends a run of plain ASCII in a string:
// a quote, a backslash, a control character or a byte above 127. It looks at eight bytes at a time.
func plain(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		stop := (quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w | w
		if stop &= highs; stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// scanString checks the string whose first byte after the opening quote is at i.
func scanString(b []byte, i int) (text, error) {
	var t text
	for {
		i = plain(b, i)
		if i >= len(b) {
			return t, syntax(i, "the string is not closed")
		}
		switch c := b[i]; {
		case c == '"':
			t.end = i
			return t, nil
		case c == '\\':
			n := escapeLen(b, i)
			if n == 0 {
				return t, syntax(i, "this escape is not one of JSON's")
			}
			t.escaped = true
			i += n
		case c < 0x20:
			return t, syntax(i, "a control character must be escaped in a string")
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				return t, syntax(i, "the string is not valid UTF-8")
			}
			i += n
		}
	}
}

// escapeLen returns the length of the escape sequence at i, or 0 if it is none.
func escapeLen(b []byte, i int) int {
	if i+1 >= len(b) {
		return 0
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b, i+2); ok {
			return 6
		}
	}
	return 0
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescape appends what the checked string body s stands for. It reports false, with dst as it was, where s
// holds half of a surrogate pair, which UTF-8 cannot express.
func unescape(dst, s []byte) ([]byte, bool) {
	was := len(dst)
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			n := i
			for n < len(s) && s[n] != '\\' {
				n++
			}
			dst = append(dst, s[i:n]...)
			i = n
			continue
		}
		if s[i+1] != 'u' {
			dst = append(dst, unescapeByte(s[i+1]))
			i += 2
			continue
		}
		r, n := runeAt(s, i)
		if n == 0 {
			return dst[:was], false
		}
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst, true
}

// runeAt reads the \u escape at i, or the two of a surrogate pair; n is 0 for half a pair.
func runeAt(s []byte, i int) (r rune, n int) {
	r, _ = hex4(s, i+2)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if i+8 <= len(s) && s[i+6] == '\\' && s[i+7] == 'u' {
		if low, ok := hex4(s, i+8); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return 0, 0
}

func unescapeByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// scanNumber checks the number at i and returns the index after it.
func scanNumber(b []byte, i int) (int, error) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && '1' <= b[i] && b[i] <= '9':
		i = digits(b, i)
	default:
		return i, syntax(start, "expected a value")
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b, i+1)
		if n == i+1 {
			return i, syntax(i, "a digit must follow the decimal point")
		}
		i = n
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b, i)
		if n == i {
			return i, syntax(i, "a digit must follow the exponent")
		}
		i = n
	}
	return i, nil
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// skipValue checks the value that begins at i and returns the index after it.
func skipValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, syntax(i, "the page is cut short")
	}
	if depth > maxDepth {
		return i, syntax(i, fmt.Sprintf("values nest deeper than %d", maxDepth))
	}
	switch b[i] {
	case '"':
		t, err := scanString(b, i+1)
		return t.end + 1, err
	case '{':
		return skipObject(b, i+1, depth)
	case '[':
		return skipArray(b, i+1, depth)
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	}
	return scanNumber(b, i)
}

func literal(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, syntax(i, "expected a value")
	}
	return i + len(word), nil
}

func skipObject(b []byte, i, depth int) (int, error) {
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		key, err := scanKey(b, i)
		if err != nil {
			return i, err
		}
		if i, err = colon(b, key.end+1); err != nil {
			return i, err
		}
		if i, err = skipValue(b, i, depth+1); err != nil {
			return i, err
		}
		more := false
		if i, more, err = comma(b, i, '}'); err != nil || !more {
			return i, err
		}
	}
}

func skipArray(b []byte, i, depth int) (int, error) {
	i = space(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = skipValue(b, i, depth+1); err != nil {
			return i, err
		}
		more := false
		if i, more, err = comma(b, i, ']'); err != nil || !more {
			return i, err
		}
	}
}

// scanKey checks that a member's name begins at i.
func scanKey(b []byte, i int) (text, error) {
	if i >= len(b) {
		return text{}, syntax(i, "the page is cut short")
	}
	if b[i] != '"' {
		return text{}, syntax(i, "expected a member's name in quotes")
	}
	return scanString(b, i+1)
}

// colon passes the colon after a member's name and returns where its value begins.
func colon(b []byte, i int) (int, error) {
	i = space(b, i)
	if i >= len(b) || b[i] != ':' {
		return i, syntax(i, "expected a colon after the member's name")
	}
	return space(b, i+1), nil
}

// comma passes what follows a value inside an object or array: a comma and the next value, or the end.
func comma(b []byte, i int, end byte) (next int, more bool, err error) {
	i = space(b, i)
	if i >= len(b) {
		return i, false, syntax(i, "the page is cut short")
	}
	switch b[i] {
	case ',':
		return space(b, i+1), true, nil
	case end:
		return i + 1, false, nil
	}
	return i, false, syntax(i, fmt.Sprintf("expected a comma or %q", end))
}
