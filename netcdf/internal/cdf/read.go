package cdf

import (
	"errors"
	"fmt"
	"io"
)

const (
	window  = 256 << 10 // bytes decoded at a time
	nearRun = 8 << 10   // runs closer than this share a read
)

// Read reads a selection of variable v (an index into Vars) into dst, in row-major order: along each
// dimension count values from start on, stride apart. A nil stride means 1 everywhere; a scalar variable
// takes empty slices. dst is a slice of the variable's Go type (see [MakeSlice]) of at least as many values.
func (f *File) Read(v int, start, count, stride []int64, dst any) error {
	if v < 0 || v >= len(f.Vars) {
		return fmt.Errorf("netcdf: %w: variable %d of %d", ErrInvalid, v, len(f.Vars))
	}
	if err := f.read(&f.Vars[v], start, count, stride, dst); err != nil {
		return fmt.Errorf("netcdf: variable %q: %w", f.Vars[v].Name, err)
	}
	return nil
}

// axis is one loop of a selection: n steps of step bytes.
type axis struct{ n, step int64 }

func (f *File) read(v *Var, start, count, stride []int64, dst any) error {
	have, err := length(v.Type, dst)
	if err != nil {
		return err
	}
	axes, off, total, err := f.axes(v, start, count, stride)
	if err != nil {
		return err
	}
	if int64(have) < total {
		return fmt.Errorf("%w: the destination holds %d values, the selection has %d", ErrInvalid, have, total)
	}
	if total == 0 {
		return nil
	}
	size := int64(v.Type.Size())
	// The innermost axis is decoded in one go; the others are counted through.
	inner := axis{1, size}
	if n := len(axes); n > 0 {
		inner, axes = axes[n-1], axes[:n-1]
	}
	end := off + (inner.n-1)*inner.step + size
	for _, a := range axes {
		end += (a.n - 1) * a.step
	}
	w := reader{r: f.r, limit: min(end, f.size)}
	if n := len(axes); n > 0 && axes[n-1].step <= nearRun {
		w.ahead = window
	}
	index := make([]int64, len(axes))
	for at := 0; ; at += int(inner.n) {
		if err := w.run(off, inner, size, dst, at); err != nil {
			return err
		}
		i := len(axes) - 1
		for ; i >= 0; i-- {
			off += axes[i].step
			if index[i]++; index[i] < axes[i].n {
				break
			}
			off -= axes[i].n * axes[i].step
			index[i] = 0
		}
		if i < 0 {
			return nil
		}
	}
}

// axes turns a selection into loops, with neighbours merged where the values follow one another.
func (f *File) axes(v *Var, start, count, stride []int64) (out []axis, off, total int64, err error) {
	rank := len(v.Shape)
	if len(start) != rank || len(count) != rank || (stride != nil && len(stride) != rank) {
		return nil, 0, 0, fmt.Errorf("%w: start, count and stride need %d entries", ErrInvalid, rank)
	}
	off, total = v.Begin, 1
	below := int64(v.Type.Size()) // bytes from one index to the next
	for i := rank - 1; i >= 0; i-- {
		s := int64(1)
		if stride != nil {
			s = stride[i]
		}
		n, l := count[i], v.Shape[i]
		if start[i] < 0 || n < 0 || s < 1 || start[i] > l || (n > 0 && (start[i] >= l || (n-1) > (l-1-start[i])/s)) {
			return nil, 0, 0, fmt.Errorf("%w: dimension %d: start %d, count %d, stride %d of length %d", ErrInvalid, i, start[i], n, s, l)
		}
		unit := below
		if v.Record && i == 0 {
			unit = f.RecSize
		}
		if n > 0 {
			off += start[i] * unit
		}
		if n > 1 {
			a := axis{n, s * unit}
			if k := len(out); k > 0 && out[k-1].n*out[k-1].step == a.step {
				out[k-1].n *= n
			} else {
				out = append(out, a)
			}
		}
		total *= n
		below = unit * l
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, off, total, nil
}

// reader decodes runs through one buffer, which it may fill ahead of the present run.
type reader struct {
	r     io.ReaderAt
	limit int64 // nothing of the selection is at or beyond it
	ahead int64
	buf   []byte // scratch
	off   int64  // file offset of data
	data  []byte // what buf holds
}

// run decodes a.n values, a.step bytes apart, from offset off into dst[at:].
func (w *reader) run(off int64, a axis, size int64, dst any, at int) error {
	for n := a.n; n > 0; {
		k := int64(1)
		if a.step <= nearRun {
			k = min(n, max(1, window/a.step))
		}
		span := (k-1)*a.step + size
		b, err := w.get(off, span)
		if err != nil {
			return err
		}
		decode(dst, at, b, int(size), int(a.step))
		at += int(k)
		off += k * a.step
		n -= k
	}
	return nil
}

// get returns n bytes at an offset.
func (w *reader) get(off, n int64) ([]byte, error) {
	if i := off - w.off; i >= 0 && i+n <= int64(len(w.data)) {
		return w.data[i : i+n], nil
	}
	want := min(max(n, w.ahead), w.limit-off)
	if want < n {
		return nil, fmt.Errorf("%w: truncated: values at %d to %d, the file has %d bytes", ErrCorrupt, off, off+n, w.limit)
	}
	if int64(cap(w.buf)) < want {
		w.buf = make([]byte, want)
	}
	b := w.buf[:want]
	w.data = nil
	if k, err := w.r.ReadAt(b, off); err != nil && !(errors.Is(err, io.EOF) && int64(k) == want) {
		return nil, fmt.Errorf("reading %d bytes at offset %d: %w", want, off, err)
	}
	w.off, w.data = off, b
	return b[:n], nil
}
