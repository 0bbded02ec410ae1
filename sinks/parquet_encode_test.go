package sinks

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
)

// runs invents values below 1<<width, some of them in runs.
func runs[T uint8 | uint32](r *rand.Rand, n, width int) []T {
	var out []T
	for len(out) < n {
		v := T(r.Uint64() & (1<<width - 1))
		for range 1 + r.IntN(3)*r.IntN(30) {
			out = append(out, v)
		}
	}
	return out[:n]
}

func TestHybridIsReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for width := 1; width <= 32; width++ {
		for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 1000, 5000} {
			checkIndices(t, runs[uint32](r, n, width), width)
			if width <= 8 {
				checkLevels(t, runs[uint8](r, n, width), width)
			}
		}
	}
}

func checkLevels(t *testing.T, values []uint8, width int) {
	t.Helper()
	encoded := appendHybrid([]byte("before"), values, width)
	got, err := (&rle.Encoding{BitWidth: width}).DecodeLevels(nil, encoded[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	checkPadded(t, got, values)
}

func checkIndices(t *testing.T, values []uint32, width int) {
	t.Helper()
	got, err := (&rle.Encoding{BitWidth: width}).DecodeInt32(nil, appendHybrid(nil, values, width))
	if err != nil {
		t.Fatal(err)
	}
	unsigned := make([]uint32, len(got))
	for i, v := range got {
		unsigned[i] = uint32(v)
	}
	checkPadded(t, unsigned, values)
}

// checkPadded compares decoded values: the last literal may be followed by zeros, up to a whole group of eight.
func checkPadded[T uint8 | uint32](t *testing.T, got, want []T) {
	t.Helper()
	if len(got) < len(want) || len(got) >= len(want)+8 {
		t.Fatalf("%d values became %d", len(want), len(got))
	}
	for i, v := range got {
		if i >= len(want) && v != 0 || i < len(want) && v != want[i] {
			t.Fatalf("value %d of %d became %d", i, len(want), v)
		}
	}
}

// TestHybridIsSmall holds the choice between runs and literals: levels are not compressed after it.
func TestHybridIsSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for name, test := range map[string]struct {
		values []uint8
		most   int
	}{
		"one run":               {make([]uint8, 100_000), 4},
		"noise":                 {runsOfOne(r, 8000), 1000 + 3},
		"short runs in noise":   {append(runsOfOne(r, 80), append(make([]uint8, 16), runsOfOne(r, 80)...)...), 22 + 2},
		"a long run amid noise": {append(runsOfOne(r, 80), append(make([]uint8, 800), runsOfOne(r, 80)...)...), 20 + 6},
	} {
		if n := len(appendHybrid(nil, test.values, 1)); n > test.most {
			t.Errorf("%s: %d bytes, want at most %d", name, n, test.most)
		}
	}
}

func runsOfOne(r *rand.Rand, n int) []uint8 {
	out := make([]uint8, n)
	for i := range out {
		out[i] = uint8(r.IntN(2))
	}
	return out
}

func FuzzHybrid(f *testing.F) {
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 3}, uint8(2))
	f.Add([]byte{}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, w uint8) {
		width := 1 + int(w)%32
		levels, indices := make([]uint8, len(data)), make([]uint32, len(data))
		for i, b := range data {
			levels[i] = b & (1<<min(width, 8) - 1)
			indices[i] = uint32(b) * 0x01010101 & uint32(1<<width-1)
		}
		checkLevels(t, levels, min(width, 8))
		checkIndices(t, indices, width)
	})
}

func TestPackedIsReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for width := 0; width <= 64; width++ {
		for _, n := range []int{0, 1, 8, 31, 32} {
			values := make([]uint64, n)
			for i := range values {
				values[i] = r.Uint64() & uint64(1<<width-1)
			}
			packed := appendPacked([]byte{9}, values, width)[1:]
			if len(packed) != (n+7)/8*width {
				t.Fatalf("%d values of %d bits take %d bytes", n, width, len(packed))
			}
			for i, want := range values {
				if got := unpack(packed, i*width, width); got != want {
					t.Fatalf("value %d of %d bits: %d became %d", i, width, want, got)
				}
			}
		}
	}
}

// unpack reads a number bit by bit.
func unpack(packed []byte, at, width int) (v uint64) {
	for i := range width {
		v |= uint64(packed[(at+i)/8]>>((at+i)%8)&1) << i
	}
	return v
}

func checkDelta(t *testing.T, values []int64) {
	t.Helper()
	got, err := (&delta.BinaryPackedEncoding{}).DecodeInt64(nil, appendDelta(nil, values))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(values, got) {
		t.Fatal(cmp.Diff(values, got))
	}
}

func TestDeltaIsReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for width := 0; width <= 64; width++ {
		for _, n := range []int{0, 1, 2, 32, 33, 128, 129, 130, 257, 1000} {
			values := make([]int64, n)
			for i := range values {
				values[i] = int64(r.Uint64() & uint64(1<<width-1))
			}
			checkDelta(t, values)
		}
	}
	checkDelta(t, []int64{math.MaxInt64, math.MinInt64, 0, -1, math.MinInt64, math.MaxInt64})
}

// TestDeltaOfEvenStepsIsShort holds that differences are taken at all: equal ones need no bits.
func TestDeltaOfEvenStepsIsShort(t *testing.T) {
	values := make([]int64, 1+100*deltaBlock)
	for i := range values {
		values[i] = 1_763_683_200_000_000 + int64(i)*1_000_000
	}
	if n := len(appendDelta(nil, values)); n > 100*8+16 {
		t.Errorf("%d bytes", n)
	}
}

func FuzzDelta(f *testing.F) {
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Add(make([]byte, 8*200))
	f.Fuzz(func(t *testing.T, data []byte) {
		values := make([]int64, len(data)/8)
		for i := range values {
			values[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
		checkDelta(t, values)
		for i := range values { // and the small numbers that columns hold
			values[i] >>= 64 - bits.Len8(data[0])
		}
		checkDelta(t, values)
	})
}
