package hdf5w

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"reflect"

	"github.com/klauspost/compress/zlib"

	"healpipe/internal/codec"
)

const superblockSize = 48

// Writer writes one file.
type Writer struct {
	def      *Definition
	w        io.WriterAt
	objects  []*dataset
	heap     uint64 // address of the global heap
	end      uint64 // where the file ends so far
	raw      []byte // scratch of one chunk: the values, then shuffled, then deflated
	shuffled []byte
	packed   bytes.Buffer
	z        *zlib.Writer
	level    int // of z
}

// Create checks the definition and reserves the place of everything that is not values. d must not change
// before Close.
func Create(w io.WriterAt, d *Definition) (*Writer, error) {
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("netcdf: %w", err)
	}
	f := &Writer{def: d, w: w, objects: objects(d), end: superblockSize}
	heap := len(f.globalHeap()) // numbers the heap's objects too
	// The sizes do not depend on the addresses, so headers of zeros show where things go.
	f.end += uint64(len(f.root()))
	for _, o := range f.objects {
		o.data = undefined
		o.address = f.end
		f.end += uint64(len(f.header(o)))
	}
	f.heap = (f.end + 7) &^ 7
	f.end = f.heap + uint64(heap)
	for _, o := range f.objects {
		if !o.bare && o.v.Chunks == nil {
			o.data = f.end
			size := uint64(o.v.size())
			for _, n := range f.shape(o.v) {
				size *= uint64(n)
			}
			f.end += size
		}
	}
	return f, nil
}

// append writes b at the end of the file.
func (w *Writer) append(b []byte) error {
	_, err := w.w.WriteAt(b, int64(w.end))
	w.end += uint64(len(b))
	return err
}

// object returns the dataset of variable i after checking that values are a slice of its type.
func (w *Writer) object(i int, values any) (*dataset, int, error) {
	if i < 0 || i >= len(w.def.Vars) {
		return nil, 0, fmt.Errorf("netcdf: %w: variable %d of %d", ErrInvalid, i, len(w.def.Vars))
	}
	v := &w.def.Vars[i]
	s := reflect.ValueOf(values)
	if s.Kind() != reflect.Slice || s.Type().Elem().Kind() != v.Kind {
		return nil, 0, fmt.Errorf("netcdf: variable %q: %w: values of type %T", v.Name, ErrInvalid, values)
	}
	for _, o := range w.objects {
		if o.v == v {
			return o, s.Len(), nil
		}
	}
	panic("hdf5w: variable without an object") // a bug: objects lists every variable
}

// Write writes all values of contiguous variable i, in row-major order.
func (w *Writer) Write(i int, values any) error {
	o, n, err := w.object(i, values)
	if err != nil {
		return err
	}
	want := 1
	for _, l := range w.shape(o.v) {
		want *= l
	}
	if o.v.Chunks != nil || n != want {
		return fmt.Errorf("netcdf: variable %q: %w: %d values, want %d of a contiguous variable", o.v.Name, ErrInvalid, n, want)
	}
	o.written = true
	_, err = w.w.WriteAt(appendLE(nil, values), int64(o.data))
	return err
}

// Region is the part of a variable that one chunk holds: Count is cut at the variable's edges.
type Region struct{ Start, Count []int }

// Regions lists the chunks of variable i in row-major order.
func (w *Writer) Regions(i int) iter.Seq[Region] {
	return func(yield func(Region) bool) {
		v := &w.def.Vars[i]
		shape := w.shape(v)
		start := make([]int, len(shape))
		for v.Chunks != nil {
			r := Region{append([]int(nil), start...), make([]int, len(shape))}
			for d := range shape {
				r.Count[d] = min(v.Chunks[d], shape[d]-start[d])
			}
			if !yield(r) {
				return
			}
			d := len(shape) - 1
			for ; d >= 0; d-- {
				if start[d] += v.Chunks[d]; start[d] < shape[d] {
					break
				}
				start[d] = 0
			}
			if d < 0 {
				return
			}
		}
	}
}

// WriteChunk writes one chunk of variable i: the values of a region that [Writer.Regions] gave, in
// row-major order. A region that is never written reads as the fill value. Each may be written once.
func (w *Writer) WriteChunk(i int, r Region, values any) error {
	o, n, err := w.object(i, values)
	if err != nil {
		return err
	}
	if err := w.checkRegion(o.v, r, n); err != nil {
		return fmt.Errorf("netcdf: variable %q: %w", o.v.Name, err)
	}
	raw := w.chunkBytes(o.v, r, values)
	if o.v.Shuffle {
		w.shuffled = append(w.shuffled[:0], raw...)
		codec.Shuffle(w.shuffled, raw, o.v.size())
		raw = w.shuffled
	}
	if o.v.Deflate > 0 {
		if raw, err = w.deflate(raw, o.v.Deflate); err != nil {
			return err
		}
	}
	o.chunks = append(o.chunks, chunk{append([]int(nil), r.Start...), w.end, uint32(len(raw))})
	return w.append(raw)
}

// deflate returns b as a zlib stream, valid until the next call.
func (w *Writer) deflate(b []byte, level int) ([]byte, error) {
	w.packed.Reset()
	if w.z == nil || w.level != level {
		z, err := zlib.NewWriterLevel(&w.packed, level)
		if err != nil {
			return nil, err
		}
		w.z, w.level = z, level
	}
	w.z.Reset(&w.packed)
	if _, err := w.z.Write(b); err != nil {
		return nil, err
	}
	err := w.z.Close()
	return w.packed.Bytes(), err
}

func (w *Writer) checkRegion(v *Var, r Region, n int) error {
	if v.Chunks == nil || len(r.Start) != len(v.Chunks) || len(r.Count) != len(v.Chunks) {
		return fmt.Errorf("%w: a region of %d dimensions, chunks have %d", ErrInvalid, len(r.Start), len(v.Chunks))
	}
	want := 1
	for d, l := range w.shape(v) {
		if r.Start[d] < 0 || r.Start[d] >= l || r.Start[d]%v.Chunks[d] != 0 || r.Count[d] != min(v.Chunks[d], l-r.Start[d]) {
			return fmt.Errorf("%w: region %v is not a chunk", ErrInvalid, r)
		}
		want *= r.Count[d]
	}
	if n != want {
		return fmt.Errorf("%w: %d values, the region has %d", ErrInvalid, n, want)
	}
	return nil
}

// chunkBytes returns the values of a whole chunk; cells beyond the variable's edge hold the fill value.
func (w *Writer) chunkBytes(v *Var, r Region, values any) []byte {
	whole, size := true, v.size()
	total := size
	for d, n := range v.Chunks {
		whole = whole && r.Count[d] == n
		total *= n
	}
	if whole {
		w.raw = appendLE(w.raw[:0], values)
		return w.raw
	}
	part := appendLE(nil, values)
	w.raw = w.raw[:0]
	for fill := v.fill(); len(w.raw) < total; {
		w.raw = append(w.raw, fill...)
	}
	last := len(v.Chunks) - 1
	run := r.Count[last] * size
	index := make([]int, last)
	for len(part) > 0 {
		at := 0
		for d, i := range index {
			at = at*v.Chunks[d] + i
		}
		copy(w.raw[at*v.Chunks[last]*size:], part[:run])
		part = part[run:]
		for d := last - 1; d >= 0; d-- {
			if index[d]++; index[d] < r.Count[d] {
				break
			}
			index[d] = 0
		}
	}
	return w.raw
}

// Close writes the B-trees, the headers and the superblock. It does not close the io.WriterAt.
func (w *Writer) Close() error {
	for _, o := range w.objects {
		if o.v.Chunks == nil && !o.bare && !o.written {
			return fmt.Errorf("netcdf: variable %q: %w: closed without its values", o.v.Name, ErrInvalid)
		}
		if o.v.Chunks != nil {
			var err error
			if o.data, err = w.tree(o); err != nil {
				return err
			}
		}
	}
	eof := w.end
	if _, err := w.w.WriteAt(w.globalHeap(), int64(w.heap)); err != nil {
		return err
	}
	for _, o := range w.objects {
		if _, err := w.w.WriteAt(w.header(o), int64(o.address)); err != nil {
			return err
		}
	}
	// The superblock comes last: a file that was not finished is not an HDF5 file.
	b := append([]byte("\x89HDF\r\n\x1a\n"), 2, 8, 8, 0)
	b = le.AppendUint64(b, 0) // base address
	b = le.AppendUint64(b, undefined)
	b = le.AppendUint64(b, eof)
	b = le.AppendUint64(b, superblockSize) // the root group's header
	b = le.AppendUint32(b, codec.Lookup3(b))
	_, err := w.w.WriteAt(append(b, w.root()...), 0)
	return err
}
