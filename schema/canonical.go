package schema

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// canon rewrites checked JSON values in one form: no white space, members sorted by name and without nulls, of
// equal names the last, numbers verbatim, strings with the fewest escapes. Its scratch is reused from value to value.
type canon struct {
	names   []byte // unescaped names of the open objects
	members []span
}

// span is one member of an object that is being rewritten.
type span struct {
	nameFrom, nameTo int // in canon.names, canonical string body
	from, to         int // value, in the source
}

func (c *canon) append(dst, v []byte) []byte {
	switch v[0] {
	case '{':
		return c.object(dst, v)
	case '[':
		return c.array(dst, v)
	case '"':
		dst = append(dst, '"')
		dst = appendBody(dst, v[1:len(v)-1])
		return append(dst, '"')
	}
	return append(dst, v...)
}

func (c *canon) array(dst, v []byte) []byte {
	dst = append(dst, '[')
	first := true
	for i := space(v, 1); v[i] != ']'; first = false {
		end, _ := skipValue(v, i, 0)
		if !first {
			dst = append(dst, ',')
		}
		dst = c.append(dst, v[i:end])
		i = space(v, end)
		if v[i] == ',' {
			i = space(v, i+1)
		}
	}
	return append(dst, ']')
}

func (c *canon) object(dst, v []byte) []byte {
	nameBase, base := len(c.names), len(c.members)
	for i := space(v, 1); v[i] != '}'; {
		key, _ := scanString(v, i+1)
		from := len(c.names)
		c.names = appendBody(c.names, v[i+1:key.end])
		i, _ = colon(v, key.end+1)
		end, _ := skipValue(v, i, 0)
		c.members = append(c.members, span{from, len(c.names), i, end})
		i = space(v, end)
		if v[i] == ',' {
			i = space(v, i+1)
		}
	}
	members := c.members[base:]
	slices.SortStableFunc(members, func(a, b span) int {
		return bytes.Compare(c.names[a.nameFrom:a.nameTo], c.names[b.nameFrom:b.nameTo])
	})
	dst = append(dst, '{')
	first := true
	for k := range members {
		m := c.members[base+k]
		if base+k+1 < len(c.members) && c.sameName(m, c.members[base+k+1]) || v[m.from] == 'n' {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, c.names[m.nameFrom:m.nameTo]...)
		dst = append(dst, '"', ':')
		dst = c.append(dst, v[m.from:m.to])
	}
	c.names, c.members = c.names[:nameBase], c.members[:base]
	return append(dst, '}')
}

func (c *canon) sameName(a, b span) bool {
	return bytes.Equal(c.names[a.nameFrom:a.nameTo], c.names[b.nameFrom:b.nameTo])
}

// appendBody appends the checked string body s with the fewest escapes. Half of a surrogate pair stays an escape.
func appendBody(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		if s[i+1] != 'u' {
			dst = appendEscaped(dst, unescapeByte(s[i+1]))
			i += 2
			continue
		}
		r, n := runeAt(s, i)
		switch {
		case n == 0:
			dst = append(dst, '\\', 'u')
			dst = append(dst, bytes.ToLower(s[i+2:i+6])...)
			n = 6
		case r < utf8.RuneSelf:
			dst = appendEscaped(dst, byte(r))
		default:
			dst = utf8.AppendRune(dst, r)
		}
		i += n
	}
	return dst
}

// appendEscaped appends one ASCII character of a string, escaped where JSON asks for it.
func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c < 0x20 {
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(dst, c)
}
