package netcdf

import (
	"context"
	"errors"
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
	v     *Var
	Shape []int // of a chunk, in elements; edge chunks are stored at full size but see Chunk.Count
	Grid  []int // number of chunks along each dimension
}

// Chunk is one cell of the grid.
type Chunk struct {
	Start []int // first element in each dimension, in the variable's coordinates
	Count []int // elements that lie inside the variable's shape; less than Shape at the edges
	// Stored is false for a chunk that was never written: it loads as fill values.
	Stored bool
	Pos    int64 // byte position in the file
	Size   int64 // bytes stored there
	Mask   uint32 // bit i set: filter i of the pipeline was skipped for this chunk

	index int
}

// Chunks returns the chunk grid, reading the file's chunk index at the first call.
func (v *Var) Chunks(ctx context.Context) (*Chunks, error) {
	return nil, v.file.wrap(errors.ErrUnsupported)
}

// Len returns the number of cells of the grid, stored or not.
func (c *Chunks) Len() int { return product(c.Grid) }

// At returns the chunk at grid coordinates (not element coordinates). It panics where they lie outside Grid.
func (c *Chunks) At(cell ...int) Chunk { return Chunk{} }

// All yields every cell of the grid in row-major order.
func (c *Chunks) All() iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {}
}

// Decoder turns stored chunks into values. The zero value is ready. It owns the scratch for one chunk
// (stored bytes and filtered bytes), which it reuses from chunk to chunk and variable to variable, so a
// goroutine keeps one. Load and Decode need it alone; Copy only reads, so several goroutines may Copy from
// one loaded Decoder, one level each.
//
// A trailing shuffle filter is not undone as a whole: the byte planes stay as they were inflated and Copy
// gathers the bytes of the cells that it is asked for, so pad cells and levels that nobody wants cost
// nothing and no second buffer of the chunk's size exists.
type Decoder struct {
	raw []byte
}

// Load reads and decodes a chunk: ReadRaw followed by Decode.
func (d *Decoder) Load(ctx context.Context, ch *Chunks, c Chunk) error { return errors.ErrUnsupported }

// ReadRaw reads the stored bytes of a chunk into buf[:0], grown where needed, and returns them; nothing
// for a chunk that is not stored. With Decode it splits Load into its input and its computing half.
func (ch *Chunks) ReadRaw(ctx context.Context, c Chunk, buf []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Decode makes the stored bytes of c (from ReadRaw) the loaded chunk. raw must stay unchanged until the
// next Load or Decode.
func (d *Decoder) Decode(ch *Chunks, c Chunk, raw []byte) error { return errors.ErrUnsupported }

// Copy unpacks a box of the loaded chunk into dst. lo and count are the box in the chunk's own coordinates
// (nil lo means the chunk's first cell); it must lie inside Chunk.Count. The value at lo+(i,j,k) goes to
// dst[i*stride[0]+j*stride[1]+k*stride[2]]; nil stride means row-major and dense. dst is a slice as for
// Var.Read, with the same conversions and ErrRange.
func (d *Decoder) Copy(dst any, stride, lo, count []int) error { return errors.ErrUnsupported }

// Trim gives back scratch of more than max bytes.
func (d *Decoder) Trim(max int) {}
