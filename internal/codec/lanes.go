package codec

import "math"

// LaneScale is 2^-896, the difference of the exponents' biases of float64 and float32.
const LaneScale = 0x1p-896

// ScaledBits returns the bits of float64(v) * LaneScale, exactly, given those of a finite float32 v: sign,
// exponent and mantissa moved to where float64 has them. That takes two operations of integers where a
// conversion takes longer, and who multiplies by weights anyway makes them larger by 1/LaneScale once.
// Infinite and NaN come out as finite numbers of 2^128 * LaneScale and more: see [Unscalable].
func ScaledBits(v uint32) uint64 { return uint64(int64(uint64(v)<<32)>>3) & scaledMask }

// scaledMask has the sign and the 31 bits that float32 has besides, in the places of float64.
const scaledMask = 0x8fffffffe0000000

// Unscalable repairs what [ScaledBits] makes of infinite and NaN.
func Unscalable(v float64) float64 {
	switch bits := math.Float64bits(v); {
	case bits>>52&0x7ff != 0xff:
		return v
	case bits<<12 != 0:
		return math.NaN()
	default:
		return math.Inf(1 - int(bits>>63)*2)
	}
}

// UnshuffleLane widens the float32 elements from, from+1, ... whose bytes lie in the planes p, least
// significant first, to every lanes-th place of dst, lanes being 4 or 8:
//
//	dst[i*lanes] = element from+i * LaneScale, as ScaledBits has it       for i < n
//
// It says whether the upper byte of one of them, without the sign, is at least top: none is NaN or infinite,
// and none is larger than 2^(2 top - 127), where that is false and top at most 0x7f.
func UnshuffleLane(dst []float64, lanes int, p *[4][]byte, from, n int, top byte) (over bool) {
	p0, p1, p2, p3 := p[0][from:from+n], p[1][from:from+n], p[2][from:from+n], p[3][from:from+n]
	if n < 8 {
		for i := range p0 {
			over = over || p3[i]&0x7f >= top
			dst[i*lanes] = math.Float64frombits(ScaledBits(uint32(p0[i]) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24))
		}
		return over
	}
	dst = dst[:(n-1)*lanes+1]
	add := uint64(0x80-top) * 0x0101010101010101 // lifts bytes of top and more into the sign's bit, without a carry
	if lanes == 8 {
		return lane8(dst, p0, p1, p2, p3, add)
	}
	return lane4(dst, p0, p1, p2, p3, add)
}

// Vectors says whether vector instructions are in use: see docs/decisions/0008-vectors.md.
func Vectors() bool { return vectors }

// Lane is where the float32 elements of a lane lie: in planes, as of UnshuffleLane, from an element on.
type Lane struct {
	Planes *[4][]byte
	From   int
}

// UnshuffleLanes is [UnshuffleLane] for several lanes: element i of lane l goes to dst[i*lanes+l]. Lanes that l lacks
// may get any values.
func UnshuffleLanes(dst []float64, lanes int, l []Lane, n int, top byte) (over bool) {
	if n == 0 {
		return false
	}
	if !vectors || n < 16 {
		for i, x := range l {
			over = UnshuffleLane(dst[i:], lanes, x.Planes, x.From, n, top) || over
		}
		return over
	}
	for at := 0; at < len(l); at += 4 {
		var four [4]Lane
		for k := range four {
			four[k] = l[min(at+k, len(l)-1)]
		}
		over = lanesVector(dst[at:], lanes, &four, n, top) || over
	}
	return over
}

// Eight bytes of each of four planes become elements 0 and 4, 1 and 5, 2 and 6, 3 and 7 in four words by
// swapping bytes between neighbouring planes, swapBytes, and then pairs of bytes, swapPairs.

func swapBytes(a, b uint64) (uint64, uint64) {
	t := (a>>8 ^ b) & 0x00ff00ff00ff00ff
	return a ^ t<<8, b ^ t
}

func swapPairs(a, b uint64) (uint64, uint64) {
	t := (a>>16 ^ b) & 0x0000ffff0000ffff
	return a ^ t<<16, b ^ t
}

// reach returns bytes of which one has its upper bit set where a byte of the uppermost plane, without the
// sign, plus the byte in add reaches 0x80.
func reach(plane, add uint64) uint64 { return plane&0x7f7f7f7f7f7f7f7f + add }

const reached = 0x8080808080808080

// widen returns the two float32 of a word, the lower half first, as ScaledBits has them.
func widen(w uint64) (float64, float64) {
	return math.Float64frombits(uint64(int64(w<<32)>>3) & scaledMask), math.Float64frombits(uint64(int64(w)>>3) & scaledMask)
}
