package netcdf

import (
	"context"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Read reads the cells start, start+stride, ... of each dimension, count of them, in row-major order, into
// dst, a slice of exactly product(count) values. Nil start means zeros, nil stride ones, nil count all
// that is left.
//
// dst may be of any numeric type for a numeric variable (Kind.Numeric). Conversions follow libnetcdf: a
// float becomes an integer by truncation, an integer the nearest float; a value that does not fit its new
// type is set to zero (a float64 too large for float32 to infinity, a NaN to zero in an integer), the rest
// of the selection is still read, and the error is ErrRange. Char also reads into []string as one string
// per value. Other kinds read into a slice of the Go type that Kind names ([]string, [][]byte, []Record)
// or into []any.
//
// Several goroutines may read at once, also from the same variable. Chunks are decoded one at a time
// unless Options.Parallel is set, and memory beyond dst is that of one chunk per concurrent decoder.
func (v *Var) Read(ctx context.Context, dst any, start, count, stride []int) error {
	if v.err != nil {
		return v.wrap(v.err)
	}
	sel, err := v.selection(start, count, stride)
	if err != nil {
		return v.wrap(err)
	}
	s, err := newSink(dst, v.elem)
	if err != nil {
		return v.wrap(err)
	}
	if n := product(sel.count); s.len() != n {
		return v.wrap(fmt.Errorf("%d values for a slice of %d: %w", n, s.len(), ErrSelection))
	} else if n == 0 {
		return ctx.Err()
	}
	ch, err := v.Chunks(ctx)
	if err != nil {
		return err
	}
	bad, err := ch.readSelection(ctx, s, sel)
	if err != nil {
		return err
	}
	if bad > 0 {
		return v.wrap(rangeError(bad, dst))
	}
	return nil
}

// ReadAll reads a whole variable into a new slice of T. It is ErrTooLarge where that needs more than
// Options.MaxMemory.
func ReadAll[T any](ctx context.Context, v *Var) ([]T, error) {
	var t T
	if err := v.fits(max(1, int(unsafe.Sizeof(t)))); err != nil {
		return nil, err
	}
	out := make([]T, v.Len())
	return out, v.Read(ctx, out, nil, nil, nil)
}

// selection is a checked start, count and stride.
type selection struct{ start, count, stride []int }

func (v *Var) selection(start, count, stride []int) (selection, error) {
	rank := len(v.Shape)
	s := selection{make([]int, rank), make([]int, rank), make([]int, rank)}
	for _, p := range [][]int{start, count, stride} {
		if p != nil && len(p) != rank {
			return s, fmt.Errorf("selection of rank %d for shape %v: %w", len(p), v.Shape, ErrSelection)
		}
	}
	for i, n := range v.Shape {
		s.stride[i] = 1
		if stride != nil {
			s.stride[i] = stride[i]
		}
		if start != nil {
			s.start[i] = start[i]
		}
		if s.stride[i] < 1 || s.start[i] < 0 || s.start[i] > n {
			return s, fmt.Errorf("start %v, stride %v for shape %v: %w", start, stride, v.Shape, ErrSelection)
		}
		left := 0 // cells from start on
		if n > s.start[i] {
			left = (n-s.start[i]-1)/s.stride[i] + 1
		}
		s.count[i] = left
		if count != nil {
			s.count[i] = count[i]
		}
		if s.count[i] < 0 || s.count[i] > left {
			return s, fmt.Errorf("start %v, count %v, stride %v for shape %v: %w", start, count, stride, v.Shape, ErrSelection)
		}
	}
	return s, nil
}

// part is what one chunk contributes to one dimension of a selection.
type part struct {
	chunk int // coordinate in the grid
	lo    int // first cell, in the chunk's coordinates
	n     int
	out   int // position of the first cell in the destination
}

// parts cuts one dimension of a selection at chunk borders.
func parts(start, count, stride, chunk int) []part {
	var list []part
	for i := 0; i < count; {
		at := start + i*stride
		c := at / chunk
		lo := at - c*chunk
		n := min(count-i, (chunk-lo-1)/stride+1)
		list = append(list, part{c, lo, n, i})
		i += n
	}
	return list
}

// readSelection reads the chunks that a selection touches.
func (ch *Chunks) readSelection(ctx context.Context, s sink, sel selection) (bad int, err error) {
	rank := len(ch.Shape)
	dims := make([][]part, rank)
	grid := make([]int, rank)
	for i := range dims {
		dims[i] = parts(sel.start[i], sel.count[i], sel.stride[i], ch.Shape[i])
		grid[i] = len(dims[i])
	}
	out := denseStride(sel.count)
	var total atomic.Int64
	one := func(no int) error {
		cell, lo, count := make([]int, rank), make([]int, rank), make([]int, rank)
		at := 0
		for i := rank - 1; i >= 0; i-- {
			p := dims[i][no%grid[i]]
			no /= grid[i]
			cell[i], lo[i], count[i] = p.chunk, p.lo, p.n
			at += p.out * out[i]
		}
		d := ch.v.file.decoder()
		defer ch.v.file.release(d)
		if err := d.Load(ctx, ch, ch.At(cell...)); err != nil {
			return err
		}
		n, err := d.copyBox(s.clone(), at, out, lo, count, sel.stride)
		total.Add(int64(n))
		return ch.v.wrap(err)
	}
	n := product(grid)
	if run := ch.v.file.opt.Parallel; run != nil && n > 1 {
		err = run(ctx, n, one)
		return int(total.Load()), err
	}
	for i := range n {
		if err := one(i); err != nil {
			return 0, err
		}
	}
	return int(total.Load()), nil
}

// maxIdle is the scratch that an idle decoder may keep.
const maxIdle = 16 << 20

// decoder returns a Decoder for a short use.
func (f *File) decoder() *Decoder {
	if d, ok := f.decoders.Get().(*Decoder); ok {
		return d
	}
	return new(Decoder)
}

// release gives a Decoder back.
func (f *File) release(d *Decoder) {
	d.Trim(maxIdle)
	f.decoders.Put(d)
}
