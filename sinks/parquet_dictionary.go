package sinks

import (
	"hash/maphash"
	"math/bits"

	"github.com/apache/arrow-go/v18/parquet"
)

// dictionary is texts as indices into their distinct values.
type dictionary struct {
	texts            // all values
	entries texts    // the distinct ones, in the order in which they first occur
	indices []uint32 // of each value among the entries
	slots   []uint32 // hash table: 1 + index of the entry, 0 where free
	seed    maphash.Seed
}

const dictionaryBytes = 8 << 20 // bound of a dictionary's page; readers hold it in memory

// fill makes the dictionary of the texts and reports whether it pays: whether entries and indices take fewer bytes
// than the texts. If not, nothing of it is of use. Only the texts decide, so that equal texts are written alike.
func (d *dictionary) fill(t texts) bool {
	d.texts = t
	d.entries = texts{offsets: t.offsets, data: t.data, picks: d.entries.picks[:0]}
	d.indices = d.indices[:0]
	d.resize(1 << 8)
	size := 0
	for i := range t.picks {
		v := t.at(i)
		index, isNew := d.index(v, t.picks[i])
		d.indices = append(d.indices, index)
		if !isNew {
			continue
		}
		// Where still half of thousands of values are new, there is no point in going on.
		if size += 4 + len(v); size > dictionaryBytes || i > 4096 && len(d.entries.picks) > i/2 {
			return false
		}
	}
	return len(t.picks) > 0 && size+d.size(0, len(t.picks)) < t.size(0, len(t.picks))
}

// index returns the entry of the value v, and makes one where there is none, of the array's value at pick.
func (d *dictionary) index(v []byte, pick int32) (index uint32, isNew bool) {
	mask := uint64(len(d.slots) - 1)
	at := maphash.Bytes(d.seed, v) & mask
	for ; d.slots[at] != 0; at = (at + 1) & mask {
		if index := d.slots[at] - 1; string(d.entries.at(int(index))) == string(v) {
			return index, false
		}
	}
	d.entries.picks = append(d.entries.picks, pick)
	n := len(d.entries.picks)
	d.slots[at] = uint32(n)
	if 2*n > len(d.slots) {
		d.resize(2 * len(d.slots))
	}
	return uint32(n - 1), true
}

// resize makes the hash table anew, for the entries that there are.
func (d *dictionary) resize(slots int) {
	if cap(d.slots) < slots {
		d.slots = make([]uint32, slots)
	}
	d.slots = d.slots[:slots]
	clear(d.slots)
	mask := uint64(slots - 1)
	for i := range d.entries.picks {
		at := maphash.Bytes(d.seed, d.entries.at(i)) & mask
		for ; d.slots[at] != 0; at = (at + 1) & mask {
		}
		d.slots[at] = uint32(i + 1)
	}
}

func (d *dictionary) encoding() parquet.Encoding { return parquet.Encodings.RLEDict }

func (d *dictionary) size(from, to int) int {
	return (to-from)*bits.Len(uint(len(d.entries.picks)))/8 + 1
}

func (d *dictionary) appendTo(dst []byte, from, to int) []byte {
	return appendIndices(dst, d.indices[from:to], len(d.entries.picks))
}

// bounds looks at entries only, since most values are repetitions.
func (d *dictionary) bounds(from, to int) (least, greatest []byte) {
	if to-from == len(d.indices) {
		return d.entries.bounds(0, len(d.entries.picks))
	}
	return d.texts.bounds(from, to)
}
