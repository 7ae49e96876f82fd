package codec

import (
	"encoding/binary"
	"math"
)

// UnshuffleLane widens the float32 elements from, from+1, ... whose bytes lie in the planes p, least
// significant first, to every lanes-th place of dst, lanes being 4 or 8:
//
//	dst[i*lanes] = element from+i        for i < n
//
// It says whether the upper byte of one of them, without the sign, is at least top: none is NaN or infinite,
// and none is larger than 2^(2 top - 127), where that is false and top at most 0x7f.
func UnshuffleLane(dst []float64, lanes int, p *[4][]byte, from, n int, top byte) (over bool) {
	p0, p1, p2, p3 := p[0][from:from+n], p[1][from:from+n], p[2][from:from+n], p[3][from:from+n]
	if n < 8 {
		for i := range p0 {
			over = over || p3[i]&0x7f >= top
			dst[i*lanes] = float64(math.Float32frombits(uint32(p0[i]) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24))
		}
		return over
	}
	add := uint64(0x80-top) * 0x0101010101010101 // lifts bytes of top and more into the sign's bit, without a carry
	seen := uint64(0)
	for i := 0; ; {
		a, b := binary.LittleEndian.Uint64(p0[i:]), binary.LittleEndian.Uint64(p1[i:])
		c, d := binary.LittleEndian.Uint64(p2[i:]), binary.LittleEndian.Uint64(p3[i:])
		seen |= d&0x7f7f7f7f7f7f7f7f + add
		a, b, c, d = transpose(a, b, c, d)
		if lanes == 8 {
			w := (*[57]float64)(dst[i*8:])
			w[0], w[32] = widen(a)
			w[8], w[40] = widen(b)
			w[16], w[48] = widen(c)
			w[24], w[56] = widen(d)
		} else {
			w := (*[29]float64)(dst[i*4:])
			w[0], w[16] = widen(a)
			w[4], w[20] = widen(b)
			w[8], w[24] = widen(c)
			w[12], w[28] = widen(d)
		}
		if i == n-8 {
			return seen&0x8080808080808080 != 0
		}
		i = min(i+8, n-8) // the last step may do some elements again
	}
}

// transpose turns bytes 0 to 7 of four planes into elements 0 and 4, 1 and 5, 2 and 6, 3 and 7, by swapping
// bytes between neighbours and then pairs of bytes.
func transpose(a, b, c, d uint64) (e04, e15, e26, e37 uint64) {
	const bytes, pairs = 0x00ff00ff00ff00ff, 0x0000ffff0000ffff
	t := (a>>8 ^ b) & bytes
	a, b = a^t<<8, b^t
	t = (c>>8 ^ d) & bytes
	c, d = c^t<<8, d^t
	t = (a>>16 ^ c) & pairs
	a, c = a^t<<16, c^t
	t = (b>>16 ^ d) & pairs
	b, d = b^t<<16, d^t
	return a, b, c, d
}

// widen returns the two float32 of a word, the lower half first.
func widen(w uint64) (float64, float64) {
	return float64(math.Float32frombits(uint32(w))), float64(math.Float32frombits(uint32(w >> 32)))
}
