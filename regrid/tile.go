package regrid

import (
	"context"
	"fmt"

	"healpipe/internal/codec"
	"healpipe/netcdf"
)

// A variable is read in tiles, and a tile in bands:
//
//	segment  the times that are written together
//	tile     the fields (times by levels) of a segment that whole chunks of the file hold
//	band     the rows of a tile that one row of chunks holds: what is decoded at once
//
// so that every chunk is inflated once and no more than a band or two of them is in memory.

// bandBytes is how many decoded bytes of small chunks are put together to one band.
const bandBytes = 32 << 20

// resultBytes is how much the results and sums of a segment may take, about 16 bytes a cell and field: a
// file whose chunks hold more times is decoded several times over. maxResultBytes is what one time may take.
const (
	resultBytes    = 512 << 20
	maxResultBytes = 8 << 30
	perCell        = 16
)

// layout is how a variable is cut.
type layout struct {
	f      *field
	ch     *netcdf.Chunks
	time   int // chunk length along time, levels, latitude, longitude; 1 for a dimension that is not there
	level  int
	lat    int
	lon    int
	steps  int // times of a segment, a multiple of time where the variable has that many
	tall   int // levels of a tile, a multiple of level
	stored int // bytes of the largest stored chunk
	wide   int // chunks side by side that hold the columns which are read
}

// newLayout looks at the variable's chunks.
func newLayout(ctx context.Context, f *field, nx, cells int) (*layout, error) {
	ch, err := f.v.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	l := &layout{f: f, ch: ch, time: 1, level: 1}
	shape := ch.Shape
	if f.time {
		l.time, shape = shape[0], shape[1:]
	}
	if f.z != nil {
		l.level, shape = shape[0], shape[1:]
	}
	l.lat, l.lon = shape[0], shape[1]
	l.time, l.level = max(l.time, 1), max(l.level, 1) // chunks of an empty dimension
	one := float64(f.levels()) * float64(cells) * perCell
	if one > maxResultBytes {
		return nil, fmt.Errorf("variable %s: %w: %d levels", f.v.Name, netcdf.ErrTooLarge, f.levels())
	}
	l.wide = (nx + l.lon - 1) / l.lon
	for c := range ch.All() {
		l.stored = max(l.stored, int(c.Size))
	}
	// Put chunks together until the lanes of a Block are filled or memory says stop.
	row := int64(l.wide) * int64(l.lat) * int64(l.lon) * int64(f.v.Type.Size)
	fits := func(steps, tall int) bool { return row*int64(steps)*int64(tall) <= bandBytes }
	l.steps, l.tall = min(l.time, f.steps()), min(l.level, f.levels())
	for l.tall < f.levels() && l.steps*l.tall < MaxLanes && fits(l.steps, l.tall+l.level) {
		l.tall = min(l.tall+l.level, f.levels())
	}
	for l.steps < f.steps() && l.steps*l.tall < MaxLanes && fits(l.steps+l.time, l.tall) {
		l.steps = min(l.steps+l.time, f.steps())
	}
	if most := max(1, int(resultBytes/max(one, 1))); l.steps > most {
		l.steps = most
		if most > l.time {
			l.steps -= most % l.time
		}
	}
	return l, nil
}

// tile is a range of times and levels of one variable.
type tile struct {
	l      *layout
	t0, t1 int
	z0, z1 int
	groups []*group
	out    int // index of the variable among those of the plan
}

// fields returns the number of fields in the tile, numbered time by time.
func (t *tile) fields() int { return (t.t1 - t.t0) * (t.z1 - t.z0) }

// at returns the time and level of a field of the tile.
func (t *tile) at(field int) (step, level int) {
	n := t.z1 - t.z0
	return t.t0 + field/n, t.z0 + field%n
}

// tiles cuts the segment [t0, t1) of a variable.
func (l *layout) tiles(t0, t1, out int) []*tile {
	var list []*tile
	if !l.f.time {
		t0, t1 = 0, 1
	}
	// Boundaries lie on those of chunks, so that none is decoded twice within a segment.
	for a := t0; a < t1; {
		b := min(t1, a+l.steps)
		if b/l.time > a/l.time {
			b -= b % l.time
		}
		for z := 0; z < l.f.levels(); z += l.tall {
			list = append(list, &tile{l: l, t0: a, t1: b, z0: z, z1: min(z+l.tall, l.f.levels()), out: out})
		}
		a = b
	}
	return list
}

// group is the up to MaxLanes fields of a tile that share a Block.
type group struct {
	first, n int // fields of the tile
	lanes    int
	*unit    // from the first band to the last
}

// unit is a Block with the rows that are unpacked for it.
type unit struct {
	block   *Block
	rows32  [][]float32 // per lane rowBatch rows; or else rows64
	rows64  [][]float64
	lanes32 [][]float32 // one row of them
	lanes64 [][]float64
	planes  []codec.Lane // one row of float32 fields whose shuffle has not been undone, lane by lane of each chunk side by side
}

// rowBatch is the number of rows that are unpacked at a time: few enough to stay in the cache.
const rowBatch = 4

// split deals n fields out to blocks of 8 and 4 lanes with as few idle lanes as possible.
func split(n int) (lanes []int) {
	for ; n > 4; n -= MaxLanes {
		lanes = append(lanes, MaxLanes)
	}
	if n > 0 {
		lanes = append(lanes, 4)
	}
	return lanes
}

// band is one row of chunks of a tile, decoded.
type band struct {
	t      *tile
	set    *bandSet
	y0, y1 int // rows
	chunks []*loaded
	err    error
}

// loaded is a chunk with its decoder.
type loaded struct {
	d        *netcdf.Decoder
	raw      []byte
	pieces   [][]byte // in place of raw, for a large chunk
	planes   [4][]byte
	shuffled bool // planes is set
}

// find returns the loaded chunk that holds a field's columns of the band, side by side.
func (b *band) find(step, level, side int) *loaded {
	l := b.t.l
	nt := step/l.time - b.t.t0/l.time
	nz := (b.t.z1-1)/l.level - b.t.z0/l.level + 1
	return b.chunks[(nt*nz+level/l.level-b.t.z0/l.level)*l.wide+side]
}

// chunkList returns the chunks of rows that start at y0, in the order that find expects.
func (t *tile) chunkList(y0 int) []netcdf.Chunk {
	l := t.l
	var list []netcdf.Chunk
	for a := t.t0 / l.time; a <= (t.t1-1)/l.time; a++ {
		for z := t.z0 / l.level; z <= (t.z1-1)/l.level; z++ {
			for x := range l.wide {
				var at []int
				if l.f.time {
					at = append(at, a)
				}
				if l.f.z != nil {
					at = append(at, z)
				}
				list = append(list, l.ch.At(append(at, y0/l.lat, x)...))
			}
		}
	}
	return list
}

// planeRows lets g.planes be row b.y0 of a group's fields, where the fields lie in shuffled chunks.
func (b *band) planeRows(g *group) bool {
	l := b.t.l
	g.planes = g.planes[:0]
	for side := range l.wide {
		for lane := range g.n {
			step, level := b.t.at(g.first + lane)
			c := b.find(step, level, side)
			if !c.shuffled {
				return false
			}
			from := ((step%l.time*l.level+level%l.level)*l.lat + b.y0%l.lat) * l.lon
			g.planes = append(g.planes, codec.Lane{Planes: &c.planes, From: from})
		}
	}
	return true
}

// copyRows unpacks rows [y, y+n) of a group's fields.
func (b *band) copyRows(g *group, y, n, nx int) error {
	l := b.t.l
	var box [3][4]int // stride, first, count
	for lane := range g.n {
		step, level := b.t.at(g.first + lane)
		for side := range l.wide {
			c := b.find(step, level, side)
			x0 := side * l.lon
			stride, lo, count := box[0][:0], box[1][:0], box[2][:0]
			if l.f.time {
				stride, lo, count = append(stride, 0), append(lo, step%l.time), append(count, 1)
			}
			if l.f.z != nil {
				stride, lo, count = append(stride, 0), append(lo, level%l.level), append(count, 1)
			}
			stride, lo, count = append(stride, nx, 1), append(lo, y%l.lat, 0), append(count, n, min(l.lon, nx-x0))
			var dst any
			if !l.f.packed {
				dst = g.rows32[lane][x0:]
			} else {
				dst = g.rows64[lane][x0:]
			}
			if err := c.d.Copy(dst, stride, lo, count); err != nil {
				return fmt.Errorf("variable %s: %w", l.f.v.Name, err)
			}
		}
	}
	return nil
}
