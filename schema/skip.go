package schema

import "fmt"

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
