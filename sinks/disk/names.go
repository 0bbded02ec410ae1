package disk

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// path returns the file of a key: each part between slashes is a name. No key leaves the bucket's directory.
func (b *bucket) path(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = escape(part)
	}
	return filepath.Join(b.dir, filepath.Join(parts...))
}

// escape makes a part of a key a file's name: what a name cannot have, the percent sign, the dots of the names that mean
// a directory, and the dot of the names that are the driver's own become %XX, and an empty part becomes %.
func escape(part string) string {
	switch {
	case part == "":
		return "%"
	case part == "." || strings.HasPrefix(part, reserved):
		return "%2E" + escapeBytes(part[1:])
	case part == "..":
		return "%2E%2E"
	}
	return escapeBytes(part)
}

func escapeBytes(part string) string {
	var out strings.Builder
	for i := range len(part) {
		if c := part[i]; c < ' ' || c == '%' || filepath.Separator == '\\' && strings.IndexByte(`\<>:"|?*`, c) >= 0 {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// unescape returns the part of a key that a name stands for; ok is false for a name that escape does not make, which is
// somebody else's file.
func unescape(name string) (part string, ok bool) {
	if name == "%" {
		return "", true
	}
	var out strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			out.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", false
		}
		c, err := strconv.ParseUint(name[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out.WriteByte(byte(c))
		i += 2
	}
	part = out.String()
	return part, escape(part) == name
}
