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
	if i < len(b) && b[i] > ' ' {
		return i
	}
	return skipSpace(b, i)
}

// skipSpace is for the runs of spaces of indented pages: it looks at eight bytes at a time.
func skipSpace(b []byte, i int) int {
	for i < len(b) {
		if i+8 <= len(b) {
			n := bits.TrailingZeros64(binary.LittleEndian.Uint64(b[i:])^(ones*' ')) / 8
			if i += n; n == 8 {
				continue
			}
		}
		if c := b[i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return i
		}
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

// low has the high bit set of the first byte of w that is a quote, a backslash or a control character, and of none
// before it but those above 127. Once the bit 2 is turned, the quote and the control characters are exactly the bytes
// below 0x21.
func low(w uint64) uint64 { return ((w ^ ones*2) - ones*0x21) | ((w ^ ones*'\\') - ones) }

// escapes finds the first byte that a JSON string cannot hold as it is: its high bit is the lowest one set.
func escapes(w uint64) uint64 { return low(w) &^ w & highs }

// special is the same for the bytes that end a run of plain ASCII: those of escapes, and those above 127.
func special(w uint64) uint64 { return (low(w) | w) & highs }

// plain returns the index of the first byte at or after i that ends a run of plain ASCII in a string.
func plain(b []byte, i int) int {
	for i+8 <= len(b) {
		if stop := special(binary.LittleEndian.Uint64(b[i:])); stop != 0 {
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
