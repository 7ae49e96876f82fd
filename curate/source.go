package curate

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"unsafe"

	"healpipe/internal/codec"
	"healpipe/netcdf"
	"healpipe/zarr"
)

// nan is numpy's.
var nan = math.Float32frombits(nanBits)

const nanBits = 0x7fc00000

// source gives the array's chunks the values of a variable. Chunks of arrays with levels hold one level for
// all steps, files all levels of one step. Where a level of one step is too small a piece to read, the source reads
// panels of some levels and hands out one level after the other, while the next panel is loaded. A panel lives until
// its levels are taken.
type source struct {
	fd      field
	cells   int
	levels  int            // 1 for arrays without
	depth   int            // levels in a panel; 1: there are none
	raw     *netcdf.Chunks // of a classic file's floats, whose bytes are read as they are; nil: others
	readers int
	record  map[int]int // of a step
	stats   *collector  // nil: none

	mu     sync.Mutex
	panels map[panelKey]*panel
	idle   [][]float32
	ahead  sync.WaitGroup // loads that nobody waits for yet
}

type panelKey struct{ step, n, group int }

type panel struct {
	once   sync.Once
	values []float32 // [step][level][cell]
	err    error
	depth  int // levels
	left   int // those not yet taken
}

// The least bytes of a read, of what belongs together: local files are mostly in memory, where a read costs little;
// over a network it should be worth its way.
const (
	localPiece  = 128 << 10
	remotePiece = 1 << 20
)

// newSource reads pieces of least bytes of each record, if the record has so much.
func newSource(ctx context.Context, fd field, a *zarr.Array, readers, least int) (*source, error) {
	shape := a.Shape()
	s := &source{
		fd: fd, cells: shape[len(shape)-1], levels: 1, depth: 1, readers: readers,
		record: make(map[int]int, len(fd.steps)), panels: map[panelKey]*panel{},
	}
	for i, step := range fd.steps {
		s.record[step] = i
	}
	ch, err := fd.v.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	stored := 1 // levels in a chunk of the file
	if len(shape) == 3 {
		s.levels, stored = shape[1], max(ch.Shape[1], 1)
		const most = 8 // more would take too much memory
		s.depth = min(1+(least-1)/(4*s.cells), stored, most, s.levels)
	}
	// A piece then lies within one chunk.
	if fd.bigEndian && ch.Shape[0] == 1 && ch.Shape[len(shape)-1] == s.cells && stored%s.depth == 0 {
		s.raw = ch
	}
	return s, nil
}

// read is a zarr.Source: part lies within one inner chunk.
func (s *source) read(ctx context.Context, part zarr.Region, dst []float32) error {
	if err := s.give(ctx, part, dst); err != nil {
		return err
	}
	if s.stats != nil {
		level := 0
		if len(part.Start) == 3 {
			level = part.Start[1]
		}
		s.stats.add(level, part.Start[0], dst)
	}
	return nil
}

func (s *source) give(ctx context.Context, part zarr.Region, dst []float32) error {
	step, n := part.Start[0], part.Shape[0]
	if s.levels == 1 && len(part.Shape) == 2 {
		return s.load(ctx, step, n, 0, 1, dst, true)
	}
	if part.Shape[1] != 1 || part.Shape[2] != s.cells {
		return fmt.Errorf("chunks of %d levels and %d cells, not one level and all cells", part.Shape[1], part.Shape[2])
	}
	if s.depth == 1 {
		return s.load(ctx, step, n, part.Start[1], 1, dst, true)
	}
	level := part.Start[1]
	key := panelKey{step, n, level / s.depth}
	first := key.group * s.depth
	p := s.panel(key)
	if next := (panelKey{step, n, key.group + 1}); level == first && next.group*s.depth < s.levels {
		s.ahead.Go(func() { s.fill(ctx, next, s.panel(next)) })
	}
	s.fill(ctx, key, p)
	if p.err == nil {
		for i := range n {
			from := (i*p.depth + level - first) * s.cells
			s.finish(dst[i*s.cells:(i+1)*s.cells], p.values[from:from+s.cells])
		}
	}
	s.taken(key, p)
	return p.err
}

// close waits for what is still being loaded.
func (s *source) close() { s.ahead.Wait() }

// fill loads a panel, once.
func (s *source) fill(ctx context.Context, key panelKey, p *panel) {
	p.once.Do(func() { p.err = s.load(ctx, key.step, key.n, key.group*s.depth, p.depth, p.values, false) })
}

// panel returns the panel of a key, empty where nobody has loaded it.
func (s *source) panel(key panelKey) *panel {
	depth := min(s.depth, s.levels-key.group*s.depth)
	size := key.n * depth * s.cells
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.panels[key]
	if p == nil {
		p = &panel{depth: depth, left: depth}
		if n := len(s.idle); n > 0 && cap(s.idle[n-1]) >= size {
			p.values, s.idle = s.idle[n-1][:size], s.idle[:n-1]
		} else {
			p.values = make([]float32, size)
		}
		s.panels[key] = p
	}
	return p
}

// taken counts a level that was handed out. With the last one the panel's memory goes to the next panel.
func (s *source) taken(key panelKey, p *panel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.left--; p.left == 0 || p.err != nil {
		if s.panels[key] == p {
			delete(s.panels, key)
		}
		if p.left == 0 {
			s.idle = append(s.idle, p.values)
		}
	}
}

// load reads the records of steps [step, step+n), levels [level, level+depth), as [step][level][cell], up to what
// finish does, or with it.
func (s *source) load(ctx context.Context, step, n, level, depth int, dst []float32, finish bool) error {
	size := depth * s.cells
	return inParallel(ctx, s.readers, n, func(ctx context.Context, i int) error {
		piece := dst[i*size : (i+1)*size]
		err := s.piece(ctx, s.record[step+i], level, depth, piece)
		if err == nil && finish {
			s.finish(piece, piece) // while the processor has it at hand
		}
		return err
	})
}

// piece reads some levels of a record.
func (s *source) piece(ctx context.Context, record, level, depth int, dst []float32) error {
	if s.raw != nil {
		if len(s.fd.v.Shape) == 2 {
			return s.bytes(ctx, s.raw.At(record, 0), dst)
		}
		stored := s.raw.Shape[1]
		c, size := s.raw.At(record, level/stored, 0), int64(4*s.cells)
		c.Pos += int64(level%stored) * size
		c.Size = min(c.Size-int64(level%stored)*size, int64(depth)*size)
		return s.bytes(ctx, c, dst)
	}
	start, count := []int{record, 0}, []int{1, s.cells}
	if len(s.fd.v.Shape) == 3 {
		start, count = []int{record, level, 0}, []int{1, depth, s.cells}
	}
	return s.values(ctx, start, count, dst)
}

// bytes reads a chunk as it is stored.
func (s *source) bytes(ctx context.Context, c netcdf.Chunk, dst []float32) error {
	if len(dst) == 0 {
		return nil
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*len(dst))
	if c.Size != int64(len(b)) {
		return fmt.Errorf("%w: %s: chunk of %d bytes instead of %d", netcdf.ErrCorrupt, s.fd.v.Name, c.Size, len(b))
	}
	_, err := s.raw.ReadRaw(ctx, c, b)
	return err
}

// values reads a box of the variable and unpacks it.
func (s *source) values(ctx context.Context, start, count []int, dst []float32) error {
	p := s.fd.missing
	if s.fd.v.Type.Kind == netcdf.Float && !p.Packed() {
		return s.fd.v.Read(ctx, dst, start, count, nil)
	}
	wide := make([]float64, len(dst))
	if err := s.fd.v.Read(ctx, wide, start, count, nil); err != nil {
		return err
	}
	p.Apply(wide)
	for i, v := range wide {
		dst[i] = float32(v)
	}
	return nil
}

// finish makes values of what load read: dst, which may be src.
func (s *source) finish(dst, src []float32) {
	p := s.fd.missing
	missing := p.Missing
	switch {
	case s.fd.v.Type.Kind != netcdf.Float || p.Packed():
		missing = nil // done
		fallthrough
	case s.raw == nil:
		copy(dst, src)
	case len(missing) > 0 && missing[0] == missing[0] && float32(missing[0]) != 0:
		// Equal means the same bits, but for zeros and NaN.
		swapMarked(dst, src, math.Float32bits(float32(missing[0])))
		if missing = missing[1:]; len(missing) > 0 && float32(missing[0]) == float32(p.Missing[0]) {
			missing = missing[1:] // _FillValue and missing_value are mostly the same
		}
	default:
		swapMarked(dst, src, math.Float32bits(nan))
	}
	markMissing(dst, missing)
}

// swapMarked copies big-endian values and makes those with the bits missing NaN.
func swapMarked(dst, src []float32, missing uint32) {
	to, from := words(dst[:len(src)]), words(src)
	if nativeLittle {
		codec.Swap32(to, from, missing, nanBits)
		return
	}
	for i, u := range from {
		if u == missing {
			u = nanBits
		}
		to[i] = u
	}
}

func words(v []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// nativeLittle says that the machine's byte order is not the classic format's.
var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// markMissing makes missing values NaN. They are few kinds, mostly one, so a pass for each is fastest.
func markMissing(dst []float32, missing []float64) {
	done := float32(0)
	for k, m := range missing {
		m := float32(m)
		if k > 0 && m == done {
			continue // _FillValue and missing_value are mostly the same
		}
		for i, v := range dst {
			if v == m {
				dst[i] = nan
			}
		}
		done = m
	}
}
