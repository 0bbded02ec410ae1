package schema

import "encoding/binary"

// clock reads timestamps of RingCentral's usual form, YYYY-MM-DDThh:mm:ss.sssZ, as three words of eight bytes. It
// remembers the last date, so that of most timestamps only the time of day is computed.
type clock struct {
	month uint64 // YYYY-MM-
	day   uint64 // DDT
	start int64  // the day's first microsecond since 1970 UTC
}

const (
	clockSize = 25 // the usual form and a closing quote
	dayMask   = 0xffffff
	dayMicros = 86400 * 1_000_000
)

func newClock() clock {
	const epoch = "1970-01-01T"
	return clock{
		month: binary.LittleEndian.Uint64([]byte(epoch)),
		day:   uint64(epoch[8]) | uint64(epoch[9])<<8 | uint64(epoch[10])<<16,
	}
}

// set remembers the date of the timestamp s, which is v, if s has the usual form.
func (c *clock) set(s []byte, v int64) {
	if len(s) != clockSize-1 || s[23] != 'Z' {
		return
	}
	c.month, c.day = binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])&dayMask
	c.start = floorDiv(v, dayMicros) * dayMicros
}

// read reads the timestamp that begins at b and the closing quote after it, if it has the usual form and the
// remembered date.
func (c *clock) read(b []byte) (micros int64, ok bool) {
	if len(b) < clockSize || b[clockSize-1] != '"' {
		return 0, false
	}
	month, middle, last := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if month != c.month || middle&dayMask != c.day {
		return 0, false
	}
	// What is left must be hh:mm and :ss.sssZ. From each byte the expected separator or the digit 0 is taken away.
	middle = middle>>24 ^ 0x30303a3030
	last ^= 0x5a3030302e30303a
	if !upTo(middle, 0x0909000909) || !upTo(last, 0x0009090900090900) {
		return 0, false
	}
	h, m, s := twoDigits(middle), twoDigits(middle>>24), twoDigits(last>>8)
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	ms := twoDigits(last>>32)*10 + int64(last>>48&0xff)
	return c.start + ((h*60+m)*60+s)*1_000_000 + ms*1000, true
}

// upTo reports whether no byte of w is above the byte of most, which is below 128, at its place.
func upTo(w, most uint64) bool { return (w+(ones*0x7f-most)|w)&highs == 0 }

// twoDigits is the number whose two digits are the values of the low bytes of w.
func twoDigits(w uint64) int64 { return int64(w&0xff)*10 + int64(w>>8&0xff) }
