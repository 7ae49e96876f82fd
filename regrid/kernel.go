package regrid

// The kernels in plain Go. Explicit float64(...) keeps the compiler from fusing a product and a sum into
// one instruction, as it would on some processors, so that every machine gives the same bits.

// targets are the centres of one ring: column to the west, weight of the column to the east, result cell.
type targets struct {
	col  []int32
	x    []float64
	cell []int32
}

// widen copies a row and says whether some value is NaN.
func widen(dst []float64, src []float32) (holes bool) {
	src = src[:len(dst)]
	check := float32(0) // NaN or infinity times 0 is NaN
	for i, v := range src {
		dst[i] = float64(v)
		check += v * 0
	}
	if check == check {
		return false
	}
	for _, v := range src {
		if v != v {
			return true
		}
	}
	return false
}

// punch32 makes NaN of the values that equal m and says whether there were any.
func punch32(dst []float64, src []float32, m float32) (holes bool) {
	src = src[:len(dst)]
	for i, v := range src {
		if v == m {
			dst[i] = nan
			holes = true
		}
	}
	return holes
}

// unpack computes dst[i] = src[i]*scale + offset, NaN where src[i] is NaN or one of missing, and says
// whether there is any.
func unpack(dst, src []float64, missing []float64, scale, offset float64) (holes bool) {
	src = src[:len(dst)]
	plain := scale == 1 && offset == 0 // keeps -0
	for i, v := range src {
		for _, m := range missing {
			if v == m {
				v = nan
			}
		}
		if v != v {
			holes = true
		}
		if plain {
			dst[i] = v
		} else {
			dst[i] = float64(v*scale) + offset
		}
	}
	return holes
}

// blendRows computes dst[i] = u*a[i] + w*b[i].
func blendRows(dst, a, b []float64, u, w float64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = float64(a[i]*u) + float64(b[i]*w)
	}
}

// scatter8 adds to sum, for each centre of a ring and each of 8 lanes, the value between two blended
// columns, rounded to float32:
//
//	sum[cell] += float32( (1-x) row[col] + x row[col+1] )
func scatter8(sum, row []float64, t targets) {
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		w := x[k]
		u := 1 - w
		b := (*[16]float64)(row[int(i)*8:])
		s := (*[8]float64)(sum[int(cell[k])*8:])
		s[0] += float64(float32(float64(b[0]*u) + float64(b[8]*w)))
		s[1] += float64(float32(float64(b[1]*u) + float64(b[9]*w)))
		s[2] += float64(float32(float64(b[2]*u) + float64(b[10]*w)))
		s[3] += float64(float32(float64(b[3]*u) + float64(b[11]*w)))
		s[4] += float64(float32(float64(b[4]*u) + float64(b[12]*w)))
		s[5] += float64(float32(float64(b[5]*u) + float64(b[13]*w)))
		s[6] += float64(float32(float64(b[6]*u) + float64(b[14]*w)))
		s[7] += float64(float32(float64(b[7]*u) + float64(b[15]*w)))
	}
}

// scatter4 is scatter8 for 4 lanes.
func scatter4(sum, row []float64, t targets) {
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		w := x[k]
		u := 1 - w
		b := (*[8]float64)(row[int(i)*4:])
		s := (*[4]float64)(sum[int(cell[k])*4:])
		s[0] += float64(float32(float64(b[0]*u) + float64(b[4]*w)))
		s[1] += float64(float32(float64(b[1]*u) + float64(b[5]*w)))
		s[2] += float64(float32(float64(b[2]*u) + float64(b[6]*w)))
		s[3] += float64(float32(float64(b[3]*u) + float64(b[7]*w)))
	}
}

// scatterHoles is scatter for any number of lanes where values may be missing (NaN): those count in lost.
// double leaves out the rounding to float32.
func scatterHoles(sum []float64, lost []uint32, row []float64, t targets, lanes int, double bool) {
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		w := x[k]
		u := 1 - w
		west, east := row[int(i)*lanes:][:lanes], row[(int(i)+1)*lanes:][:lanes]
		at := int(cell[k]) * lanes
		s, n := sum[at:][:lanes], lost[at:][:lanes]
		for l := range s {
			v := float64(west[l]*u) + float64(east[l]*w)
			if !double {
				v = float64(float32(v))
			}
			if v == v {
				s[l] += v
			} else {
				n[l]++
			}
		}
	}
}
