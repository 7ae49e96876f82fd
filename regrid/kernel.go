package regrid

import (
	"math"

	"healpipe/internal/codec"
)

// The kernels in plain Go. Explicit float64(...) keeps the compiler from fusing a product and a sum into
// one instruction, as it would on some processors, so that every machine gives the same bits.

// Values of float32 fields are float64 times codec.LaneScale in the kernels, which leaves every product and sum
// as it is: the exponents have room, and the rows' weights are that much larger.

// targets are centres of one ring: column to the west, weight of the column to the east, result cell.
type targets struct {
	first  float64 // weight of the first row, and of the second, over the values' scale
	second float64
	col    []int32
	x      []float64
	cell   []int32
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

// spread computes dst[i*lanes+l] = rows[l][at+i] * codec.LaneScale for i < n. The values are finite.
func spread(dst []float64, rows [][]float32, lanes, at, n int) {
	for l, row := range rows {
		row, p := row[at:at+n], l
		for len(row) >= 4 {
			dst[p+3*lanes] = scaled(row[3])
			dst[p] = scaled(row[0])
			dst[p+lanes] = scaled(row[1])
			dst[p+2*lanes] = scaled(row[2])
			p += 4 * lanes
			row = row[4:]
		}
		for _, v := range row {
			dst[p] = scaled(v)
			p += lanes
		}
	}
}

func scaled(v float32) float64 { return math.Float64frombits(codec.ScaledBits(math.Float32bits(v))) }

// punch is spread for any values, with NaN for the values that are one of missing; it says whether there is any NaN.
func punch(dst []float64, rows [][]float32, lanes, at, n int, missing []float32) (holes bool) {
	for l, row := range rows {
		for i, v := range row[at : at+n] {
			w := codec.LaneScale * float64(v)
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

// corners are the weights of the four values around a centre. Weighting four values for each centre takes
// less than blending two whole rows for each ring first, since a ring has fewer centres than a row columns.
func corners(x, first, second float64) (aw, ae, bw, be float64) {
	u := 1 - x
	return u * first, x * first, u * second, x * second
}

// scatter8 adds to sum, for each centre of a ring and each of 8 lanes, the value between two columns of the
// rows a and b, rounded to float32:
//
//	sum[cell] += float32( (1-x)(1-y) a[col] + x(1-y) a[col+1] + (1-x)y b[col] + xy b[col+1] )
func scatter8(sum, a, b []float64, t targets) {
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		aw, ae, bw, be := corners(x[k], t.first, t.second)
		p, q := (*[16]float64)(a[int(i)*8:]), (*[16]float64)(b[int(i)*8:])
		s := (*[8]float64)(sum[int(cell[k])*8:])
		s[0] += float64(float32(float64(p[0]*aw) + float64(p[8]*ae) + float64(q[8]*be) + float64(q[0]*bw)))
		s[1] += float64(float32(float64(p[1]*aw) + float64(p[9]*ae) + float64(q[9]*be) + float64(q[1]*bw)))
		s[2] += float64(float32(float64(p[2]*aw) + float64(p[10]*ae) + float64(q[10]*be) + float64(q[2]*bw)))
		s[3] += float64(float32(float64(p[3]*aw) + float64(p[11]*ae) + float64(q[11]*be) + float64(q[3]*bw)))
		s[4] += float64(float32(float64(p[4]*aw) + float64(p[12]*ae) + float64(q[12]*be) + float64(q[4]*bw)))
		s[5] += float64(float32(float64(p[5]*aw) + float64(p[13]*ae) + float64(q[13]*be) + float64(q[5]*bw)))
		s[6] += float64(float32(float64(p[6]*aw) + float64(p[14]*ae) + float64(q[14]*be) + float64(q[6]*bw)))
		s[7] += float64(float32(float64(p[7]*aw) + float64(p[15]*ae) + float64(q[15]*be) + float64(q[7]*bw)))
	}
}

// scatter4 is scatter8 for 4 lanes.
func scatter4(sum, a, b []float64, t targets) {
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		aw, ae, bw, be := corners(x[k], t.first, t.second)
		p, q := (*[8]float64)(a[int(i)*4:]), (*[8]float64)(b[int(i)*4:])
		s := (*[4]float64)(sum[int(cell[k])*4:])
		s[0] += float64(float32(float64(p[0]*aw) + float64(p[4]*ae) + float64(q[4]*be) + float64(q[0]*bw)))
		s[1] += float64(float32(float64(p[1]*aw) + float64(p[5]*ae) + float64(q[5]*be) + float64(q[1]*bw)))
		s[2] += float64(float32(float64(p[2]*aw) + float64(p[6]*ae) + float64(q[6]*be) + float64(q[2]*bw)))
		s[3] += float64(float32(float64(p[3]*aw) + float64(p[7]*ae) + float64(q[7]*be) + float64(q[3]*bw)))
	}
}

// scatterHoles is scatter for any number of lanes where values may be missing (NaN): those count in lost.
// double leaves out the rounding to float32.
func scatterHoles(sum []float64, lost []uint32, a, b []float64, t targets, lanes int, double bool) {
	x, cell := t.x[:len(t.col)], t.cell[:len(t.col)]
	for k, i := range t.col {
		aw, ae, bw, be := corners(x[k], t.first, t.second)
		at := int(i) * lanes
		p, pe := a[at:][:lanes], a[at+lanes:][:lanes]
		q, qe := b[at:][:lanes], b[at+lanes:][:lanes]
		at = int(cell[k]) * lanes
		s, n := sum[at:][:lanes], lost[at:][:lanes]
		for l := range s {
			v := float64(p[l]*aw) + float64(pe[l]*ae) + float64(qe[l]*be) + float64(q[l]*bw)
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

// punchLanes makes NaN and infinite values of spread, or of codec.UnshuffleLane, what they are, replaces what is one
// of missing with NaN and says whether there is any NaN.
func punchLanes(v []float64, missing []float32) (holes bool) {
	if vectors {
		return punchVector(v, missing)
	}
	return punchScalar(v, missing)
}

func punchScalar(v []float64, missing []float32) (holes bool) {
	for i, w := range v {
		w = codec.Unscalable(w)
		for _, m := range missing {
			if w == float64(m)*codec.LaneScale {
				w = nan
			}
		}
		v[i] = w
		if w != w {
			holes = true
		}
	}
	return holes
}

// upperByte returns the upper byte, without the sign, that float32 values have at least which are NaN or one
// of missing.
func upperByte(missing []float32) byte {
	top := byte(0x7f)
	for _, m := range missing {
		top = min(top, byte(math.Float32bits(m)>>24)&0x7f)
	}
	return top
}
