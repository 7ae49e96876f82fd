package regrid

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"healpipe/netcdf"
)

// stream takes one file through the operator.
//
//	loader --bands--> applier --segments--> sink
//
// The loader reads and inflates the next band while the applier works on the present one, where two bands
// fit into the memory allowed; both take their places from the Budget.
type stream struct {
	p        *plan
	operator func() (*Operator, error) // called once reading has begun
	op       *Operator                 // set by then
	cells    int                       // of a result
	budget   *Budget
	memory   int64
	piece    int // size of the pieces of large chunks
	sink     sink
	times    stages

	layouts []*layout
	free    chan *bandSet
	units   map[int][]*unit // free ones by lanes, guarded by mu
	raws    [][]byte        // free buffers for stored chunks, guarded by mu
	mu      sync.Mutex
	out     []values // of the present segment, by variable
	large   bool
}

// largeBand is the size of a band from which on garbage is collected after each segment. The heap is then a
// few large buffers that are used again and again, beside which the collector would let as much small
// garbage pile up before it starts; a collection takes less than a millisecond.
const largeBand = 16 << 20

// hugeBand is the size of a band from which on what earlier files have left is given back to the system first: a worker
// whose tasks take small and large files by turns would keep both kinds of buffers.
const hugeBand = 64 << 20

// sink takes results in order of time: constant variables first, in one call with steps 0.
type sink interface {
	put(t0, steps int, out []values) error
}

// values are the results of one variable in a segment, time by level by cell; one of the two is in use.
type values struct {
	f32 []float32
	f64 []float64
}

// stages are the nanoseconds spent in each stage, over all goroutines.
type stages struct{ read, decode, unpack, apply, write atomic.Int64 }

func since(t time.Time, n *atomic.Int64) { n.Add(int64(time.Since(t))) }

// bandSet is the scratch of one band: as many decoders as it has chunks.
type bandSet struct{ chunks []*loaded }

func (s *bandSet) take(n int) []*loaded {
	for len(s.chunks) < n {
		s.chunks = append(s.chunks, &loaded{d: &netcdf.Decoder{}})
	}
	return s.chunks[:n]
}

// run does the whole file.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	steps, levels, largest := 1, 0, int64(1)
	for _, f := range s.p.vars {
		l, err := newLayout(ctx, f, s.p.nx, s.cells)
		if err != nil {
			return err
		}
		s.layouts = append(s.layouts, l)
		if f.time {
			steps = max(steps, l.steps)
			levels += f.levels()
		}
		chunks := (l.steps + l.time - 1) / l.time * ((l.tall + l.level - 1) / l.level) * l.wide
		largest = max(largest, int64(chunks)*int64(l.time)*int64(l.level)*int64(l.lat)*int64(l.lon)*int64(f.v.Type.Size))
	}
	// Where variables differ in shape, the longest segment must not be too much for the others.
	steps = max(1, min(steps, int(resultBytes/(max(1, float64(levels))*float64(s.cells)*perCell))))
	s.large = largest >= largeBand
	if largest >= hugeBand {
		debug.FreeOSMemory()
	}
	sets := 1
	if 3*largest <= s.memory { // two decoded, and the stored bytes of one
		sets = 2
	}
	s.free = make(chan *bandSet, sets)
	for range sets {
		s.free <- &bandSet{}
	}
	s.units = map[int][]*unit{}

	bands := make(chan *band)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(bands)
		s.load(ctx, steps, bands)
	}()
	err := s.budget.do(ctx, func() (err error) {
		s.op, err = s.operator()
		return err
	})
	if err == nil {
		err = s.consume(ctx, steps, bands)
	}
	cancel(errors.Join(err, context.Canceled))
	for range bands { // a loader that waits
	}
	<-done
	return err
}

// segments calls fn for each range of times; constant variables come in a first call with t0 = t1 = 0.
func (s *stream) segments(steps int, fn func(t0, t1 int) error) error {
	total := 0
	for _, f := range s.p.vars {
		if f.time {
			total = max(total, f.steps())
		}
	}
	if err := fn(0, 0); err != nil {
		return err
	}
	for t := 0; t < total; t += steps {
		if err := fn(t, min(t+steps, total)); err != nil {
			return err
		}
	}
	return nil
}

// tiles lists the tiles of a segment in the order of work.
func (s *stream) tiles(t0, t1 int) (list []*tile) {
	for i, l := range s.layouts {
		if l.f.time == (t1 > t0) {
			list = append(list, l.tiles(t0, t1, i)...)
		}
	}
	return list
}

// load reads and decodes band after band. An error ends it, sent as the last band.
func (s *stream) load(ctx context.Context, steps int, bands chan<- *band) {
	err := s.segments(steps, func(t0, t1 int) error {
		for _, t := range s.tiles(t0, t1) {
			for y := 0; y < len(s.p.grid.Lat); y += t.l.lat {
				var set *bandSet
				select {
				case set = <-s.free:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				b := &band{t: t, set: set, y0: y, y1: min(y+t.l.lat, len(s.p.grid.Lat))}
				list := t.chunkList(y)
				b.chunks = set.take(len(list))
				if err := s.budget.each(ctx, len(list), func(i int) error { return s.loadChunk(ctx, t, b.chunks[i], list[i]) }); err != nil {
					return err
				}
				select {
				case bands <- b:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		}
		return nil
	})
	if err != nil {
		select {
		case bands <- &band{err: err}:
		case <-ctx.Done():
		}
	}
}

// maxReserve bounds what is reserved for a stored chunk on the word of the file's index.
const maxReserve = 256 << 20

// loadChunk reads one chunk, outside of the Budget, and decodes it.
func (s *stream) loadChunk(ctx context.Context, t *tile, c *loaded, chunk netcdf.Chunk) error {
	load := s.loadWhole
	if s.inPieces(t.l.ch, chunk) {
		load = s.loadPieces
	}
	if err := load(ctx, t.l, c, chunk); err != nil {
		return fmt.Errorf("variable %s: %w", t.l.f.v.Name, err)
	}
	c.shuffled = false
	if !t.l.f.packed {
		c.planes, c.shuffled = c.d.Planes()
	}
	return nil
}

func (s *stream) loadWhole(ctx context.Context, l *layout, c *loaded, chunk netcdf.Chunk) error {
	start := time.Now()
	var err error
	if c.raw == nil {
		c.raw = s.takeRaw(l)
	}
	if c.raw, err = l.ch.ReadRaw(ctx, chunk, c.raw); err != nil {
		return err
	}
	since(start, &s.times.read)
	return s.budget.do(ctx, func() error {
		defer since(time.Now(), &s.times.decode)
		if err := c.d.Decode(l.ch, chunk, c.raw); err != nil {
			return err
		}
		if !c.d.Holds(c.raw) {
			s.mu.Lock()
			s.raws = append(s.raws, c.raw[:0])
			s.mu.Unlock()
			c.raw = nil
		}
		return nil
	})
}

// takeRaw returns a buffer for a stored chunk: as many as are read and inflated at a time do for all chunks of a band.
func (s *stream) takeRaw(l *layout) (raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.raws); n > 0 {
		raw, s.raws = s.raws[n-1], s.raws[:n-1]
		return raw
	}
	return make([]byte, 0, min(l.stored, maxReserve))
}

// consume applies the operator and hands the results over.
func (s *stream) consume(ctx context.Context, steps int, bands <-chan *band) error {
	return s.segments(steps, func(t0, t1 int) error {
		tiles := s.tiles(t0, t1)
		if len(tiles) == 0 {
			return nil
		}
		s.prepare(t0, t1)
		for _, t := range tiles {
			if err := s.applyTile(ctx, t, t0, bands); err != nil {
				return err
			}
		}
		if s.large {
			runtime.GC()
		}
		defer since(time.Now(), &s.times.write)
		return s.sink.put(t0, t1-t0, s.out)
	})
}

// prepare makes room for the results of a segment.
func (s *stream) prepare(t0, t1 int) {
	if s.out == nil {
		s.out = make([]values, len(s.p.vars))
	}
	for i, f := range s.p.vars {
		if f.time != (t1 > t0) {
			continue
		}
		n := max(t1-t0, 1) * f.levels() * s.cells
		if f.double {
			s.out[i].f64 = grow(s.out[i].f64, n)
		} else {
			s.out[i].f32 = grow(s.out[i].f32, n)
		}
	}
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// applyTile takes the bands of one tile through its Blocks.
func (s *stream) applyTile(ctx context.Context, t *tile, t0 int, bands <-chan *band) error {
	at := 0
	for _, lanes := range split(t.fields()) {
		t.groups = append(t.groups, &group{first: at, n: min(lanes, t.fields()-at), lanes: lanes})
		at += lanes
	}
	for y := 0; y < len(s.p.grid.Lat); {
		b, ok := <-bands
		if !ok {
			return context.Cause(ctx)
		}
		if b.err != nil {
			return b.err
		}
		last := b.y1 == len(s.p.grid.Lat)
		err := s.budget.each(ctx, len(t.groups), func(i int) error {
			return s.budget.do(ctx, func() error {
				g := t.groups[i]
				if g.unit == nil {
					g.unit = s.take(g.lanes, t.l.f)
				}
				if err := s.applyBand(b, g); err != nil {
					return err
				}
				if last {
					s.finish(t, g, t0)
					s.give(g.unit)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		s.free <- b.set
		y = b.y1
	}
	return nil
}

// take returns a free unit, reset for a variable. Where a chunk holds whole fields, as many units as
// goroutines are enough for any number of fields.
func (s *stream) take(lanes int, f *field) *unit {
	s.mu.Lock()
	var u *unit
	if list := s.units[lanes]; len(list) > 0 {
		u, s.units[lanes] = list[len(list)-1], list[:len(list)-1]
	}
	s.mu.Unlock()
	if u == nil {
		u = &unit{block: s.op.NewBlock(lanes), lanes32: make([][]float32, lanes), lanes64: make([][]float64, lanes)}
	} else {
		u.block.Reset()
	}
	u.block.Double = f.double
	return u
}

// scratch makes room for the rows of a variable.
func (s *stream) scratch(u *unit, f *field) {
	switch lanes := u.block.Lanes(); {
	case f.packed && u.rows64 == nil:
		u.rows64 = rows[float64](lanes, rowBatch*s.p.nx)
	case !f.packed && u.rows32 == nil:
		u.rows32 = rows[float32](lanes, rowBatch*s.p.nx)
	}
}

func rows[T any](lanes, n int) [][]T {
	r := make([][]T, lanes)
	for l := range r {
		r[l] = make([]T, n)
	}
	return r
}

func (s *stream) give(u *unit) {
	s.mu.Lock()
	s.units[u.block.Lanes()] = append(s.units[u.block.Lanes()], u)
	s.mu.Unlock()
}

// applyBand takes the rows of a band through one Block.
func (s *stream) applyBand(b *band, g *group) error {
	f, nx := b.t.l.f, s.p.nx
	if !f.packed && b.planeRows(g) {
		s.applyPlanes(b, g)
		return nil
	}
	s.scratch(g.unit, f)
	for y := b.y0; y < b.y1; y += rowBatch {
		n := min(rowBatch, b.y1-y)
		start := time.Now()
		if err := b.copyRows(g, y, n, nx); err != nil {
			return err
		}
		unpacked := time.Now()
		s.times.unpack.Add(int64(unpacked.Sub(start)))
		for i := range n {
			if f.packed {
				for lane := range g.n {
					g.lanes64[lane] = g.rows64[lane][i*nx : (i+1)*nx]
					f.pack.Unwrap(g.lanes64[lane])
				}
				g.block.Row64(g.lanes64[:g.n], f.pack.Missing, f.pack.Scale, f.pack.Offset)
				continue
			}
			for lane := range g.n {
				g.lanes32[lane] = g.rows32[lane][i*nx : (i+1)*nx]
			}
			g.block.Row32(g.lanes32[:g.n], f.missing32)
		}
		since(unpacked, &s.times.apply)
	}
	return nil
}

// applyPlanes is applyBand for shuffled chunks of float32: their values go from the planes of bytes to the
// Block without a copy between. Unpacking and the operator are timed as one.
func (s *stream) applyPlanes(b *band, g *group) {
	defer since(time.Now(), &s.times.apply)
	f, l := b.t.l.f, b.t.l
	for y := b.y0; y < b.y1; y += planeBatch {
		n := min(planeBatch, b.y1-y)
		g.block.rowsPlanes(g.planes, g.n, l.lon, n, f.missing32, f.top)
		for i := range g.planes {
			g.planes[i].From += n * l.lon
		}
	}
}

// finish writes the results of a group to their places in the segment.
func (s *stream) finish(t *tile, g *group, t0 int) {
	defer since(time.Now(), &s.times.apply)
	cells := s.cells
	out := &s.out[t.out]
	place := func(lane int) int {
		step, level := t.at(g.first + lane)
		return ((step-t0)*t.l.f.levels() + level) * cells
	}
	if t.l.f.double {
		dst := make([][]float64, g.n)
		for lane := range dst {
			dst[lane] = out.f64[place(lane):][:cells]
		}
		g.block.Finish64(dst, t.l.f.fill)
		return
	}
	dst := make([][]float32, g.n)
	for lane := range dst {
		dst[lane] = out.f32[place(lane):][:cells]
	}
	g.block.Finish32(dst, float32(t.l.f.fill))
}
