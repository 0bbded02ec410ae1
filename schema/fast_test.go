package schema

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// The short ways of the decoder and the encoder must say what the long ways say, or nothing.

// TestClock: on timestamps of the usual form, whole or with a byte changed, of few and of many dates.
func TestClock(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	c := newClock()
	short := 0
	for n := range 200_000 {
		at := time.UnixMilli(r.Int64N(40) * 40_000_000)
		if n%10 == 0 {
			at = time.UnixMilli(minSecond*1000 + r.Int64N((maxSecond-minSecond)*1000))
		}
		s := []byte(at.UTC().Format(`2006-01-02T15:04:05.000Z"`))
		for range r.IntN(3) {
			s[r.IntN(len(s))] = "0123456789:;.-/TZ\" \x00\x7f\x80\xb0\xff"[r.IntN(24)]
		}
		body := s[:len(s)-1]
		want, valid := parseTime(body)
		got, ok := c.read(s)
		if ok && (!valid || got != want || s[len(s)-1] != '"') {
			t.Fatalf("%q: read as %d, want %d (%v)", s, got, want, valid)
		}
		if ok {
			short++
		}
		if valid && len(body) == 24 && body[23] == 'Z' {
			c.set(body, want)
			if got, ok := c.read(append(body[:24:24], '"')); !ok || got != want {
				t.Fatalf("%q: read as %d (%v) once the date is known, want %d", body, got, ok, want)
			}
		}
	}
	if short < 1000 {
		t.Errorf("only %d timestamps were read the short way", short)
	}
	if _, ok := c.read([]byte("1970-01-01T00:00:00.000Z")); ok {
		t.Error("a timestamp was read without its closing quote")
	}
}

// TestShortNumber: on everything that looks like a number.
func TestShortNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	short := 0
	for range 300_000 {
		b := make([]byte, 1+r.IntN(24))
		for i := range b {
			b[i] = "0123456789012345678901234567890123456789.-eE+,}] x"[r.IntN(50)]
		}
		for _, scale := range []int{0, moneyScale} {
			got, end := shortNumber(b, 0, scale)
			if end == 0 {
				continue
			}
			short++
			long, err := scanNumber(b, 0)
			if err != nil || end != long {
				t.Fatalf("%q: read to %d, want %d, error %v", b, end, long, err)
			}
			if want, ok := scaled(b[:end], scale); !ok || got != want || got >= moneyLimit {
				t.Fatalf("%q: read as %d, want %d (%v)", b[:end], got, want, ok)
			}
		}
	}
	if short < 1000 {
		t.Errorf("only %d numbers were read the short way", short)
	}
}

// TestEightBytes: the tests of eight bytes at once find the byte that a loop finds.
func TestEightBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 200_000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			if b[i] = byte('a' + r.IntN(26)); r.IntN(12) == 0 {
				b[i] = byte(r.IntN(256))
			}
		}
		want := strings.IndexFunc(string(b), func(c rune) bool { return c < 0x20 || c == '"' || c == '\\' || c > 127 })
		if want < 0 {
			want = len(b)
		}
		if got := plain(b, 0); got != want {
			t.Fatalf("%q: plain to %d, want %d", b, got, want)
		}
		var long []byte
		for _, c := range b {
			if c < 0x20 || c == '"' || c == '\\' {
				long = appendEscaped(long, c)
			} else {
				long = append(long, c)
			}
		}
		if got := string(appendString(nil, string(b))); got != `"`+string(long)+`"` {
			t.Fatalf("%q: escaped as %s, want %s", b, got, long)
		}
	}
}

// TestSpace: with every length of indentation before every byte.
func TestSpace(t *testing.T) {
	for n := range 40 {
		for c := range 256 {
			b := fmt.Appendf(nil, "\n%s\r\t%s", strings.Repeat(" ", n), string([]byte{byte(c), ' ', 'x'}))
			want := n + 3
			if strings.ContainsRune(" \n\r\t", rune(c)) {
				want = len(b) - 1
			}
			if got := space(b, 0); got != want {
				t.Fatalf("%q: white space to %d, want %d", b, got, want)
			}
		}
	}
	if got := space([]byte(" \n  "), 0); got != 4 {
		t.Errorf("white space to the end: %d", got)
	}
}

// TestAppendTime: against the standard library, within the years that a timestamp can have and beyond.
func TestAppendTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for n := range 200_000 {
		micros := (minSecond + r.Int64N(maxSecond-minSecond)) * 1_000_000
		switch n % 4 {
		case 0:
			micros += r.Int64N(1_000_000)
		case 1:
			micros += r.Int64N(1000) * 1000
		case 2:
			micros = r.Int64() - 1<<62
		}
		form := `"2006-01-02T15:04:05.000Z"`
		if micros%1000 != 0 {
			form = `"2006-01-02T15:04:05.000000Z"`
		}
		if got, want := string(appendTime(nil, micros)), time.UnixMicro(micros).UTC().Format(form); got != want {
			t.Fatalf("%d: %s, want %s", micros, got, want)
		}
	}
}
