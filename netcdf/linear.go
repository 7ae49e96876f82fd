package netcdf

import (
	"context"
	"fmt"
	"io"
)

// virtualChunk is the size of the chunks that unchunked storage is cut into.
const virtualChunk = 1 << 20

// virtualShape returns a chunk shape of whole inner dimensions and about virtualChunk bytes.
func virtualShape(shape []int, size int) []int {
	out := make([]int, len(shape))
	for i := range shape {
		out[i] = max(1, shape[i])
	}
	for i := range out {
		inner := size * product(out[i+1:])
		if n := virtualChunk / inner; n >= 1 {
			out[i] = min(out[i], n)
			break
		}
		out[i] = 1
	}
	return out
}

// linear is the store of values that lie in row-major order in one piece, or in one piece per index of the
// first dimension (classic record variables).
type linear struct {
	r      io.ReaderAt
	pos    int64 // of the first value
	record int64 // bytes from one index of the first dimension to the next, 0 for one piece
	size   int64 // of a value
	extent []int
	from   []int // strides
}

// newLinear returns the chunks of a variable that is stored in one piece at pos.
func newLinear(v *Var, extent []int, pos int64) (*Chunks, error) {
	s := &linear{r: v.file.r, pos: pos, size: int64(v.elem.size), extent: extent, from: denseStride(extent)}
	return newChunks(v, virtualShape(extent, v.elem.size), extent, s)
}

// newRecords returns the chunks of a classic record variable.
func newRecords(v *Var, pos, record int64) (*Chunks, error) {
	s := &linear{r: v.file.r, pos: pos, record: record, size: int64(v.elem.size), extent: v.Shape, from: denseStride(v.Shape)}
	shape := append([]int{1}, virtualShape(v.Shape[1:], v.elem.size)...)
	return newChunks(v, shape, v.Shape, s)
}

func (s *linear) locate(c *Chunk) {
	c.Stored, c.Pos = true, s.pos
	n := int64(1)
	for i, at := range c.Start {
		count := min(c.Count[i], s.extent[i]-at)
		if count <= 0 {
			c.Stored = false
			return
		}
		n *= int64(count)
		if i == 0 && s.record > 0 {
			c.Pos += int64(at) * s.record
		} else {
			c.Pos += int64(at) * int64(s.from[i]) * s.size
		}
	}
	c.Size = n * s.size
}

func (s *linear) read(_ context.Context, c Chunk, b []byte) error {
	n, err := s.r.ReadAt(b, c.Pos)
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == nil {
		return fmt.Errorf("the file ended early: %w", ErrCorrupt)
	}
	return err
}

func (s *linear) decode(_ *Decoder, _ Chunk, raw []byte, _ int) ([]byte, bool, error) {
	return raw, false, nil
}
