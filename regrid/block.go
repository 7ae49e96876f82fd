package regrid

import (
	"fmt"
	"math"

	"healpipe/internal/codec"
)

// MaxLanes is the largest number of fields (hours, levels) that a Block takes through the operator at
// once, so that columns and weights are read once for all of them.
const MaxLanes = 8

// Block applies an Operator to several fields at a time, row by row, so that no whole field need be held.
//
//	b.Reset()
//	for j := range rows { b.Row32(lanes, missing) }     // lanes[l] is row j of field l
//	b.Finish32(dst, fill)
//
// It keeps two to six source rows and the sums of the result, 3.7 MB at 8 lanes for the default target. It is not
// safe for concurrent use. Reused, it allocates nothing.
type Block struct {
	// Double keeps the values between the two steps in float64, as CDO does for float64 variables; else
	// they are rounded to float32. Not to be changed between the first row and Finish.
	Double bool

	op    *Operator
	lanes int
	next  int // row that comes next
	ring  int // next of op.rings

	scale     float64   // of the values in prev and cur: codec.LaneScale for float32, which the weights make good, else 1
	prev, cur []float64 // the last two rows, lane by lane at each column, first column repeated at the end; NaN is missing
	prevHoles []bool    // by tile of columns: some value of prev is missing
	curHoles  []bool
	sum       []float64 // of the valid children, cell by lane
	lost      []uint32  // number of missing children, cell by lane; in use where missing is set
	missing   bool

	batch   [][]float64 // rows that are unpacked together, see rowsPlanes
	over    [][]bool    // by row of batch and tile: some value may be missing
	weights weights     // scratch of the vector kernels
}

// NewBlock returns a Block of 4 or 8 lanes, ready for its first row.
func (op *Operator) NewBlock(lanes int) *Block {
	if lanes != 4 && lanes != MaxLanes {
		panic(fmt.Sprintf("regrid: a block has 4 or %d lanes, not %d", MaxLanes, lanes))
	}
	row := (len(op.grid.Lon) + 1) * lanes
	tiles := (len(op.grid.Lon) + tileColumns - 1) / tileColumns
	b := &Block{
		op: op, lanes: lanes,
		prev: make([]float64, row), cur: make([]float64, row),
		prevHoles: make([]bool, tiles), curHoles: make([]bool, tiles),
		sum: make([]float64, op.Cells()*lanes),
	}
	// A page of new memory that is read before it is written to faults twice, the second time with an interrupt of
	// the other processors: sums are read first.
	clear(b.sum)
	return b
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
	b.missing = false
}

// Row32 takes the next row: lanes[l] is that of field l, at most Lanes of them. Values equal to one of
// missing, and NaN, are missing. It panics where a row is too short or one more than the grid has. All rows of a
// field must come by the same of Row32 and Row64.
func (b *Block) Row32(lanes [][]float32, missing []float32) {
	b.row(codec.LaneScale, func(dst []float64, at, n int) bool {
		holes := false
		for _, row := range lanes {
			holes = suspect(row[at:at+n], missing) || holes
		}
		if holes {
			return punch(dst, lanes, b.lanes, at, n, missing)
		}
		spread(dst, lanes, b.lanes, at, n)
		return false
	})
}

// rowsPlanes is Row32 for n rows, up to planeBatch, from chunks that are wide columns wide and whose shuffle has not been undone:
// lanes[s*fields+l] is the first of them of field l in the s-th chunk, behind which the others follow. What follows it must
// not differ between rows: missing, and top from upperByte.
//
// Four lanes are unpacked at a time, all rows of a chunk one after the other: 16 planes that are read on and on,
// which the processor's prefetch follows, as it does not where rows of many chunks are read by turns.
func (b *Block) rowsPlanes(lanes []codec.Lane, fields, wide, n int, missing []float32, top byte) {
	nx := len(b.op.grid.Lon)
	if b.batch == nil {
		for range planeBatch {
			b.batch = append(b.batch, make([]float64, len(b.cur)))
			b.over = append(b.over, make([]bool, len(b.curHoles)))
		}
	}
	for r := range n {
		clear(b.over[r])
	}
	var four [4]codec.Lane
	for side := 0; side*wide < nx; side++ {
		at, end := side*wide, min((side+1)*wide, nx)
		for first := 0; first < fields; first += 4 {
			from := four[:copy(four[:], lanes[side*fields+first:(side+1)*fields])]
			for r := range n {
				if codec.UnshuffleLanes(b.batch[r][at*b.lanes+first:], b.lanes, from, end-at, top) {
					for tile := at / tileColumns; tile*tileColumns < end; tile++ {
						b.over[r][tile] = true
					}
				}
				for l := range from {
					from[l].From += wide
				}
			}
		}
	}
	for r := range n {
		b.prev, b.batch[r] = b.batch[r], b.prev // row takes it for the present one
		over := b.over[r]
		b.row(codec.LaneScale, func(dst []float64, at, n int) bool {
			return over[at/tileColumns] && punchLanes(dst[:n*b.lanes], missing)
		})
	}
}

// planeBatch is how many rows rowsPlanes takes at a time.
const planeBatch = 4

// Row64 is Row32 for float64 and for packed numbers: what is not missing becomes value*scale + offset.
func (b *Block) Row64(lanes [][]float64, missing []float64, scale, offset float64) {
	b.row(1, func(dst []float64, at, n int) bool {
		return unpack(dst, lanes, b.lanes, at, n, missing, scale, offset)
	})
}

// tileColumns is the number of columns that are unpacked and used at a time, so that they stay in the
// first-level cache, and for which is known together whether a value is missing.
const tileColumns = 64

// row takes the next row. fill stores the columns [at, at+n) of all fields, times scale, and says whether one is
// missing. The operator follows one tile of columns behind, since a tile's last centres have the first column
// of the next one to their east.
func (b *Block) row(scale float64, fill func(dst []float64, at, n int) bool) {
	op := b.op
	nx := len(op.grid.Lon)
	if b.next >= len(op.grid.Lat) {
		panic("regrid: more rows than the grid has")
	}
	if b.next > 0 && b.scale != scale {
		panic("regrid: rows of float32 and of float64 in one field")
	}
	b.prev, b.cur = b.cur, b.prev
	b.prevHoles, b.curHoles = b.curHoles, b.prevHoles
	b.next++
	b.scale = scale
	end := b.ring
	for end < len(op.rings) && op.rings[end].row == b.next-2 {
		end++
	}
	rings := op.rings[b.ring:end]
	b.ring = end
	for tile := range b.curHoles {
		c := tile * tileColumns
		b.curHoles[tile] = fill(b.cur[c*b.lanes:], c, min(tileColumns, nx-c))
		if tile == 0 {
			copy(b.cur[nx*b.lanes:], b.cur[:b.lanes])
		} else if len(rings) > 0 {
			b.apply(rings, tile-1)
		}
	}
	if len(rings) > 0 {
		b.apply(rings, len(b.curHoles)-1)
	}
	if b.next == 2 {
		b.polar(false)
	}
	if b.next == len(op.grid.Lat) {
		b.polar(true)
	}
}

// apply does the centres of the rings between prev and cur that lie in a tile of columns.
func (b *Block) apply(rings []ring, tile int) {
	op := b.op
	next := (tile + 1) % len(b.curHoles) // the tile's last centres have its first column to their east
	holes := b.prevHoles[tile] || b.curHoles[tile] || b.prevHoles[next] || b.curHoles[next]
	if holes || b.Double {
		b.holes()
	}
	for q := range rings {
		r := &rings[q]
		from, to := int(r.tiles[tile]), int(r.tiles[tile+1])
		if from == to {
			continue
		}
		t := targets{(1 - r.y) / b.scale, r.y / b.scale, op.col[r.table+from : r.table+to], op.x[r.table+from : r.table+to], op.cell[r.first+from : r.first+to]}
		switch {
		case vectors && holes && !b.Double:
			scatterHolesVector(b.sum, b.lost, b.prev, b.cur, t, b.lanes, &b.weights, wide)
		case holes || b.Double:
			scatterHoles(b.sum, b.lost, b.prev, b.cur, t, b.lanes, b.Double)
		case vectors:
			scatterVector(b.sum, b.prev, b.cur, t, b.lanes, &b.weights, wide)
		case b.lanes == MaxLanes:
			scatter8(b.sum, b.prev, b.cur, t)
		default:
			scatter4(b.sum, b.prev, b.cur, t)
		}
	}
}

// holes makes lost ready.
func (b *Block) holes() {
	b.missing = true
	if b.lost == nil {
		b.lost = make([]uint32, len(b.sum))
		clear(b.lost) // as sum in NewBlock
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
			v, ok := s.value(b.prev, b.cur, b.lanes, l, b.scale)
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
	lanes, n := b.lanes, b.op.children
	share := 1 / float64(n)
	for from := 0; from < b.op.Cells(); from += finishCells {
		to := min(from+finishCells, b.op.Cells())
		for l, d := range dst {
			if d == nil {
				continue
			}
			d = d[from:to]
			sum := b.sum[from*lanes+l : to*lanes]
			if !b.missing {
				for c := range d {
					d[c] = T(sum[c*lanes] * share) // n is a power of 4
				}
				continue
			}
			lost := b.lost[from*lanes+l : to*lanes]
			for c := range d {
				if k := n - int(lost[c*lanes]); k > 0 {
					d[c] = T(sum[c*lanes] / float64(k))
				} else {
					d[c] = fill
				}
			}
		}
	}
}

// finishCells is how many cells finish does at a time, so that their sums are taken from memory once for all lanes.
const finishCells = 256

// nan marks a missing value inside a Block: it comes through every sum, whatever its weight.
var nan = math.NaN()
