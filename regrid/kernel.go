package regrid

import "math"

// The kernels in plain Go. Explicit float64(...) keeps the compiler from fusing a product and a sum into
// one instruction, as it would on some processors, so that every machine gives the same bits.

// targets are centres of one ring: column to the west, weight of the column to the east, result cell.
type targets struct {
	base int // column of the first blended one
	col  []int32
	x    []float64
	cell []int32
}

// suspect says whether a row may hold a value that is NaN or one of missing, at one comparison a value for
// the fill values that files have: larger, or smaller, than all data.
func suspect(row []float32, missing []float32) bool {
	limit := float32(math.Inf(1))
	if len(missing) == 1 && missing[0] > 0 {
		limit = missing[0]
	} else if len(missing) > 0 {
		return true
	}
	for len(row) >= 4 {
		if !(row[0] < limit && row[1] < limit && row[2] < limit && row[3] < limit) {
			return true
		}
		row = row[4:]
	}
	for _, v := range row {
		if !(v < limit) {
			return true
		}
	}
	return false
}

// spread computes dst[i*lanes+l] = rows[l][at+i] for i < n.
func spread(dst []float64, rows [][]float32, lanes, at, n int) {
	for l, row := range rows {
		row, p := row[at:at+n], l
		for len(row) >= 4 {
			dst[p+3*lanes] = float64(row[3])
			dst[p] = float64(row[0])
			dst[p+lanes] = float64(row[1])
			dst[p+2*lanes] = float64(row[2])
			p += 4 * lanes
			row = row[4:]
		}
		for _, v := range row {
			dst[p] = float64(v)
			p += lanes
		}
	}
}

// punch is spread with NaN for the values that are one of missing; it says whether there is any NaN.
func punch(dst []float64, rows [][]float32, lanes, at, n int, missing []float32) (holes bool) {
	for l, row := range rows {
		for i, v := range row[at : at+n] {
			w := float64(v)
			for _, m := range missing {
				if v == m {
					w = nan
				}
			}
			if w != w {
				holes = true
			}
			dst[i*lanes+l] = w
		}
	}
	return holes
}

// unpack computes dst[i*lanes+l] = rows[l][at+i]*scale + offset for i < n, NaN where the stored value is
// NaN or one of missing, and says whether there is any.
func unpack(dst []float64, rows [][]float64, lanes, at, n int, missing []float64, scale, offset float64) (holes bool) {
	plain := scale == 1 && offset == 0 // keeps -0
	for l, row := range rows {
		for i, v := range row[at : at+n] {
			for _, m := range missing {
				if v == m {
					v = nan
				}
			}
			if v != v {
				holes = true
			}
			if !plain {
				v = float64(v*scale) + offset
			}
			dst[i*lanes+l] = v
		}
	}
	return holes
}

// blendRows computes dst[i] = u*a[i] + w*b[i]; the length is a multiple of 4.
func blendRows(dst, a, b []float64, u, w float64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := 0; i+4 <= len(dst); i += 4 {
		d, p, q := (*[4]float64)(dst[i:]), (*[4]float64)(a[i:]), (*[4]float64)(b[i:])
		d[0] = float64(p[0]*u) + float64(q[0]*w)
		d[1] = float64(p[1]*u) + float64(q[1]*w)
		d[2] = float64(p[2]*u) + float64(q[2]*w)
		d[3] = float64(p[3]*u) + float64(q[3]*w)
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
		b := (*[16]float64)(row[(int(i)-t.base)*8:])
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
		b := (*[8]float64)(row[(int(i)-t.base)*4:])
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
		p := (int(i) - t.base) * lanes
		west, east := row[p:][:lanes], row[p+lanes:][:lanes]
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
