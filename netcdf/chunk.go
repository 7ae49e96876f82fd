package netcdf

import (
	"context"
	"fmt"
	"iter"
)

// Chunks is the storage of one variable as a regular grid of chunks, the unit in which a file can be read
// without touching the rest. For chunked layouts these are the file's own chunks; contiguous, compact and
// classic layouts are cut into virtual ones (whole inner dimensions, about 1 MiB, one record at a time for
// classic record variables), so that one loop serves every file:
//
//	ch, err := v.Chunks(ctx)
//	for c := range ch.All() {          // row-major order; or ch.At(i, j, k)
//	    err = d.Load(ctx, ch, c)       // d is a Decoder of this goroutine
//	    err = d.Copy(slab[...], strides, nil, c.Count)
//	}
//
// It is immutable and safe for concurrent use.
type Chunks struct {
	Shape []int // of a chunk, in elements; edge chunks are stored at full size but see Chunk.Count
	Grid  []int // number of chunks along each dimension

	v      *Var
	extent []int // what the file stores of each dimension; less than the shape where a shared unlimited dimension grew
	store  chunkStore
	size   int // bytes of a whole chunk after decoding
}

// chunkStore is what differs between the layouts.
type chunkStore interface {
	// locate fills in where a chunk is stored, from its cell number and Start.
	locate(c *Chunk)
	// read fills b with the stored bytes of a chunk.
	read(ctx context.Context, c Chunk, b []byte) error
	// decode undoes the filters of a chunk of size bytes. shuffled says that the bytes of the
	// elements still lie in planes.
	decode(d *Decoder, c Chunk, raw []byte, size int) (data []byte, shuffled bool, err error)
}

// Chunk is one cell of the grid.
type Chunk struct {
	Start []int // first element in each dimension, in the variable's coordinates
	Count []int // elements that lie inside the variable's shape; less than Shape at the edges
	// Stored is false for a chunk that was never written: it loads as fill values.
	Stored bool
	Pos    int64  // byte position in the file, -1 where the bytes are part of the header (compact layout)
	Size   int64  // bytes stored there
	Mask   uint32 // bit i set: filter i of the pipeline was skipped for this chunk

	cell int
}

// Chunks returns the chunk grid, reading the file's chunk index at the first call.
func (v *Var) Chunks(ctx context.Context) (*Chunks, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v.chunkOnce.Do(func() {
		if v.err != nil {
			v.chunksErr = v.wrap(v.err)
			return
		}
		v.chunks, v.chunksErr = v.back.chunks(v)
		v.chunksErr = v.wrap(v.chunksErr)
	})
	return v.chunks, v.chunksErr
}

// newChunks makes the grid of a variable from the chunk shape and the extent that is stored.
func newChunks(v *Var, shape, extent []int, store chunkStore) (*Chunks, error) {
	ch := &Chunks{Shape: shape, v: v, extent: extent, store: store, size: v.elem.size}
	for i, n := range shape {
		ch.Grid = append(ch.Grid, (v.Shape[i]+n-1)/n)
		if n > 1<<40 || ch.size > 1<<40/n {
			return nil, fmt.Errorf("chunks of shape %v: %w", shape, ErrTooLarge)
		}
		ch.size *= n
	}
	if int64(ch.size) > v.file.opt.MaxMemory {
		return nil, fmt.Errorf("chunks of %d bytes (limit %d): %w", ch.size, v.file.opt.MaxMemory, ErrTooLarge)
	}
	return ch, nil
}

// Len returns the number of cells of the grid, stored or not.
func (ch *Chunks) Len() int { return product(ch.Grid) }

// At returns the chunk at grid coordinates (not element coordinates). It panics where they lie outside Grid.
func (ch *Chunks) At(cell ...int) Chunk {
	if len(cell) != len(ch.Grid) {
		panic("netcdf: Chunks.At: wrong number of coordinates")
	}
	c := Chunk{Start: make([]int, len(cell)), Count: make([]int, len(cell))}
	for i, at := range cell {
		if at < 0 || at >= ch.Grid[i] {
			panic("netcdf: Chunks.At: coordinates outside the grid")
		}
		c.cell = c.cell*ch.Grid[i] + at
		c.Start[i] = at * ch.Shape[i]
		c.Count[i] = min(ch.Shape[i], ch.v.Shape[i]-c.Start[i])
	}
	ch.store.locate(&c)
	return c
}

// All yields every cell of the grid in row-major order.
func (ch *Chunks) All() iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		cell := make([]int, len(ch.Grid))
		for range ch.Len() {
			if !yield(ch.At(cell...)) {
				return
			}
			next(cell, ch.Grid)
		}
	}
}

// next advances a row-major counter; it returns false after the last.
func next(at, limit []int) bool {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < limit[i] {
			return true
		}
		at[i] = 0
	}
	return false
}

// ReadRaw reads the stored bytes of a chunk into buf[:0], grown where needed, and returns them; nothing
// for a chunk that is not stored. With Decode it splits Load into its input and its computing half.
func (ch *Chunks) ReadRaw(ctx context.Context, c Chunk, buf []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !c.Stored {
		return buf[:0], nil
	}
	if c.Size < 0 || c.Size > ch.v.file.opt.MaxMemory {
		return nil, ch.v.wrap(fmt.Errorf("chunk of %d bytes (limit %d): %w", c.Size, ch.v.file.opt.MaxMemory, ErrTooLarge))
	}
	if int64(cap(buf)) < c.Size {
		buf = make([]byte, c.Size)
	}
	buf = buf[:c.Size]
	return buf, ch.v.wrap(ch.store.read(ctx, c, buf))
}
