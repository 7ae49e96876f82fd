package netcdf

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"healpipe/internal/codec"
	"healpipe/netcdf/internal/hdf5"
)

// Decoder turns stored chunks into values. The zero value is ready. It owns the scratch for one chunk
// (stored bytes and filtered bytes), which it reuses from chunk to chunk and variable to variable, so a
// goroutine keeps one. Load and Decode need it alone; Copy only reads, so several goroutines may Copy from
// one loaded Decoder, one level each.
//
// A trailing shuffle filter is not undone as a whole: the byte planes stay as they were inflated and Copy
// gathers the bytes of the cells that it is asked for, so pad cells and levels that nobody wants cost
// nothing and no second buffer of the chunk's size exists.
type Decoder struct {
	raw     []byte
	scratch hdf5.Scratch
	rows    sync.Pool // *[]byte, of one row

	ch       *Chunks
	chunk    Chunk
	data     []byte // nil for a chunk that is not stored
	shuffled bool   // the bytes of the elements lie in planes
}

// Load reads and decodes a chunk: ReadRaw followed by Decode.
func (d *Decoder) Load(ctx context.Context, ch *Chunks, c Chunk) error {
	raw, err := ch.ReadRaw(ctx, c, d.raw)
	if err != nil {
		d.ch = nil
		return err
	}
	d.raw = raw
	return d.Decode(ch, c, raw)
}

// Decode makes the stored bytes of c (from ReadRaw) the loaded chunk. raw must stay unchanged until the
// next Load or Decode.
func (d *Decoder) Decode(ch *Chunks, c Chunk, raw []byte) error {
	d.ch, d.chunk, d.data, d.shuffled = ch, c, nil, false
	if !c.Stored {
		return nil
	}
	var err error
	if d.data, d.shuffled, err = ch.store.decode(d, c, raw, ch.size); err != nil {
		d.ch = nil
		return ch.v.wrap(fmt.Errorf("chunk at %v: %w", c.Start, err))
	}
	return nil
}

// Holds says whether the loaded chunk lies in raw, the stored bytes that Decode was given, as one without filters
// does: raw may be used for something else where it does not.
func (d *Decoder) Holds(raw []byte) bool {
	if cap(raw) == 0 || cap(d.data) == 0 {
		return false
	}
	from, at := uintptr(unsafe.Pointer(unsafe.SliceData(raw))), uintptr(unsafe.Pointer(unsafe.SliceData(d.data)))
	return at >= from && at-from < uintptr(cap(raw))
}

// Trim gives back scratch of more than max bytes. Nothing is loaded afterwards.
func (d *Decoder) Trim(max int) {
	if cap(d.raw) > max {
		d.raw = nil
	}
	d.scratch.Trim(max)
	d.ch, d.data = nil, nil
}

// Copy unpacks a box of the loaded chunk into dst. lo and count are the box in the chunk's own coordinates
// (nil lo means the chunk's first cell); it must lie inside Chunk.Count. The value at lo+(i,j,k) goes to
// dst[i*stride[0]+j*stride[1]+k*stride[2]]; nil stride means row-major and dense. dst is a slice as for
// Var.Read, with the same conversions and ErrRange.
func (d *Decoder) Copy(dst any, stride, lo, count []int) error {
	if d.ch == nil {
		return fmt.Errorf("netcdf: Decoder.Copy: no chunk is loaded: %w", ErrSelection)
	}
	v := d.ch.v
	rank := len(d.ch.Shape)
	if lo == nil {
		lo = make([]int, rank)
	}
	if stride == nil {
		stride = denseStride(count)
	}
	if len(count) != rank || len(lo) != rank || len(stride) != rank {
		return v.wrap(fmt.Errorf("box of rank %d, %d, %d of a chunk of rank %d: %w", len(lo), len(count), len(stride), rank, ErrSelection))
	}
	last := 0
	for i := range count {
		if lo[i] < 0 || count[i] < 0 || lo[i] > d.chunk.Count[i]-count[i] {
			return v.wrap(fmt.Errorf("box from %v of %v in a chunk of %v: %w", lo, count, d.chunk.Count, ErrSelection))
		}
		if stride[i] < 0 {
			return v.wrap(fmt.Errorf("negative stride: %w", ErrSelection))
		}
		last += (count[i] - 1) * stride[i]
	}
	s, err := newSink(dst, v.elem)
	if err != nil {
		return v.wrap(err)
	}
	if product(count) == 0 {
		return nil
	}
	if last >= s.len() {
		return v.wrap(fmt.Errorf("box of %v reaches index %d of a slice of %d: %w", count, last, s.len(), ErrSelection))
	}
	bad, err := d.copyBox(s, 0, stride, lo, count, nil)
	if err == nil && bad > 0 {
		err = rangeError(bad, dst)
	}
	return v.wrap(err)
}

func rangeError(bad int, dst any) error {
	return fmt.Errorf("%d values do not fit %T: %w", bad, dst, ErrRange)
}

// denseStride returns the strides of a dense row-major array.
func denseStride(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// copyBox moves count cells from lo on, step apart (nil: 1), of the loaded chunk to s. The box is checked.
func (d *Decoder) copyBox(s sink, at int, stride, lo, count, step []int) (bad int, err error) {
	ch := d.ch
	if d.data == nil || d.pastExtent(lo, count, step) {
		if bad, err = fillBox(s, ch.v, at, stride, count); err != nil || d.data == nil {
			return bad, err
		}
		count = d.clip(lo, count, step)
		if product(count) == 0 {
			return bad, nil
		}
	}
	rank := len(count)
	if rank == 0 {
		lo, count, stride = []int{0}, []int{1}, []int{1}
		rank = 1
	}
	inner := rank - 1
	from := denseStride(ch.Shape)
	if len(from) == 0 {
		from = []int{1}
	}
	innerStep := 1
	if step != nil && len(step) == rank {
		innerStep = step[inner]
	}
	box := slices.Clone(count[:inner])
	cell := make([]int, inner)
	for {
		src, dst := lo[inner], at
		for i, c := range cell {
			k := c
			if step != nil {
				k *= step[i]
			}
			src += (lo[i] + k) * from[i]
			dst += c * stride[i]
		}
		b, err := d.copyRow(s, src, count[inner], innerStep, dst, stride[inner])
		if err != nil {
			return bad, err
		}
		if bad += b; inner == 0 || !next(cell, box) {
			return bad, nil
		}
	}
}

// copyRow moves n elements from element src on, step apart.
func (d *Decoder) copyRow(s sink, src, n, step, at, stride int) (int, error) {
	size := d.ch.v.elem.size
	if end := (src + (n-1)*step + 1) * size; end > len(d.data) {
		return 0, fmt.Errorf("chunk at %v is too short: %w", d.chunk.Start, ErrCorrupt)
	}
	if !d.shuffled {
		if step == 1 {
			return s.put(at, stride, n, d.data[src*size:(src+n)*size])
		}
		row := d.row(n * size)
		defer d.rows.Put(row)
		for i := range n {
			copy((*row)[i*size:(i+1)*size], d.data[(src+i*step)*size:])
		}
		return s.put(at, stride, n, *row)
	}
	if f, ok := s.(*convSink[float32, float32]); ok && step == 1 && stride == 1 && size == 4 && f.e.odd == nil {
		codec.UnshuffleFloat32(f.dst[at:at+n], d.data, src, f.e.big)
		return 0, nil
	}
	row := d.row(n * size)
	defer d.rows.Put(row)
	if step == 1 {
		codec.UnshuffleRange(*row, d.data, size, src)
	} else {
		for i := range n {
			codec.UnshuffleRange((*row)[i*size:(i+1)*size], d.data, size, src+i*step)
		}
	}
	return s.put(at, stride, n, *row)
}

// row returns scratch of n bytes.
func (d *Decoder) row(n int) *[]byte {
	p, _ := d.rows.Get().(*[]byte)
	if p == nil {
		p = new([]byte)
	}
	if cap(*p) < n {
		*p = make([]byte, n)
	}
	*p = (*p)[:n]
	return p
}

// pastExtent says whether a box reaches past what the file stores.
func (d *Decoder) pastExtent(lo, count, step []int) bool {
	for i, n := range d.clip(lo, count, step) {
		if n < count[i] {
			return true
		}
	}
	return false
}

// clip cuts a box to what the file stores.
func (d *Decoder) clip(lo, count, step []int) []int {
	out := slices.Clone(count)
	for i := range out {
		s := 1
		if step != nil {
			s = step[i]
		}
		left := d.ch.extent[i] - d.chunk.Start[i] - lo[i]
		out[i] = max(0, min(count[i], (left+s-1)/s))
	}
	return out
}

// fillBox stores the fill value.
func fillBox(s sink, v *Var, at int, stride, count []int) (bad int, err error) {
	fill, err := v.back.fill(v)
	if err != nil {
		return 0, err
	}
	inner := len(count) - 1
	if inner < 0 {
		return s.spread(at, 1, 1, fill)
	}
	box, cell := slices.Clone(count[:inner]), make([]int, inner)
	for {
		dst := at
		for i, c := range cell {
			dst += c * stride[i]
		}
		b, err := s.spread(dst, stride[inner], count[inner], fill)
		if err != nil {
			return bad, err
		}
		if bad += b; inner == 0 || !next(cell, box) {
			return bad, nil
		}
	}
}
