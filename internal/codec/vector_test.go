package codec

import (
	"encoding/binary"
	"hash/adler32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// In a build with GOEXPERIMENT=simd these compare the vector forms with the scalar ones, in others the scalar ones with themselves.

func FuzzUnshuffleLanes(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed*7), uint8(seed), uint8(seed*5))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n, used, top uint8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		lanes := 4 + int(seed&1)*4
		top &= 0x7f
		l := make([]Lane, 1+int(used)%lanes)
		for i := range l {
			from, planes := rng.IntN(40), [4][]byte{}
			for k := range planes {
				planes[k] = make([]byte, from+int(n), from+int(n)+1)
				for j := range planes[k] {
					planes[k][j] = byte(rng.Uint32())
					if k == 3 && seed&2 != 0 { // else most are over, by their upper byte
						planes[k][j] = planes[k][j] & 0x8f
					}
				}
			}
			l[i] = Lane{&planes, from}
		}
		got, want := make([]float64, int(n)*lanes), make([]float64, int(n)*lanes)
		over := UnshuffleLanes(got, lanes, l, int(n), top)
		for i, x := range l {
			if n > 0 && UnshuffleLane(want[i:], lanes, x.Planes, x.From, int(n), top) {
				over = !over
				for k := range l[i+1:] {
					UnshuffleLane(want[i+1+k:], lanes, l[i+1+k].Planes, l[i+1+k].From, int(n), top)
				}
				break
			}
		}
		if over {
			t.Errorf("%d elements, %d lanes of %d: over differs", n, len(l), lanes)
		}
		for i := range want {
			if i%lanes < len(l) && math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Fatalf("%d elements, %d lanes of %d: element %d, lane %d is %x, want %x", n, len(l), lanes, i/lanes, i%lanes,
					math.Float64bits(got[i]), math.Float64bits(want[i]))
			}
		}
	})
}

func FuzzAdler32(f *testing.F) {
	f.Add([]byte{}, uint16(0), byte(0))
	f.Add([]byte("deflate"), uint16(9000), byte(255)) // 63 kB and the longest vector run
	f.Add([]byte{0xff}, uint16(65535), byte(255))
	f.Fuzz(func(t *testing.T, part []byte, times uint16, last byte) {
		if len(part) == 0 || len(part)*int(times) > 1<<20 {
			part = append(part, last)
			times %= 1000
		}
		var b []byte
		for range times {
			b = append(b, part...)
		}
		b = append(b, last)
		if got, want := Adler32(b), adler32.Checksum(b); got != want {
			t.Errorf("%d bytes: %08x, want %08x", len(b), got, want)
		}
		cut := len(b) * int(last) / 256
		if got, want := updateAdler32(Adler32(b[:cut]), b[cut:]), adler32.Checksum(b); got != want {
			t.Errorf("%d bytes after %d: %08x, want %08x", len(b)-cut, cut, got, want)
		}
	})
}

// TestSwap32 compares with encoding/binary, at every length that fills vectors in part, in place too.
func TestSwap32(t *testing.T) {
	const from, to = 0xff7fffff, 0x7fc00000
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		src, want := make([]uint32, n), make([]uint32, n)
		for i := range src {
			want[i] = r.Uint32()
			if r.IntN(3) == 0 {
				want[i] = from
			}
			src[i] = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, want[i]))
			if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 { // a big-endian machine: the opposite is little
				src[i] = binary.NativeEndian.Uint32(binary.LittleEndian.AppendUint32(nil, want[i]))
			}
			if want[i] == from {
				want[i] = to
			}
		}
		dst := make([]uint32, n)
		if Swap32(dst, src, from, to); !slices.Equal(dst, want) {
			t.Fatalf("%d words: %x, want %x", n, dst, want)
		}
		if Swap32(src, src, from, to); !slices.Equal(src, want) {
			t.Fatalf("%d words in place: %x, want %x", n, src, want)
		}
	}
}
