package regrid

import (
	"math"

	"healpipe/regrid/healpix"
)

// stencil is a centre between the last row and a pole: the four nearest grid points with weights that
// fall with their distance d on the sphere, as CDO has it:
//
//	w[k] = 1 / (d[k] + 1e-14), divided by the sum of the w of the valid points
//
// It is missing only where all four points are.
type stencil struct {
	last  bool     // beyond the last row in index order, not before the first
	index [4]int32 // row-in-pair * columns + column; the pair is rows 0, 1 or the last two
	w     [4]float64
	cell  int32
}

// tiny keeps the weight of a point at distance 0 finite.
const tiny = 1e-14

// addPolar adds the stencils of a ring beyond the first or the last row.
func (op *Operator) addPolar(at healpix.RingAt, lat float64) {
	ny, nx := len(op.grid.Lat), len(op.grid.Lon)
	rows := [2]int{0, 1}
	last := math.Abs(lat-op.grid.Lat[0]*radian) > math.Abs(lat-op.grid.Lat[ny-1]*radian)
	if last {
		rows = [2]int{ny - 2, ny - 1}
	}
	for k := range at.Cells {
		phi := at.Phi(k)
		s := stencil{last: last, cell: int32(op.parent(healpix.RingToNest(op.target.Intermediate, at.First+k)))}
		dist := [4]float64{math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1)}
		for p, j := range rows {
			sin, cos := math.Sincos(op.grid.Lat[j] * radian)
			for i, x := range op.grid.Lon {
				d := math.Acos(min(1, at.Z*sin+at.Sin*cos*math.Cos(phi-x*radian)))
				insert(&dist, &s.index, d, int32(p*nx+i))
			}
		}
		for q := range s.w {
			s.w[q] = 1 / (dist[q] + tiny)
		}
		op.polar = append(op.polar, s)
	}
}

// insert keeps the four smallest distances in order; of equal ones the first that came.
func insert(dist *[4]float64, index *[4]int32, d float64, i int32) {
	for q := range dist {
		if d < dist[q] {
			copy(dist[q+1:], dist[q:3])
			copy(index[q+1:], index[q:3])
			dist[q], index[q] = d, i
			return
		}
	}
}

// value returns the weighted mean of a stencil's valid points in one lane of a row pair, which are scale times
// what they stand for.
func (s *stencil) value(prev, cur []float64, lanes, lane int, scale float64) (float64, bool) {
	var v [4]float64
	total := 0.0
	w := s.w
	for q, i := range s.index {
		if nx := int32(len(prev)/lanes - 1); i < nx {
			v[q] = prev[int(i)*lanes+lane]
		} else {
			v[q] = cur[int(i-nx)*lanes+lane]
		}
		v[q] /= scale
		if v[q] != v[q] {
			v[q], w[q] = 0, 0
		}
		total += w[q]
	}
	if total == 0 {
		return 0, false
	}
	return float64(v[0]*(w[0]/total)) + float64(v[1]*(w[1]/total)) + float64(v[2]*(w[2]/total)) + float64(v[3]*(w[3]/total)), true
}
