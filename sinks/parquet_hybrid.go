package sinks

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The encoders of this file and its neighbours are pure: they append the encoded form of their values to dst and return
// it. The forms are those of the Parquet format, https://parquet.apache.org/docs/file-format/data-pages/encodings/.

// appendHybrid appends values below 1<<width as runs, either one value and its count or values packed into width bits
// each (RLE/bit-packing hybrid, without a length before it). Width is 1 to 32.
func appendHybrid[T uint8 | uint32](dst []byte, values []T, width int) []byte {
	least := leastRun(width)
	for len(values) > 0 {
		n := runLength(values)
		if n >= least || n == len(values) {
			dst = binary.AppendUvarint(dst, uint64(n)<<1)
			for at := 0; at < width; at += 8 {
				dst = append(dst, byte(uint32(values[0])>>at))
			}
		} else {
			n = literalLength(values, least)
			dst = binary.AppendUvarint(dst, uint64(n+7)/8<<1|1)
			dst = appendPacked(dst, values[:n], width)
		}
		values = values[n:]
	}
	return dst
}

// leastRun is the length, in whole groups of eight, from which on a run is shorter than the same values packed: a run
// costs its count, its value and, most often, the header of the literal after it.
func leastRun(width int) int {
	run := 2 + (width+7)/8
	return 8 * (1 + run/width)
}

func runLength[T comparable](values []T) int {
	n := 1
	for n < len(values) && values[n] == values[0] {
		n++
	}
	return n
}

// literalLength is how many values come before the next run worth its own header. It is a multiple of eight unless the
// values end, since packed values come in groups of eight.
func literalLength[T comparable](values []T, least int) int {
	for n := 8; n+least <= len(values); n += 8 {
		if runLength(values[n:n+least]) == least {
			return n
		}
	}
	return len(values)
}

// appendPacked appends the low width bits (at most 64) of each value, first value lowest, and zeros up to a multiple of
// eight values.
func appendPacked[T uint8 | uint32 | uint64](dst []byte, values []T, width int) []byte {
	size, start := (len(values)+7)/8*width, len(dst)
	dst = slices.Grow(dst, size+8)[:start+size+8] // whole words are stored; what hangs over is cut off below
	out := dst[start:]
	var word uint64
	filled := 0
	for _, v := range values {
		word |= uint64(v) << filled
		if filled += width; filled >= 64 {
			binary.LittleEndian.PutUint64(out, word)
			out = out[8:]
			filled -= 64
			word = uint64(v) >> (width - filled)
		}
	}
	binary.LittleEndian.PutUint64(out, word)
	clear(out[8:])
	return dst[:start+size]
}

// appendIndices appends indices into a dictionary of the given number of entries: their width, then the hybrid.
func appendIndices(dst []byte, indices []uint32, entries int) []byte {
	width := max(1, bits.Len(uint(entries-1)))
	return appendHybrid(append(dst, byte(width)), indices, width)
}
