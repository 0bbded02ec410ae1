package schema

import (
	"math"
	"strconv"
)

// Money columns are DECIMAL(18,4).
const (
	moneyPrecision = 18
	moneyScale     = 4
	moneyLimit     = 1_000_000_000_000_000_000 // 10^18
)

// scaled returns the value of the JSON number s times 10^scale, if that is an integer that fits an int64.
func scaled(s []byte, scale int) (int64, bool) {
	neg := s[0] == '-'
	if neg {
		s = s[1:]
	}
	var n uint64
	exp := scale // what is left to multiply by, as a power of ten
	zeros := 0   // zeros read that count only if another digit follows
	frac := false
	for i, c := range s {
		switch {
		case c == '.':
			frac = true
			continue
		case c == 'e' || c == 'E':
			e, err := strconv.Atoi(string(s[i+1:]))
			if err != nil {
				return 0, n == 0
			}
			return finish(n, exp+zeros+clampExp(e), neg)
		case c == '0':
			zeros++
		default:
			for range zeros + 1 {
				if n > math.MaxUint64/10 {
					return 0, false
				}
				n *= 10
			}
			zeros = 0
			if n > math.MaxUint64-uint64(c-'0') {
				return 0, false
			}
			n += uint64(c - '0')
		}
		if frac {
			exp--
		}
	}
	return finish(n, exp+zeros, neg)
}

func clampExp(e int) int { return max(-1_000_000, min(e, 1_000_000)) }

// finish returns n times 10^exp with its sign, where n ends in no zero or is zero.
func finish(n uint64, exp int, neg bool) (int64, bool) {
	if n == 0 {
		return 0, true
	}
	if exp < 0 {
		return 0, false
	}
	for ; exp > 0; exp-- {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n *= 10
	}
	if neg {
		if n > -math.MinInt64 {
			return 0, false
		}
		return -int64(n), true
	}
	return int64(n), n <= math.MaxInt64
}

// parseInteger reads a JSON number whose value is an int64.
func parseInteger(s []byte) (int64, bool) { return scaled(s, 0) }

// parseMoney reads a JSON number whose value fits DECIMAL(18,4), in ten-thousandths.
func parseMoney(s []byte) (int64, bool) {
	n, ok := scaled(s, moneyScale)
	return n, ok && n < moneyLimit && n > -moneyLimit
}

// appendMoney writes n ten-thousandths as a JSON number without trailing zeros.
func appendMoney(dst []byte, n int64) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	dst = strconv.AppendInt(dst, n/10_000, 10)
	frac := n % 10_000
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(1000); frac > 0; unit /= 10 {
		dst = append(dst, byte('0'+frac/unit))
		frac %= unit
	}
	return dst
}

// shortNumber reads the JSON number at i as an integer of 10^-scale if it is short and has at most scale digits
// after its point, as nearly all have; if not, it returns i.
func shortNumber(b []byte, i, scale int) (v int64, end int) {
	const most = 18 // digits that always fit, and stay below moneyLimit
	end = i
	for end < len(b) && b[end]-'0' <= 9 {
		v = v*10 + int64(b[end]-'0')
		end++
	}
	n := end - i
	if n == 0 || n+scale > most || n > 1 && b[i] == '0' {
		return 0, i
	}
	left := scale
	if scale > 0 && end < len(b) && b[end] == '.' {
		for end++; left > 0 && end < len(b) && b[end]-'0' <= 9; left-- {
			v = v*10 + int64(b[end]-'0')
			end++
		}
		if left == scale {
			return 0, i
		}
	}
	if end < len(b) && (b[end]-'0' <= 9 || b[end] == '.' || b[end]|0x20 == 'e') {
		return 0, i
	}
	for ; left > 0; left-- {
		v *= 10
	}
	return v, end
}
