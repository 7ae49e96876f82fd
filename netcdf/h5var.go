package netcdf

import (
	"context"
	"fmt"
	"math"

	"healpipe/internal/codec"
	"healpipe/netcdf/internal/hdf5"
)

// h5var is the storage of a variable of an HDF5 file.
type h5var struct {
	h       *h5file
	obj     *hdf5.Object
	layout  *hdf5.Layout
	space   hdf5.Dataspace
	filters []hdf5.Filter
	fillVal []byte
}

// openVar reads how a dataset is stored. What it cannot read becomes v.err.
func (h *h5file) openVar(v *Var, d *dataset) {
	b := &h5var{h: h, obj: d.obj, space: d.space}
	v.back = b
	v.err = func() (err error) {
		if d.err != nil {
			return d.err
		}
		if b.layout, err = d.obj.Layout(); err != nil {
			return err
		}
		if b.filters, err = d.obj.Filters(); err != nil {
			return err
		}
		for _, f := range b.filters {
			v.Filters = append(v.Filters, f.Label())
		}
		for _, n := range b.layout.Chunk {
			if n > math.MaxInt/2 {
				return fmt.Errorf("chunks of shape %v: %w", b.layout.Chunk, ErrTooLarge)
			}
			v.ChunkShape = append(v.ChunkShape, int(n))
		}
		switch {
		case b.layout.Class == hdf5.Virtual:
			return fmt.Errorf("virtual dataset (its data is in other files): %w", ErrUnsupported)
		case d.obj.External():
			return fmt.Errorf("external storage (its data is in other files): %w", ErrUnsupported)
		}
		fill, err := d.obj.Fill()
		if err != nil {
			return err
		}
		b.fillVal = fill.Value
		if len(b.fillVal) != v.elem.size {
			if fill.Value != nil {
				return fmt.Errorf("fill value of %d bytes for values of %d: %w", len(fill.Value), v.elem.size, ErrCorrupt)
			}
			b.fillVal = nil
		}
		return nil
	}()
}

func (b *h5var) fill(v *Var) ([]byte, error) {
	if b.fillVal != nil {
		return b.fillVal, nil
	}
	return make([]byte, v.elem.size), nil
}

func (b *h5var) chunks(v *Var) (*Chunks, error) {
	extent := make([]int, len(b.space.Dims))
	for i, n := range b.space.Dims {
		extent[i] = int(n)
	}
	if b.space.Null {
		return newChunks(v, virtualShape(v.Shape, v.elem.size), extent, nothing{})
	}
	switch b.layout.Class {
	case hdf5.Compact:
		if len(b.layout.Data) < product(extent)*v.elem.size {
			return nil, fmt.Errorf("compact data of %d bytes: %w", len(b.layout.Data), ErrCorrupt)
		}
		s := &compact{b.layout.Data}
		return newChunks(v, v.Shape, extent, s)
	case hdf5.Contiguous:
		if b.layout.Addr == hdf5.Undefined {
			return newChunks(v, virtualShape(v.Shape, v.elem.size), extent, nothing{})
		}
		pos, err := b.h.f.Position(b.layout.Addr, uint64(product(extent))*uint64(v.elem.size))
		if err != nil {
			return nil, err
		}
		return newLinear(v, extent, pos)
	}
	if b.layout.ElemSize() != uint64(v.elem.size) {
		return nil, fmt.Errorf("chunks of elements of %d bytes, not %d: %w", b.layout.ElemSize(), v.elem.size, ErrCorrupt)
	}
	index, err := b.obj.ChunkIndex(b.layout, b.space, len(b.filters) > 0)
	if err != nil {
		return nil, err
	}
	s := &chunked{f: b.h.f, index: index, extent: extent, shape: v.ChunkShape, filtered: b.h.f.Pipeline(b.filters), plain: b.h.f.Pipeline(nil)}
	if b.layout.PartialUnfiltered {
		s.partial = true
	}
	return newChunks(v, v.ChunkShape, extent, s)
}

// chunked is the store of the chunked layout.
type chunked struct {
	f        *hdf5.File
	index    *hdf5.ChunkIndex
	extent   []int
	shape    []int
	filtered *hdf5.Pipeline
	plain    *hdf5.Pipeline
	partial  bool // chunks that reach past the extent have no filters
}

func (s *chunked) locate(c *Chunk) {
	// The index counts the chunks of what is stored, the cell those of the variable's shape.
	cell := uint64(0)
	for i, at := range c.Start {
		at /= s.shape[i]
		if uint64(at) >= s.index.Grid[i] {
			return
		}
		cell = cell*s.index.Grid[i] + uint64(at)
	}
	addr, size, mask, ok := s.index.Lookup(cell)
	if !ok {
		return
	}
	c.Stored, c.Pos, c.Size, c.Mask = true, s.f.Base()+int64(addr), int64(size), mask
}

func (s *chunked) read(_ context.Context, c Chunk, b []byte) error {
	return s.f.ReadRaw(b, uint64(c.Pos-s.f.Base()))
}

func (s *chunked) decode(d *Decoder, c Chunk, raw []byte, size int) ([]byte, bool, error) {
	return s.pipeline(c).Decode(&d.scratch, raw, c.Mask, size, d.ch.v.elem.size)
}

func (s *chunked) piecewise(c Chunk, size int) bool { return s.pipeline(c).Piecewise(c.Mask, size) }

func (s *chunked) decodePieces(d *Decoder, c Chunk, next codec.Next, size int) ([]byte, bool, error) {
	return s.pipeline(c).DecodePieces(&d.scratch, next, c.Mask, size, d.ch.v.elem.size)
}

// pipeline returns the filters of a chunk.
func (s *chunked) pipeline(c Chunk) *hdf5.Pipeline {
	if s.partial {
		for i, at := range c.Start {
			if at+s.shape[i] > s.extent[i] {
				return s.plain
			}
		}
	}
	return s.filtered
}

// compact is the store of values that lie in the object header.
type compact struct{ data []byte }

func (s *compact) locate(c *Chunk) { c.Stored, c.Pos, c.Size = true, -1, int64(len(s.data)) }

func (s *compact) read(_ context.Context, _ Chunk, b []byte) error {
	copy(b, s.data)
	return nil
}

func (s *compact) decode(_ *Decoder, _ Chunk, raw []byte, _ int) ([]byte, bool, error) {
	return raw, false, nil
}

// nothing is the store of a variable of which nothing was written.
type nothing struct{}

func (nothing) locate(*Chunk)                             {}
func (nothing) read(context.Context, Chunk, []byte) error { return nil }
func (nothing) decode(*Decoder, Chunk, []byte, int) ([]byte, bool, error) {
	return nil, false, nil
}
