package regrid

import (
	"fmt"
	"math"
)

// Lanes is the number of fields (hours, levels) that a Block takes through the operator at once, so that
// columns and weights are read once for all of them.
const Lanes = 8

// Block applies an Operator to up to Lanes fields at a time, row by row, so that no whole field need be
// held. It keeps two source rows and the sums of the result: about 4 MB for the default target. It is not
// safe for concurrent use; a Block is reused field after field.
//
//	b.Reset()
//	for j := range rows { b.Row(j, &src) }     // rows in order; src[l] is row j of field l
//	b.Finish(&dst, fill)
type Block struct {
	op   *Operator
	next int // row that Row expects
	ring int // next of op.rings

	prev, cur []float32 // rows next-2 and next-1, lane after lane per column, missing values as NaN
	prevNaN   bool
	curNaN    bool
	missing   bool      // some child was missing: lost is in use
	blend     []float64 // the two rows blended for a ring, first column repeated at the end
	sum       []float64 // of the valid children, cell by lane
	lost      []uint32  // number of missing children, cell by lane
}

// NewBlock returns a Block, ready for its first row.
func (op *Operator) NewBlock() *Block {
	nx := len(op.grid.Lon)
	return &Block{
		op:   op,
		prev: make([]float32, nx*Lanes), cur: make([]float32, nx*Lanes),
		blend: make([]float64, (nx+1)*Lanes),
		sum:   make([]float64, op.Cells()*Lanes),
	}
}

// Reset forgets the fields seen so far.
func (b *Block) Reset() {
	b.next, b.ring = 0, 0
	clear(b.sum)
	if b.missing {
		clear(b.lost)
	}
	b.missing, b.prevNaN, b.curNaN = false, false, false
}

// Row takes row b.next of every field; src[l] nil means that lane l is not in use. Values equal to one of
// missing, and NaN, are missing. It panics where the rows do not come in order or are not as long as the grid's.
func (b *Block) Row(src *[Lanes][]float32, missing []float32) {
	if b.next >= len(b.op.grid.Lat) {
		panic("regrid: more rows than the grid has")
	}
	b.prev, b.cur = b.cur, b.prev
	b.prevNaN = b.curNaN
	b.curNaN = interleave(b.cur, src, missing)
	b.next++
	if b.next < 2 {
		return
	}
	if b.next == 2 {
		b.polar(false)
	}
	b.apply()
	if b.next == len(b.op.grid.Lat) {
		b.polar(true)
	}
}

// apply does the rings between prev and cur.
func (b *Block) apply() {
	op, row := b.op, b.next-2
	holes := b.prevNaN || b.curNaN
	if holes {
		b.holes()
	}
	for ; b.ring < len(op.rings) && op.rings[b.ring].row == row; b.ring++ {
		r := &op.rings[b.ring]
		nx := len(b.blend) - Lanes
		blendRows(b.blend[:nx], b.prev, b.cur, 1-r.y, r.y)
		copy(b.blend[nx:], b.blend[:Lanes])
		col, x, cell := op.col[r.first:r.first+r.n], op.x[r.first:r.first+r.n], op.cell[r.first:r.first+r.n]
		if holes {
			scatterHoles(b.sum, b.lost, b.blend, col, x, cell)
		} else {
			scatter(b.sum, b.blend, col, x, cell)
		}
	}
}

// holes makes lost ready.
func (b *Block) holes() {
	b.missing = true
	if b.lost == nil {
		b.lost = make([]uint32, len(b.sum))
	}
}

// polar does the centres beyond the first row or the last one.
func (b *Block) polar(last bool) {
	for i := range b.op.polar {
		s := &b.op.polar[i]
		if s.south != last {
			continue
		}
		for l := range Lanes {
			v, ok := s.value(b.prev, b.cur, l)
			at := int(s.cell)*Lanes + l
			if !ok {
				b.holes()
				b.lost[at]++
				continue
			}
			b.sum[at] += float64(v)
		}
	}
}

// value returns the weighted mean of a stencil's valid points in one lane.
func (s *stencil) value(prev, cur []float32, lane int) (float32, bool) {
	var v [4]float64
	total := 0.0
	w := s.w
	for q, i := range s.index {
		at := int(i)*Lanes + lane
		if at < len(prev) {
			v[q] = float64(prev[at])
		} else {
			v[q] = float64(cur[at-len(prev)])
		}
		if v[q] != v[q] {
			v[q], w[q] = 0, 0
		}
		total += w[q]
	}
	if total == 0 {
		return 0, false
	}
	return float32(float64(v[0]*(w[0]/total)) + float64(v[1]*(w[1]/total)) + float64(v[2]*(w[2]/total)) + float64(v[3]*(w[3]/total))), true
}

// Finish writes the result of each lane to dst[l], a slice of op.Cells() values; a nil one is left out.
// Cells without a valid child become fill. It panics where rows are lacking.
func (b *Block) Finish(dst *[Lanes][]float32, fill float32) {
	if b.next != len(b.op.grid.Lat) {
		panic(fmt.Sprintf("regrid: %d of %d rows given", b.next, len(b.op.grid.Lat)))
	}
	n := b.op.children
	for l, d := range dst {
		if d == nil {
			continue
		}
		d = d[:b.op.Cells()]
		if !b.missing {
			for c := range d {
				d[c] = float32(b.sum[c*Lanes+l] / float64(n))
			}
			continue
		}
		for c := range d {
			if k := n - int(b.lost[c*Lanes+l]); k > 0 {
				d[c] = float32(b.sum[c*Lanes+l] / float64(k))
			} else {
				d[c] = fill
			}
		}
	}
}

// interleave copies one row of each lane to dst[column*Lanes+lane], missing values as NaN, and says
// whether there are any.
func interleave(dst []float32, src *[Lanes][]float32, missing []float32) (holes bool) {
	nx := len(dst) / Lanes
	nan := float32(math.NaN())
	for l, s := range src {
		if s == nil {
			for i := l; i < len(dst); i += Lanes {
				dst[i] = 0
			}
			continue
		}
		s = s[:nx]
		for i, v := range s {
			if v != v {
				holes = true
			}
			for _, m := range missing {
				if v == m {
					v, holes = nan, true
				}
			}
			dst[i*Lanes+l] = v
		}
	}
	return holes
}
