package sinks

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	deltaBlock = 128 // deltas of a block; parquet-mr's and arrow's choice, so that every reader has seen it
	deltaMini  = 32  // deltas of a miniblock, which share a width
)

// appendDelta appends values as DELTA_BINARY_PACKED: the first, then blocks of differences, each over the least
// difference of its block.
func appendDelta(dst []byte, values []int64) []byte {
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaBlock/deltaMini)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, values[0])
	for len(values) > 1 {
		n := min(deltaBlock, len(values)-1)
		dst = appendDeltaBlock(dst, values[:n+1])
		values = values[n:]
	}
	return dst
}

// appendDeltaBlock appends the differences of at most 129 values. Differences wrap around, as readers expect.
func appendDeltaBlock(dst []byte, values []int64) []byte {
	var deltas [deltaBlock]uint64
	least := int64(math.MaxInt64)
	n := len(values) - 1
	for i := range n {
		d := values[i+1] - values[i]
		deltas[i] = uint64(d)
		least = min(least, d)
	}
	dst = binary.AppendVarint(dst, least)
	widths := len(dst)
	dst = append(dst, make([]byte, deltaBlock/deltaMini)...) // absent miniblocks keep width 0
	for start := 0; start < n; start += deltaMini {
		var used uint64
		for i := start; i < min(start+deltaMini, n); i++ {
			deltas[i] -= uint64(least)
			used |= deltas[i]
		}
		width := bits.Len64(used)
		dst[widths+start/deltaMini] = byte(width)
		dst = appendPacked(dst, deltas[start:start+deltaMini], width)
	}
	return dst
}
