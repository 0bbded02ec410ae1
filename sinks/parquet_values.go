package sinks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/parquet"
)

// values are those of one column of a row group that are not null, in order.
type values interface {
	encoding() parquet.Encoding
	// size is about how many bytes the values [from, to) take, encoded, if they are as varied as can be.
	size(from, to int) int
	// appendTo appends the encoded values [from, to) to dst.
	appendTo(dst []byte, from, to int) []byte
	// bounds returns the least and the greatest of the values [from, to), of which there is one at least, as statistics
	// encode them.
	bounds(from, to int) (least, greatest []byte)
}

// texts are UTF-8 values, plain: each after its length.
type texts struct {
	offsets []int32 // of the Arrow array
	data    []byte  // of the Arrow array
	picks   []int32 // which of the array's values
}

func newTexts(a *array.String, picks []int32) texts {
	t := texts{offsets: a.ValueOffsets(), data: []byte{}, picks: picks}
	if b := a.Data().Buffers()[2]; b != nil {
		t.data = b.Bytes()
	}
	return t
}

func (t texts) at(i int) []byte {
	p := t.picks[i]
	return t.data[t.offsets[p]:t.offsets[p+1]]
}

func (t texts) encoding() parquet.Encoding { return parquet.Encodings.Plain }

func (t texts) size(from, to int) int {
	n := 4 * (to - from)
	for _, p := range t.picks[from:to] {
		n += int(t.offsets[p+1] - t.offsets[p])
	}
	return n
}

func (t texts) appendTo(dst []byte, from, to int) []byte {
	dst = slices.Grow(dst, t.size(from, to))
	for i := from; i < to; i++ {
		v := t.at(i)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
		dst = append(dst, v...)
	}
	return dst
}

func (t texts) bounds(from, to int) (least, greatest []byte) {
	least, greatest = t.at(from), t.at(from)
	for i := from + 1; i < to; i++ {
		if v := t.at(i); bytes.Compare(v, greatest) > 0 {
			greatest = v
		} else if bytes.Compare(v, least) < 0 {
			least = v
		}
	}
	return least, greatest
}

// integers are whole numbers, or instants in microseconds, as differences.
type integers []int64

func (n integers) encoding() parquet.Encoding { return parquet.Encodings.DeltaBinaryPacked }

func (n integers) size(from, to int) int { return 8 * (to - from) }

func (n integers) appendTo(dst []byte, from, to int) []byte { return appendDelta(dst, n[from:to]) }

func (n integers) bounds(from, to int) (least, greatest []byte) {
	return binary.LittleEndian.AppendUint64(nil, uint64(slices.Min(n[from:to]))),
		binary.LittleEndian.AppendUint64(nil, uint64(slices.Max(n[from:to])))
}

// decimals are numbers without their point, plain: the format allows differences here too, but not every engine has
// thought of it.
type decimals struct{ integers }

func (d decimals) encoding() parquet.Encoding { return parquet.Encodings.Plain }

func (d decimals) appendTo(dst []byte, from, to int) []byte {
	for _, v := range d.integers[from:to] {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

// flags are booleans, packed.
type flags []byte

func (b flags) encoding() parquet.Encoding { return parquet.Encodings.Plain }

func (b flags) size(from, to int) int { return (to-from)/8 + 1 }

func (b flags) appendTo(dst []byte, from, to int) []byte {
	n := len(dst) + (to-from+7)/8
	return appendPacked(dst, b[from:to], 1)[:n]
}

func (b flags) bounds(from, to int) (least, greatest []byte) {
	return []byte{slices.Min(b[from:to])}, []byte{slices.Max(b[from:to])}
}

// pickIntegers returns the picked values of an array of whole numbers, instants or decimals, in the given buffer.
func pickIntegers(a arrow.Array, picks []int32, out []int64) (integers, error) {
	out = slices.Grow(out[:0], len(picks))
	switch a := a.(type) {
	case *array.Int64:
		return pick(a.Int64Values(), picks, out), nil
	case *array.Timestamp:
		if t := a.DataType().(*arrow.TimestampType); t.Unit != arrow.Microsecond {
			return nil, fmt.Errorf("instants in %s cannot be written, only in microseconds", t.Unit)
		}
		return pick(arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues())), picks, out), nil
	case *array.Decimal128:
		return pickDecimals(a.Values(), picks, out)
	}
	return nil, fmt.Errorf("cannot write %s", a.DataType())
}

func pick(from []int64, picks []int32, out []int64) integers {
	for _, p := range picks {
		out = append(out, from[p])
	}
	return out
}

func pickDecimals(from []decimal128.Num, picks []int32, out []int64) (integers, error) {
	for _, p := range picks {
		low := int64(from[p].LowBits())
		if from[p].HighBits() != low>>63 {
			return nil, fmt.Errorf("row %d: %s does not fit 18 digits", p, from[p].BigInt())
		}
		out = append(out, low)
	}
	return out, nil
}

func pickFlags(a *array.Boolean, picks []int32, out []byte) flags {
	out = out[:0]
	for _, p := range picks {
		out = append(out, level(a.Value(int(p))))
	}
	return out
}
