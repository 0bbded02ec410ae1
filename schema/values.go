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

// parseTime reads a timestamp in one of RingCentral's forms, in microseconds since 1970 UTC:
// YYYY-MM-DDThh:mm:ss, up to six digits of fraction (more if they are zeros), and Z, ±hh:mm or ±hhmm.
func parseTime(s []byte) (int64, bool) {
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year, month, day := number(s[0:4]), number(s[5:7]), number(s[8:10])
	hour, minute, second := number(s[11:13]), number(s[14:16]), number(s[17:19])
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false
	}
	micros, rest, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := zone(rest)
	if !ok {
		return 0, false
	}
	secs := int64(daysFromCivil(year, month, day))*86400 + int64(hour*3600+minute*60+second) - int64(offset)
	if secs < minSecond || secs > maxSecond {
		return 0, false
	}
	return secs*1_000_000 + int64(micros), true
}

// Seconds since 1970 of the first and the last second that four digits of a year can write.
const (
	minSecond = -62135596800 // 0001-01-01T00:00:00Z
	maxSecond = 253402300799 // 9999-12-31T23:59:59Z
)

// number reads a short run of digits; -1 if it holds anything else.
func number(s []byte) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func fraction(s []byte) (micros int, rest []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	end := digits(s, 1)
	if end == 1 {
		return 0, nil, false
	}
	unit := 100_000
	for _, c := range s[1:end] {
		if unit == 0 && c != '0' {
			return 0, nil, false
		}
		micros += int(c-'0') * unit
		unit /= 10
	}
	return micros, s[end:], true
}

// zone reads Z, ±hh:mm or ±hhmm as seconds east of UTC.
func zone(s []byte) (int, bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	if len(s) == 6 && s[3] == ':' {
		s = []byte{s[0], s[1], s[2], s[4], s[5]}
	}
	if len(s) != 5 || (s[0] != '+' && s[0] != '-') {
		return 0, false
	}
	hour, minute := number(s[1:3]), number(s[3:5])
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return 0, false
	}
	offset := hour*3600 + minute*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil counts the days from 1970-01-01, by Howard Hinnant's public-domain calendar algorithm.
func daysFromCivil(y, m, d int) int {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}
