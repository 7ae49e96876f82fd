//go:build goexperiment.simd && amd64

package regrid

import (
	"simd/archsimd"
	"unsafe"

	"healpipe/internal/codec"
)

// The kernels again, four lanes at a time, with the same operations in the same order and so the same bits: see
// internal/codec for why, and when, this is built.

var vectors = archsimd.X86.AVX2()

// There must be no scalar floating point between vectors: its instructions keep the upper halves of registers and so wait
// for what was in them, which makes all take twice the time and more. Hence the weights are made ahead, and broadcast
// as they are loaded.

// weights are those of up to tileColumns centres for the values to the west and the east in the first row and in the
// second, with room for stores of four and loads of two. A Block keeps them: to clear new ones takes as long as to set them.
type weights [4][tileColumns + 4]float64

func (w *weights) set(x []float64, first, second archsimd.Float64x4) {
	one := archsimd.BroadcastFloat64x4(1)
	for k := 0; k < len(x); k += 4 {
		var east archsimd.Float64x4
		if k+4 <= len(x) {
			east = archsimd.LoadFloat64x4((*[4]float64)(x[k:]))
		} else {
			east = archsimd.LoadFloat64x4SlicePart(x[k:])
		}
		west := one.Sub(east)
		west.Mul(first).Store((*[4]float64)(w[0][k:]))
		east.Mul(first).Store((*[4]float64)(w[1][k:]))
		west.Mul(second).Store((*[4]float64)(w[2][k:]))
		east.Mul(second).Store((*[4]float64)(w[3][k:]))
	}
}

// at returns one of the weights of centre k in all places; k is below tileColumns, but the compiler does not know.
func (w *weights) at(corner, k int) archsimd.Float64x4 {
	return broadcast((*[2]float64)(w[corner][k&(tileColumns-1):]))
}

// broadcast returns the first of v in all places.
func broadcast(v *[2]float64) archsimd.Float64x4 { return archsimd.LoadFloat64x2(v).Broadcast1To4() }

// columns views what lies lane by lane as arrays of a column's lanes, so that one check does for all of them. It is valid
// for any v: what does not fill an array is left out.
func columns[A [4]E | [8]E, E float64 | uint32](v []E) []A {
	var a A
	return unsafe.Slice((*A)(unsafe.Pointer(unsafe.SliceData(v))), len(v)/len(a))
}

// scatterVector is scatter8 and scatter4.
func scatterVector(sum, a, b []float64, t targets, lanes int, w *weights, wide bool) {
	first, second := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second)
	for len(t.col) > 0 {
		n := min(len(t.col), tileColumns)
		w.set(t.x[:n], first, second)
		switch {
		case lanes == MaxLanes && wide:
			scatterWide(columns[[8]float64](sum), columns[[8]float64](a), columns[[8]float64](b), t.col[:n], t.cell[:n], w)
		case lanes == MaxLanes:
			scatterVector8(columns[[8]float64](sum), columns[[8]float64](a), columns[[8]float64](b), t.col[:n], t.cell[:n], w)
		default:
			scatterVector4(columns[[4]float64](sum), columns[[4]float64](a), columns[[4]float64](b), t.col[:n], t.cell[:n], w)
		}
		t.col, t.x, t.cell = t.col[n:], t.x[n:], t.cell[n:]
	}
	archsimd.ClearAVXUpperBits()
}

// Centres that follow each other are often of one cell, whose sums then stay in registers.

func scatterVector8(sum, a, b [][8]float64, col, cell []int32, w *weights) {
	cell, b = cell[:len(col)], b[:len(a)]
	at := cell[0]
	s := &sum[at]
	lo, hi := archsimd.LoadFloat64x4((*[4]float64)(s[0:])), archsimd.LoadFloat64x4((*[4]float64)(s[4:]))
	for k, i := range col {
		if c := cell[k]; c != at {
			lo.Store((*[4]float64)(s[0:]))
			hi.Store((*[4]float64)(s[4:]))
			at, s = c, &sum[c]
			lo, hi = archsimd.LoadFloat64x4((*[4]float64)(s[0:])), archsimd.LoadFloat64x4((*[4]float64)(s[4:]))
		}
		aw, ae, bw, be := w.at(0, k), w.at(1, k), w.at(2, k), w.at(3, k)
		p, pe, q, qe := &a[i], &a[i+1], &b[i], &b[i+1]
		v := between((*[4]float64)(p[0:]), (*[4]float64)(pe[0:]), (*[4]float64)(q[0:]), (*[4]float64)(qe[0:]), aw, ae, bw, be)
		u := between((*[4]float64)(p[4:]), (*[4]float64)(pe[4:]), (*[4]float64)(q[4:]), (*[4]float64)(qe[4:]), aw, ae, bw, be)
		lo, hi = lo.Add(v.ConvertToFloat64()), hi.Add(u.ConvertToFloat64())
	}
	lo.Store((*[4]float64)(s[0:]))
	hi.Store((*[4]float64)(s[4:]))
}

func scatterVector4(sum, a, b [][4]float64, col, cell []int32, w *weights) {
	cell, b = cell[:len(col)], b[:len(a)]
	at := cell[0]
	s := &sum[at]
	all := archsimd.LoadFloat64x4(s)
	for k, i := range col {
		if c := cell[k]; c != at {
			all.Store(s)
			at, s = c, &sum[c]
			all = archsimd.LoadFloat64x4(s)
		}
		v := between(&a[i], &a[i+1], &b[i], &b[i+1], w.at(0, k), w.at(1, k), w.at(2, k), w.at(3, k))
		all = all.Add(v.ConvertToFloat64())
	}
	all.Store(s)
}

// wide tells whether the processor has AVX-512, which takes eight lanes at once.
var wide = vectors && archsimd.X86.AVX512()

func scatterWide(sum, a, b [][8]float64, col, cell []int32, w *weights) {
	cell, b = cell[:len(col)], b[:len(a)]
	at := cell[0]
	s := &sum[at]
	all := archsimd.LoadFloat64x8(s)
	for k, i := range col {
		if c := cell[k]; c != at {
			all.Store(s)
			at, s = c, &sum[c]
			all = archsimd.LoadFloat64x8(s)
		}
		all = all.Add(betweenWide(&a[i], &a[i+1], &b[i], &b[i+1], w, k).ConvertToFloat64())
	}
	all.Store(s)
}

// betweenWide is between for eight lanes at centre k.
func betweenWide(aw, ae, bw, be *[8]float64, w *weights, k int) archsimd.Float32x8 {
	v := archsimd.LoadFloat64x8(aw).Mul(w.wide(0, k)).Add(archsimd.LoadFloat64x8(ae).Mul(w.wide(1, k)))
	v = v.Add(archsimd.LoadFloat64x8(be).Mul(w.wide(3, k))).Add(archsimd.LoadFloat64x8(bw).Mul(w.wide(2, k)))
	return v.ConvertToFloat32()
}

func (w *weights) wide(corner, k int) archsimd.Float64x8 {
	return archsimd.LoadFloat64x2((*[2]float64)(w[corner][k&(tileColumns-1):])).Broadcast1To8()
}

// between returns the values between four corners, rounded to float32.
func between(aw, ae, bw, be *[4]float64, waw, wae, wbw, wbe archsimd.Float64x4) archsimd.Float32x4 {
	v := archsimd.LoadFloat64x4(aw).Mul(waw).Add(archsimd.LoadFloat64x4(ae).Mul(wae))
	v = v.Add(archsimd.LoadFloat64x4(be).Mul(wbe)).Add(archsimd.LoadFloat64x4(bw).Mul(wbw))
	return v.ConvertToFloat32()
}

// scatterHolesVector is scatterHoles with rounding to float32.
func scatterHolesVector(sum []float64, lost []uint32, a, b []float64, t targets, lanes int, w *weights, wide bool) {
	first, second := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second)
	for len(t.col) > 0 {
		n := min(len(t.col), tileColumns)
		w.set(t.x[:n], first, second)
		if lanes == MaxLanes && wide {
			scatterHolesWide(columns[[8]float64](sum), columns[[8]uint32](lost), columns[[8]float64](a), columns[[8]float64](b), t.col[:n], t.cell[:n], w)
		} else {
			scatterHolesFours(columns[[4]float64](sum), columns[[4]uint32](lost), columns[[4]float64](a), columns[[4]float64](b), t.col[:n], t.cell[:n], lanes/4, w)
		}
		t.col, t.x, t.cell = t.col[n:], t.x[n:], t.cell[n:]
	}
	archsimd.ClearAVXUpperBits()
}

func scatterHolesFours(sum [][4]float64, lost [][4]uint32, a, b [][4]float64, col, cell []int32, fours int, w *weights) {
	single := archsimd.BroadcastUint32x4(1)
	cell, b = cell[:len(col)], b[:len(a)]
	for k, i := range col {
		aw, ae, bw, be := w.at(0, k), w.at(1, k), w.at(2, k), w.at(3, k)
		from, to := int(i)*fours, int(cell[k])*fours
		for range fours {
			v := between(&a[from], &a[from+fours], &b[from], &b[from+fours], aw, ae, bw, be)
			s, m := &sum[to], &lost[to]
			u, old := v.ConvertToFloat64(), archsimd.LoadFloat64x4(s)
			old.Add(u).Merge(old, u.Equal(u)).Store(s)
			archsimd.LoadUint32x4(m).Add(single).Add(v.Equal(v).ToInt32x4().AsUint32x4()).Store(m) // true is -1
			from, to = from+1, to+1
		}
	}
}

func scatterHolesWide(sum [][8]float64, lost [][8]uint32, a, b [][8]float64, col, cell []int32, w *weights) {
	single := archsimd.BroadcastUint32x8(1)
	cell, b = cell[:len(col)], b[:len(a)]
	at := cell[0]
	s, m := &sum[at], &lost[at]
	all, none := archsimd.LoadFloat64x8(s), archsimd.LoadUint32x8(m)
	for k, i := range col {
		if c := cell[k]; c != at {
			all.Store(s)
			none.Store(m)
			at, s, m = c, &sum[c], &lost[c]
			all, none = archsimd.LoadFloat64x8(s), archsimd.LoadUint32x8(m)
		}
		v := betweenWide(&a[i], &a[i+1], &b[i], &b[i+1], w, k)
		u := v.ConvertToFloat64()
		all = all.Add(u).Merge(all, u.Equal(u))
		none = none.Add(single).Add(v.Equal(v).ToInt32x8().AsUint32x8())
	}
	all.Store(s)
	none.Store(m)
}

// punchVector is punchLanes. The NaN and infinities that have lost their exponent get its bits back by an or.
func punchVector(v []float64, missing []float32) (holes bool) {
	fills := make([][2]float64, 0, 4)
	for _, m := range missing {
		fills = append(fills, [2]float64{float64(m) * codec.LaneScale})
	}
	n := len(v) &^ 3
	seen := punchFours(v[:n], fills)
	return punchScalar(v[n:], missing) || seen
}

func punchFours(v []float64, fills [][2]float64) (holes bool) {
	exponent, special := archsimd.BroadcastInt64x4(0x7ff<<52), archsimd.BroadcastInt64x4(0xff<<52)
	var seen archsimd.Int64x4
	for i := 0; i+4 <= len(v); i += 4 {
		at := (*[4]float64)(v[i:])
		w := archsimd.LoadFloat64x4(at).AsInt64x4()
		lost := w.And(exponent).Equal(special).ToInt64x4()
		w = w.Or(lost.And(exponent))
		hole := w.AsFloat64x4().IsNaN().ToInt64x4()
		for k := range fills {
			hole = hole.Or(w.AsFloat64x4().Equal(broadcast(&fills[k])).ToInt64x4())
		}
		w.Or(hole).AsFloat64x4().Store(at) // all bits set is a NaN
		seen = seen.Or(hole)
	}
	holes = !seen.IsZero()
	archsimd.ClearAVXUpperBits()
	return holes
}
