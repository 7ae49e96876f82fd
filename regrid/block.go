package regrid

import (
	"fmt"
	"math"
)

// MaxLanes is the largest number of fields (hours, levels) that a Block takes through the operator at
// once, so that columns and weights are read once for all of them.
const MaxLanes = 8

// Block applies an Operator to several fields at a time, row by row, so that no whole field need be held.
// A row holds the fields interleaved, column after column: value of lane l at column i in row[i*Lanes+l].
//
//	b.Reset()
//	for range rows { b.Row32(row, missing) }     // rows in index order
//	b.Finish32(dst, fill)
//
// It keeps two source rows and the sums of the result, 3.4 MB at 8 lanes for the default target. It is not
// safe for concurrent use. Reused, it allocates nothing.
type Block struct {
	// Double keeps the values between the two steps in float64, as CDO does for float64 variables; else
	// they are rounded to float32. Not to be changed between the first row and Finish.
	Double bool

	op    *Operator
	lanes int
	next  int // row that comes next
	ring  int // next of op.rings

	prev, cur []float64 // the last two rows, missing values as NaN
	prevHoles bool      // some value of prev is missing
	curHoles  bool
	blend     []float64 // the two rows blended for a ring, first column repeated at the end
	sum       []float64 // of the valid children, cell by lane
	lost      []uint32  // number of missing children, cell by lane; in use where missing is set
	missing   bool
}

// NewBlock returns a Block of 4 or 8 lanes, ready for its first row.
func (op *Operator) NewBlock(lanes int) *Block {
	if lanes != 4 && lanes != MaxLanes {
		panic(fmt.Sprintf("regrid: a block has 4 or %d lanes, not %d", MaxLanes, lanes))
	}
	row := len(op.grid.Lon) * lanes
	return &Block{
		op: op, lanes: lanes,
		prev: make([]float64, row), cur: make([]float64, row), blend: make([]float64, row+lanes),
		sum: make([]float64, op.Cells()*lanes),
	}
}

// Lanes returns the number of lanes.
func (b *Block) Lanes() int { return b.lanes }

// Reset forgets the fields seen so far.
func (b *Block) Reset() {
	b.next, b.ring = 0, 0
	clear(b.sum)
	if b.missing {
		clear(b.lost)
	}
	b.missing, b.prevHoles, b.curHoles = false, false, false
}

// Row32 takes the next row. Values equal to one of missing, and NaN, are missing. It panics where the row
// is too short or one more than the grid has.
func (b *Block) Row32(row []float32, missing []float32) {
	b.turn()
	row = row[:len(b.cur)]
	holes := widen(b.cur, row)
	for _, m := range missing {
		if m == m && punch32(b.cur, row, m) {
			holes = true
		}
	}
	b.push(holes)
}

// Row64 is Row32 for float64 and for packed numbers: what is not missing becomes value*scale + offset.
func (b *Block) Row64(row []float64, missing []float64, scale, offset float64) {
	b.turn()
	b.push(unpack(b.cur, row[:len(b.cur)], missing, scale, offset))
}

// turn makes room for a row.
func (b *Block) turn() {
	if b.next >= len(b.op.grid.Lat) {
		panic("regrid: more rows than the grid has")
	}
	b.prev, b.cur = b.cur, b.prev
	b.prevHoles = b.curHoles
}

// push applies what became possible with the row in cur.
func (b *Block) push(holes bool) {
	b.curHoles = holes
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
	op, row, nx := b.op, b.next-2, len(b.cur)
	holes := b.prevHoles || b.curHoles
	if holes {
		b.holes()
	}
	for ; b.ring < len(op.rings) && op.rings[b.ring].row == row; b.ring++ {
		r := &op.rings[b.ring]
		blendRows(b.blend[:nx], b.prev, b.cur, 1-r.y, r.y)
		copy(b.blend[nx:], b.blend[:b.lanes])
		t := targets{op.col[r.first : r.first+r.n], op.x[r.first : r.first+r.n], op.cell[r.first : r.first+r.n]}
		switch {
		case holes || b.Double:
			b.holes()
			scatterHoles(b.sum, b.lost, b.blend, t, b.lanes, b.Double)
		case b.lanes == MaxLanes:
			scatter8(b.sum, b.blend, t)
		default:
			scatter4(b.sum, b.blend, t)
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
		if s.last != last {
			continue
		}
		for l := range b.lanes {
			v, ok := s.value(b.prev, b.cur, b.lanes, l)
			at := int(s.cell)*b.lanes + l
			switch {
			case !ok:
				b.holes()
				b.lost[at]++
			case b.Double:
				b.sum[at] += v
			default:
				b.sum[at] += float64(float32(v))
			}
		}
	}
}

// Finish32 writes the result of lane l to dst[l], a slice of Operator.Cells values; a nil one, or one that
// dst lacks, is left out. Cells without a valid child become fill. It panics where rows are lacking.
func (b *Block) Finish32(dst [][]float32, fill float32) { finish(b, dst, fill) }

// Finish64 is Finish32 for float64 results.
func (b *Block) Finish64(dst [][]float64, fill float64) { finish(b, dst, fill) }

func finish[T float32 | float64](b *Block, dst [][]T, fill T) {
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
				d[c] = T(b.sum[c*b.lanes+l] / float64(n))
			}
			continue
		}
		for c := range d {
			if k := n - int(b.lost[c*b.lanes+l]); k > 0 {
				d[c] = T(b.sum[c*b.lanes+l] / float64(k))
			} else {
				d[c] = fill
			}
		}
	}
}

// nan marks a missing value inside a Block: it comes through every sum, whatever its weight.
var nan = math.NaN()
