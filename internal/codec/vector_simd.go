//go:build goexperiment.simd && amd64

package codec

import "simd/archsimd"

// Vector forms, in Go's simd/archsimd and with its bounds checks, of what takes time beside inflate: Adler-32, the
// undoing of a shuffle, and byte order. They are built with GOEXPERIMENT=simd only, since Go does not promise that package's API yet,
// and used where the processor has AVX2. The scalar forms stay the definition: tests compare both.

var vectors = archsimd.X86.AVX2()

// adlerVector is addParts for n parts of 32 bytes, at most 1024. For 32 bytes d, s2 += 32*s1 + the sum of (32-j)*d[j].
func adlerVector(s1, s2 uint64, b []byte, n int) (uint64, uint64) {
	weights := archsimd.LoadInt8x32(&adlerWeights)
	ones := archsimd.BroadcastInt16x16(1)
	var zero archsimd.Uint8x32
	var seen, earlier archsimd.Uint64x4 // the sum of bytes, in four lanes, and of what it was before each part
	var weighted archsimd.Int32x8       // at most 1024 * 4*32*255 a lane
	b = b[:n*32]
	for i := 0; i+32 <= len(b); i += 32 {
		d := archsimd.LoadUint8x32((*[32]byte)(b[i:]))
		earlier = earlier.Add(seen)
		seen = seen.Add(d.SumAbsDiff(zero).AsUint64x4())
		weighted = weighted.Add(d.DotProductPairsSaturated(weights).DotProductPairs(ones))
	}
	var s, e [4]uint64
	var w [8]int32
	seen.Store(&s)
	earlier.Store(&e)
	weighted.Store(&w)
	archsimd.ClearAVXUpperBits()
	s2 += s1 * uint64(n) * 32
	for i := range 4 {
		s1 += s[i]
		s2 += 32*e[i] + uint64(w[2*i]) + uint64(w[2*i+1])
	}
	return s1, s2
}

var adlerWeights = [32]int8{32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}

// gatherBytes makes of four planes' bytes of four elements the elements.
var gatherBytes = [32]int8{
	0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
	0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
}

// lanesVector is UnshuffleLane for the four lanes l at once, whose elements from dst[0], dst[lanes], ... are next to each other;
// n is at least 16.
//
// Sixteen bytes of each plane of two lanes fill the halves of a vector. Words of four bytes of four planes are
// exchanged, bytes within them put in order, each float32 parted into the two halves of what ScaledBits has,
// and the lanes of a column brought together.
func lanesVector(dst []float64, lanes int, l *[4]Lane, n int, top byte) (over bool) {
	order := archsimd.LoadInt8x32(&gatherBytes)
	mask := archsimd.BroadcastUint32x8(scaledMask >> 32)
	var most archsimd.Uint8x32
	magnitude := archsimd.BroadcastUint8x32(0x7f)
	dst = dst[:(n-1)*lanes+4]
	for i := 0; ; {
		a, b, c, d, m := words(l[0], l[2], i)
		e, f, g, h, k := words(l[1], l[3], i)
		most = most.Max(m.And(magnitude)).Max(k.And(magnitude))
		column(dst[i*lanes:], lanes, a, e, order, mask)
		column(dst[(i+4)*lanes:], lanes, b, f, order, mask)
		column(dst[(i+8)*lanes:], lanes, c, g, order, mask)
		column(dst[(i+12)*lanes:], lanes, d, h, order, mask)
		if i == n-16 {
			break
		}
		i = min(i+16, n-16) // the last step may do some elements again
	}
	over = most.AsInt8x32().Greater(archsimd.BroadcastInt8x32(int8(top)-1)).ToBits() != 0
	archsimd.ClearAVXUpperBits()
	return over
}

// words loads elements i to i+15 of two lanes: of elements 0 to 3 (a), 4 to 7 (b), ... the bytes, plane by plane, and
// those of the uppermost plane once more.
func words(lo, hi Lane, i int) (a, b, c, d archsimd.Uint32x8, top archsimd.Uint8x32) {
	p0, p1, p2, top := pair(lo, hi, 0, i).AsUint32x8(), pair(lo, hi, 1, i).AsUint32x8(), pair(lo, hi, 2, i).AsUint32x8(), pair(lo, hi, 3, i)
	p3 := top.AsUint32x8()
	x, y := p0.InterleaveLoGrouped(p1).AsUint64x4(), p2.InterleaveLoGrouped(p3).AsUint64x4()
	a, b = x.InterleaveLoGrouped(y).AsUint32x8(), x.InterleaveHiGrouped(y).AsUint32x8()
	x, y = p0.InterleaveHiGrouped(p1).AsUint64x4(), p2.InterleaveHiGrouped(p3).AsUint64x4()
	c, d = x.InterleaveLoGrouped(y).AsUint32x8(), x.InterleaveHiGrouped(y).AsUint32x8()
	return a, b, c, d, top
}

func pair(lo, hi Lane, plane, i int) (v archsimd.Uint8x32) {
	return v.SetLo(archsimd.LoadUint8x16((*[16]byte)(lo.Planes[plane][lo.From+i:]))).
		SetHi(archsimd.LoadUint8x16((*[16]byte)(hi.Planes[plane][hi.From+i:])))
}

// column stores four elements of four lanes.
func column(dst []float64, lanes int, even, odd archsimd.Uint32x8, order archsimd.Int8x32, mask archsimd.Uint32x8) {
	even, odd = even.AsUint8x32().PermuteOrZeroGrouped(order).AsUint32x8(), odd.AsUint8x32().PermuteOrZeroGrouped(order).AsUint32x8()
	evenHi, oddHi := even.AsInt32x8().ShiftAllRight(3).AsUint32x8().And(mask), odd.AsInt32x8().ShiftAllRight(3).AsUint32x8().And(mask)
	evenLo, oddLo := even.ShiftAllLeft(29), odd.ShiftAllLeft(29)
	x, y := evenLo.InterleaveLoGrouped(evenHi).AsUint64x4(), oddLo.InterleaveLoGrouped(oddHi).AsUint64x4()
	x.InterleaveLoGrouped(y).AsFloat64x4().Store((*[4]float64)(dst))
	x.InterleaveHiGrouped(y).AsFloat64x4().Store((*[4]float64)(dst[lanes:]))
	x, y = evenLo.InterleaveHiGrouped(evenHi).AsUint64x4(), oddLo.InterleaveHiGrouped(oddHi).AsUint64x4()
	x.InterleaveLoGrouped(y).AsFloat64x4().Store((*[4]float64)(dst[2*lanes:]))
	x.InterleaveHiGrouped(y).AsFloat64x4().Store((*[4]float64)(dst[3*lanes:]))
}

// reverse4 reverses the bytes of words.
var reverse4 = [32]int8{
	3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
	3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
}

// swapVector is Swap32 for as many words as fill vectors, whose number it returns.
func swapVector(dst, src []uint32, from, to uint32) int {
	order := archsimd.LoadInt8x32(&reverse4)
	old, fresh := archsimd.BroadcastUint32x8(from), archsimd.BroadcastUint32x8(to)
	n := len(src) &^ 15
	dst, src = dst[:n], src[:n]
	for i := 0; i+16 <= len(src) && i+16 <= len(dst); i += 16 {
		a := archsimd.LoadUint32x8((*[8]uint32)(src[i:])).AsUint8x32().PermuteOrZeroGrouped(order).AsUint32x8()
		b := archsimd.LoadUint32x8((*[8]uint32)(src[i+8:])).AsUint8x32().PermuteOrZeroGrouped(order).AsUint32x8()
		fresh.Merge(a, a.Equal(old)).Store((*[8]uint32)(dst[i:]))
		fresh.Merge(b, b.Equal(old)).Store((*[8]uint32)(dst[i+8:]))
	}
	archsimd.ClearAVXUpperBits()
	return n
}
