package schema

import "encoding/binary"

// memberStart is how a member begins in JSON without white space: its key in quotes and the colon. It is compared
// with the page 24 bytes at a time; longer ones are looked up.
type memberStart struct {
	words, masks [3]uint64
	size         int // 0 for a key that is too long
}

const startSize = 24

func newMemberStart(key string) memberStart {
	var text, mask [startSize]byte
	quoted := `"` + key + `":`
	if len(quoted) > startSize {
		return memberStart{}
	}
	m := memberStart{size: len(quoted)}
	for i := range copy(text[:], quoted) {
		mask[i] = 0xff
	}
	for w := range m.words {
		m.words[w] = binary.LittleEndian.Uint64(text[8*w:])
		m.masks[w] = binary.LittleEndian.Uint64(mask[8*w:])
	}
	return m
}

// begins reports whether the member begins at b.
func (m *memberStart) begins(b *[startSize]byte) bool {
	return m.size > 0 && (binary.LittleEndian.Uint64(b[0:])^m.words[0])&m.masks[0]|
		(binary.LittleEndian.Uint64(b[8:])^m.words[1])&m.masks[1]|
		(binary.LittleEndian.Uint64(b[16:])^m.words[2])&m.masks[2] == 0
}

// shape is an object of the table as one decoder expects it.
type shape struct {
	*object
	rows    *group
	below   []*shape
	columns []*column // by member; nil for objects
	next    [maxMembers + 1]guess
}

// guess is the two members that last followed one member, or began the object: the last first.
type guess struct{ first, second uint8 }

// key reads a member's name at i, where the first guess was wrong. It returns the known member, or -1 and the name as
// canonical JSON writes it, and the index after the colon.
func (d *Decoder) key(s *shape, i, before int) (k int, name []byte, next int, err error) {
	g := &s.next[before]
	if m := &s.starts[g.second]; len(d.page)-i >= startSize && m.begins((*[startSize]byte)(d.page[i:])) {
		g.first, g.second = g.second, g.first
		return int(g.first), nil, i + m.size, nil
	}
	if k, name, next, err = d.lookUp(s, i); k >= 0 {
		g.first, g.second = uint8(k), g.first
	}
	return k, name, next, err
}

// lookUp is key without guesses.
func (d *Decoder) lookUp(s *shape, i int) (k int, name []byte, next int, err error) {
	b := d.page
	t, err := scanKey(b, i)
	if err != nil {
		return -1, nil, i, err
	}
	name = b[i+1 : t.end]
	plainName := name
	if t.escaped {
		d.raw, _ = unescape(d.raw[:0], name)
		plainName = d.raw
		name = appendBody(nil, name)
	}
	if next, err = colon(b, t.end+1); err != nil {
		return -1, nil, next, err
	}
	k, known := s.byKey[string(plainName)]
	if !known {
		return -1, name, next, nil
	}
	return k, nil, next, nil
}
