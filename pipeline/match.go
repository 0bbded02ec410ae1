package pipeline

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Interaction is one call, SMS or fax as the lake has it: of call log and message store together, each once.
type Interaction struct {
	AccountID string
	ID        string // of the call or message
	At        time.Time
	Kind      string // call, sms or fax
	Direction string // inbound, outbound, or "" where not known
	Number    string // of the other party, verbatim; "" where withheld
	DurationS int64  // -1 where not known, and of all but calls
	IsDeleted bool   // a call that RingCentral has deleted
}

// Closeness says how near an interaction must be to what is expected.
type Closeness struct {
	Time     time.Duration // between the two instants, at most
	Duration time.Duration // between the two lengths, at most
}

// matched is what became of expected interactions: by their places, the place of the interaction that each was matched with, or -1.
type matched struct {
	expected     []Expected
	interactions []Interaction
	with         []int
	takenBy      []int // the other way round
	byNumber     map[string][]int
	close        Closeness
}

// pair is an expected interaction and one that it may be.
type pair struct {
	expected, found        int
	otherKind, otherCourse bool
	apart, longer          time.Duration
}

// match finds for each expected interaction the one that it is: the same number, within the tolerance of time, each at most once. First
// the best pairs are made: of the same kind, then of the same direction, then the nearest in time and length.
func match(expected []Expected, interactions []Interaction, within Closeness) matched {
	m := matched{expected: expected, interactions: interactions, byNumber: map[string][]int{}, close: within,
		with: slices.Repeat([]int{-1}, len(expected)), takenBy: slices.Repeat([]int{-1}, len(interactions))}
	for i, found := range interactions {
		key := numberKey(digitsOf(found.Number))
		m.byNumber[key] = append(m.byNumber[key], i)
	}
	for _, of := range m.byNumber {
		slices.SortStableFunc(of, func(a, b int) int { return interactions[a].At.Compare(interactions[b].At) })
	}
	var pairs []pair
	for e := range expected {
		for _, i := range m.near(e, 0) {
			if !interactions[i].IsDeleted {
				pairs = append(pairs, m.pair(e, i))
			}
		}
	}
	slices.SortStableFunc(pairs, comparePairs)
	for _, p := range pairs {
		if m.with[p.expected] < 0 && m.takenBy[p.found] < 0 {
			m.with[p.expected], m.takenBy[p.found] = p.found, p.expected
		}
	}
	return m
}

func (m matched) pair(e, i int) pair {
	want, found := m.expected[e], m.interactions[i]
	p := pair{expected: e, found: i, otherKind: want.Kind != found.Kind, otherCourse: want.Direction != found.Direction, apart: found.At.Sub(want.At).Abs()}
	if want.DurationS >= 0 && found.DurationS >= 0 {
		p.longer = seconds(found.DurationS - want.DurationS).Abs()
	}
	return p
}

func seconds(s int64) time.Duration { return time.Duration(s) * time.Second }

// comparePairs puts the better pair first.
func comparePairs(a, b pair) int {
	return cmp.Or(ordered(a.otherKind, b.otherKind), ordered(a.otherCourse, b.otherCourse), cmp.Compare(a.apart, b.apart),
		cmp.Compare(a.longer, b.longer), cmp.Compare(a.expected, b.expected), cmp.Compare(a.found, b.found))
}

func ordered(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// near lists the interactions with the number of an expected one, within the tolerance of its time and an offset.
func (m matched) near(e int, offset time.Duration) (out []int) {
	want := m.expected[e]
	digits, at := digitsOf(want.Number), want.At.Add(offset)
	of := m.byNumber[numberKey(digits)]
	first, _ := slices.BinarySearchFunc(of, at.Add(-m.close.Time), func(i int, from time.Time) int { return m.interactions[i].At.Compare(from) })
	for _, i := range of[first:] {
		if m.interactions[i].At.After(at.Add(m.close.Time)) {
			break
		}
		if sameNumber(digits, digitsOf(m.interactions[i].Number)) {
			out = append(out, i)
		}
	}
	return out
}

// toldApart is how many digits from the end tell numbers apart where one of them is written without its country or area.
const toldApart = 7

func numberKey(digits string) string {
	return digits[max(0, len(digits)-toldApart):]
}

// sameNumber says whether two numbers can be the same: all their digits are, or, if that is at least seven, all that the shorter one has.
func sameNumber(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) >= toldApart && strings.HasSuffix(b, a)
}

// mayBeMasked says whether a number with digits blotted out, or none at all, can be the one that is expected.
func mayBeMasked(shown, expected string) bool {
	if shown == "" {
		return true
	}
	if !maskedNumber.MatchString(shown) {
		return false
	}
	left, _, _ := strings.Cut(strings.NewReplacer("x", "X", "*", "X").Replace(shown), "X")
	digits, want := digitsOf(left), digitsOf(expected)
	hidden := len(shown) - len(left)
	return len(want) >= hidden && (strings.HasSuffix(digits, want[:len(want)-hidden]) || strings.HasPrefix(want, digits))
}
