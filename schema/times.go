package schema

import "time"

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

// appendTime writes an instant as RingCentral does, with milliseconds, or microseconds where it has them.
func appendTime(dst []byte, micros int64) []byte {
	day := floorDiv(micros, dayMicros)
	rest := int(micros - day*dayMicros)
	if secs := day * 86400; secs < minSecond || secs > maxSecond { // no timestamp of ours; whatever it is, say it
		form := `"2006-01-02T15:04:05.000Z"`
		if micros%1000 != 0 {
			form = `"2006-01-02T15:04:05.000000Z"`
		}
		return time.UnixMicro(micros).UTC().AppendFormat(dst, form)
	}
	y, m, d := civilFromDays(int(day))
	dst = append(dst, '"')
	dst = append(appendPair(appendPair(dst, y/100), y%100), '-')
	dst = append(appendPair(dst, m), '-')
	dst = append(appendPair(dst, d), 'T')
	secs := rest / 1_000_000
	dst = append(appendPair(dst, secs/3600), ':')
	dst = append(appendPair(dst, secs/60%60), ':')
	dst = append(appendPair(dst, secs%60), '.')
	frac := rest % 1_000_000
	dst = append(appendPair(dst, frac/10_000), byte('0'+frac/1000%10))
	if frac %= 1000; frac != 0 {
		dst = append(appendPair(dst, frac/10), byte('0'+frac%10))
	}
	return append(dst, 'Z', '"')
}

// appendPair writes a number below 100 with two digits.
func appendPair(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civilFromDays is the inverse of daysFromCivil for years from 1, by the same source.
func civilFromDays(days int) (y, m, d int) {
	days += 719468
	era := days / 146097
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	y, m, d = yoe+era*400, mp+3, doy-(153*mp+2)/5+1
	if m > 12 {
		y, m = y+1, m-12
	}
	return y, m, d
}
