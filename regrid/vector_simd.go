//go:build goexperiment.simd && amd64

package regrid

import (
	"simd/archsimd"

	"healpipe/internal/codec"
)

// The kernels again, four lanes at a time, with the same operations in the same order and so the same bits: see
// internal/codec for why, and when, this is built.

var vectors = archsimd.X86.AVX2()

// There must be no scalar floating point between vectors: its instructions keep the upper halves of registers and so wait
// for what was in them, which makes all take twice the time and more. Hence the weights are made ahead, and broadcast
// as they are loaded.

// four are the weights of up to tileColumns centres for the values to the west and the east in the first row and in the
// second, with room for stores of four and loads of two.
type four [4][tileColumns + 4]float64

func (w *four) set(x []float64, first, second archsimd.Float64x4) {
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

func (w *four) at(corner, k int) archsimd.Float64x4 {
	k &= tileColumns - 1 // which it is below, but the compiler does not know
	return broadcast((*[2]float64)(w[corner][k : k+2]))
}

// broadcast returns the first of v in all places.
func broadcast(v *[2]float64) archsimd.Float64x4 { return archsimd.LoadFloat64x2(v).Broadcast1To4() }

// scatterVector is scatter8 and scatter4.
func scatterVector(sum, a, b []float64, t targets, lanes int) {
	first, second := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second)
	var w four
	for len(t.col) > 0 {
		n := min(len(t.col), tileColumns)
		w.set(t.x[:n], first, second)
		if lanes == MaxLanes {
			scatterVector8(sum, a, b, t.col[:n], t.cell[:n], &w)
		} else {
			scatterVector4(sum, a, b, t.col[:n], t.cell[:n], &w)
		}
		t.col, t.x, t.cell = t.col[n:], t.x[n:], t.cell[n:]
	}
	archsimd.ClearAVXUpperBits()
}

func scatterVector8(sum, a, b []float64, col, cell []int32, w *four) {
	cell = cell[:len(col)]
	// Centres that follow each other are often of one cell, whose sums then stay in registers.
	at := cell[0]
	s := (*[8]float64)(sum[int(at)*8:])
	lo, hi := archsimd.LoadFloat64x4((*[4]float64)(s[0:])), archsimd.LoadFloat64x4((*[4]float64)(s[4:]))
	for k, i := range col {
		if c := cell[k]; c != at {
			lo.Store((*[4]float64)(s[0:]))
			hi.Store((*[4]float64)(s[4:]))
			at, s = c, (*[8]float64)(sum[int(c)*8:])
			lo, hi = archsimd.LoadFloat64x4((*[4]float64)(s[0:])), archsimd.LoadFloat64x4((*[4]float64)(s[4:]))
		}
		aw, ae, bw, be := w.at(0, k), w.at(1, k), w.at(2, k), w.at(3, k)
		p, q := (*[16]float64)(a[int(i)*8:]), (*[16]float64)(b[int(i)*8:])
		v := between((*[4]float64)(p[0:]), (*[4]float64)(p[8:]), (*[4]float64)(q[0:]), (*[4]float64)(q[8:]), aw, ae, bw, be)
		u := between((*[4]float64)(p[4:]), (*[4]float64)(p[12:]), (*[4]float64)(q[4:]), (*[4]float64)(q[12:]), aw, ae, bw, be)
		lo, hi = lo.Add(v.ConvertToFloat64()), hi.Add(u.ConvertToFloat64())
	}
	lo.Store((*[4]float64)(s[0:]))
	hi.Store((*[4]float64)(s[4:]))
}

func scatterVector4(sum, a, b []float64, col, cell []int32, w *four) {
	cell = cell[:len(col)]
	for k, i := range col {
		p, q := (*[8]float64)(a[int(i)*4:]), (*[8]float64)(b[int(i)*4:])
		s := (*[4]float64)(sum[int(cell[k])*4:])
		v := between((*[4]float64)(p[0:]), (*[4]float64)(p[4:]), (*[4]float64)(q[0:]), (*[4]float64)(q[4:]), w.at(0, k), w.at(1, k), w.at(2, k), w.at(3, k))
		archsimd.LoadFloat64x4(s).Add(v.ConvertToFloat64()).Store(s)
	}
}

// between returns the values between four corners, rounded to float32.
func between(aw, ae, bw, be *[4]float64, waw, wae, wbw, wbe archsimd.Float64x4) archsimd.Float32x4 {
	v := archsimd.LoadFloat64x4(aw).Mul(waw).Add(archsimd.LoadFloat64x4(ae).Mul(wae))
	v = v.Add(archsimd.LoadFloat64x4(be).Mul(wbe)).Add(archsimd.LoadFloat64x4(bw).Mul(wbw))
	return v.ConvertToFloat32()
}

// scatterHolesVector is scatterHoles with rounding to float32.
func scatterHolesVector(sum []float64, lost []uint32, a, b []float64, t targets, lanes int) {
	first, second := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second)
	single := archsimd.BroadcastUint32x4(1)
	var w four
	for len(t.col) > 0 {
		n := min(len(t.col), tileColumns)
		w.set(t.x[:n], first, second)
		col, cell := t.col[:n], t.cell[:n]
		t.col, t.x, t.cell = t.col[n:], t.x[n:], t.cell[n:]
		for k, i := range col {
			aw, ae, bw, be := w.at(0, k), w.at(1, k), w.at(2, k), w.at(3, k)
			from, to := int(i)*lanes, int(cell[k])*lanes
			for range lanes / 4 {
				v := between((*[4]float64)(a[from:]), (*[4]float64)(a[from+lanes:]), (*[4]float64)(b[from:]), (*[4]float64)(b[from+lanes:]), aw, ae, bw, be)
				s, m := (*[4]float64)(sum[to:]), (*[4]uint32)(lost[to:])
				u, old := v.ConvertToFloat64(), archsimd.LoadFloat64x4(s)
				old.Add(u).Merge(old, u.Equal(u)).Store(s)
				archsimd.LoadUint32x4(m).Add(single).Add(v.Equal(v).ToInt32x4().AsUint32x4()).Store(m) // true is -1
				from, to = from+4, to+4
			}
		}
	}
	archsimd.ClearAVXUpperBits()
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
