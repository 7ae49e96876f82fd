//go:build goexperiment.simd && amd64

package regrid

import (
	"simd/archsimd"

	"healpipe/internal/codec"
)

// The kernels again, four lanes at a time, with the same operations in the same order and so the same bits: see
// internal/codec for why, and when, this is built.

var vectors = archsimd.X86.AVX2()

// scatterVector is scatter8 and scatter4.
func scatterVector(sum, a, b []float64, t targets, lanes int) {
	if lanes == MaxLanes {
		scatterVector8(sum, a, b, t)
	} else {
		scatterVector4(sum, a, b, t)
	}
	archsimd.ClearAVXUpperBits()
}

func scatterVector8(sum, a, b []float64, t targets) {
	first, second, one := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second), archsimd.BroadcastFloat64x4(1)
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		east := archsimd.BroadcastFloat64x4(x[k])
		west := one.Sub(east)
		aw, ae, bw, be := west.Mul(first), east.Mul(first), west.Mul(second), east.Mul(second)
		p, q := (*[16]float64)(a[int(i)*8:]), (*[16]float64)(b[int(i)*8:])
		s := (*[8]float64)(sum[int(cell[k])*8:])
		v := between((*[4]float64)(p[0:]), (*[4]float64)(p[8:]), (*[4]float64)(q[0:]), (*[4]float64)(q[8:]), aw, ae, bw, be)
		w := between((*[4]float64)(p[4:]), (*[4]float64)(p[12:]), (*[4]float64)(q[4:]), (*[4]float64)(q[12:]), aw, ae, bw, be)
		lo, hi := (*[4]float64)(s[0:]), (*[4]float64)(s[4:])
		archsimd.LoadFloat64x4(lo).Add(v.ConvertToFloat64()).Store(lo)
		archsimd.LoadFloat64x4(hi).Add(w.ConvertToFloat64()).Store(hi)
	}
}

func scatterVector4(sum, a, b []float64, t targets) {
	first, second, one := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second), archsimd.BroadcastFloat64x4(1)
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		east := archsimd.BroadcastFloat64x4(x[k])
		west := one.Sub(east)
		p, q := (*[8]float64)(a[int(i)*4:]), (*[8]float64)(b[int(i)*4:])
		s := (*[4]float64)(sum[int(cell[k])*4:])
		v := between((*[4]float64)(p[0:]), (*[4]float64)(p[4:]), (*[4]float64)(q[0:]), (*[4]float64)(q[4:]),
			west.Mul(first), east.Mul(first), west.Mul(second), east.Mul(second))
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
	first, second, one := archsimd.BroadcastFloat64x4(t.first), archsimd.BroadcastFloat64x4(t.second), archsimd.BroadcastFloat64x4(1)
	single := archsimd.BroadcastUint32x4(1)
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		east := archsimd.BroadcastFloat64x4(x[k])
		west := one.Sub(east)
		aw, ae, bw, be := west.Mul(first), east.Mul(first), west.Mul(second), east.Mul(second)
		from, to := int(i)*lanes, int(cell[k])*lanes
		for range lanes / 4 {
			v := between((*[4]float64)(a[from:]), (*[4]float64)(a[from+lanes:]), (*[4]float64)(b[from:]), (*[4]float64)(b[from+lanes:]), aw, ae, bw, be)
			s, n := (*[4]float64)(sum[to:]), (*[4]uint32)(lost[to:])
			w, old := v.ConvertToFloat64(), archsimd.LoadFloat64x4(s)
			old.Add(w).Merge(old, w.Equal(w)).Store(s)
			archsimd.LoadUint32x4(n).Add(single).Add(v.Equal(v).ToInt32x4().AsUint32x4()).Store(n) // true is -1
			from, to = from+4, to+4
		}
	}
	archsimd.ClearAVXUpperBits()
}

// punchVector is punchLanes.
func punchVector(v []float64, missing []float32) (holes bool) {
	exponent, special := archsimd.BroadcastInt64x4(0x7ff<<52), archsimd.BroadcastInt64x4(0xff<<52)
	hole := archsimd.BroadcastFloat64x4(nan)
	var seen archsimd.Int64x4
	n := len(v) &^ 3
	for i := 0; i < n; i += 4 {
		at := (*[4]float64)(v[i:])
		w := archsimd.LoadFloat64x4(at)
		if !w.AsInt64x4().And(exponent).Equal(special).ToInt64x4().IsZero() {
			for k := range at {
				at[k] = codec.Unscalable(at[k])
			}
			w = archsimd.LoadFloat64x4(at)
		}
		for _, m := range missing {
			w = hole.Merge(w, w.Equal(archsimd.BroadcastFloat64x4(float64(m)*codec.LaneScale)))
		}
		w.Store(at)
		seen = seen.Or(w.Equal(w).ToInt64x4().Xor(archsimd.BroadcastInt64x4(-1)))
	}
	holes = !seen.IsZero()
	archsimd.ClearAVXUpperBits()
	return punchScalar(v[n:], missing) || holes
}
