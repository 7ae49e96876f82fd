package cdf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Options bounds what a foreign file may cost. The zero value takes the defaults.
type Options struct {
	MaxHeader int64 // bytes of header, 64 MiB by default
}

// File is an open file of one of the classic formats.
type File struct {
	Header
	r    io.ReaderAt
	size int64
}

const (
	tagDim  = 10
	tagVar  = 11
	tagAttr = 12

	maxVarDims = 1024 // NC_MAX_VAR_DIMS
)

// Is reports whether a file that starts with these bytes is of a classic format.
func Is(b []byte) bool {
	return len(b) >= 4 && string(b[:3]) == "CDF" && (b[3] == 1 || b[3] == 2 || b[3] == 5)
}

// Open reads the header of a file of size bytes and checks that its data is all there.
func Open(r io.ReaderAt, size int64, o Options) (*File, error) {
	if o.MaxHeader <= 0 {
		o.MaxHeader = 64 << 20
	}
	f := &File{r: r, size: size}
	p := &parser{r: r, size: size, limit: o.MaxHeader}
	if err := p.header(&f.Header); err != nil {
		known := errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrNotCDF)
		if !known && !p.failed {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil, fmt.Errorf("netcdf: classic header near offset %d: %w", p.pos(), err)
	}
	if f.DataSize > size {
		return nil, fmt.Errorf("netcdf: %w: truncated: the header tells of %d bytes, the file has %d", ErrCorrupt, f.DataSize, size)
	}
	return f, nil
}

// parser walks the header in windows, so that a small header of a large remote file costs one read.
type parser struct {
	r      io.ReaderAt
	size   int64
	limit  int64
	off    int64  // file offset of the end of buf
	buf    []byte // what is read and not yet taken
	wide   bool   // CDF-5: counts and lengths of 8 bytes
	failed bool   // the reader failed, which says nothing about the file
}

func (p *parser) pos() int64 { return p.off - int64(len(p.buf)) }

// take returns the next n bytes; they are valid until the next call.
func (p *parser) take(n int64) ([]byte, error) {
	if n < 0 || n > p.size-p.pos() {
		return nil, fmt.Errorf("%w: truncated: %d bytes wanted, the file ends after %d", ErrCorrupt, n, p.size-p.pos())
	}
	if p.pos()+n > p.limit {
		return nil, fmt.Errorf("header: %w: more than %d bytes", ErrTooLarge, p.limit)
	}
	if n > int64(len(p.buf)) {
		want := min(max(n, 32<<10), p.size-p.pos())
		next := make([]byte, want)
		have := copy(next, p.buf)
		if _, err := p.r.ReadAt(next[have:], p.off); err != nil && !errors.Is(err, io.EOF) {
			p.failed = true
			return nil, err
		} else if err != nil && p.off+want-int64(have) < p.size {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, io.ErrUnexpectedEOF)
		}
		p.off += want - int64(have)
		p.buf = next
	}
	b := p.buf[:n:n]
	p.buf = p.buf[n:]
	return b, nil
}

func (p *parser) u32() (uint32, error) {
	b, err := p.take(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (p *parser) i64() (int64, error) {
	b, err := p.take(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// count reads a NON_NEG: a count, length or size.
func (p *parser) count() (int64, error) {
	if !p.wide {
		n, err := p.u32()
		return int64(n), err
	}
	n, err := p.i64()
	if err == nil && (n < 0 || n > maxSize) {
		err = fmt.Errorf("count %d out of range", n)
	}
	return n, err
}

func (p *parser) name() (string, error) {
	n, err := p.count()
	if err != nil {
		return "", err
	}
	b, err := p.take(pad4(n))
	if err != nil {
		return "", fmt.Errorf("name: %w", err)
	}
	name, _, _ := strings.Cut(string(b[:n]), "\x00") // some writers count the padding in
	return name, nil
}

// list reads a list's tag and count. Each element takes at least 8 bytes, which bounds the count.
func (p *parser) list(tag uint32, what string) (int64, error) {
	t, err := p.u32()
	if err != nil {
		return 0, err
	}
	n, err := p.count()
	if err != nil {
		return 0, err
	}
	switch {
	case t == 0 && n == 0:
	case t != tag:
		return 0, fmt.Errorf("%s: tag %d, want %d", what, t, tag)
	case n > (p.size-p.pos())/8:
		return 0, fmt.Errorf("%s: %d of them do not fit the file", what, n)
	}
	return n, nil
}

func (p *parser) header(h *Header) error {
	if p.size < 4 {
		return fmt.Errorf("%w: %d bytes", ErrNotCDF, p.size)
	}
	magic, err := p.take(4)
	if err != nil {
		return err
	}
	if !Is(magic) {
		return fmt.Errorf("%w: starts with %q", ErrNotCDF, magic)
	}
	h.Version = int(magic[3])
	p.wide = h.Version == 5
	var numrecs int64
	streaming := false
	if p.wide {
		numrecs, err = p.i64()
		streaming = numrecs == -1
	} else {
		var n uint32
		n, err = p.u32()
		numrecs, streaming = int64(n), n == 0xffffffff
	}
	if err != nil {
		return err
	}
	if !streaming && (numrecs < 0 || numrecs > maxSize) {
		return fmt.Errorf("%d records", numrecs)
	}
	if err := p.dims(h); err != nil {
		return err
	}
	if h.Attrs, err = p.attrs(); err != nil {
		return err
	}
	if err := p.vars(h); err != nil {
		return err
	}
	h.Size = p.pos()
	if err := h.resolve(); err != nil {
		return err
	}
	if streaming {
		numrecs = h.countRecords(p.size)
	}
	if h.RecordDim >= 0 {
		h.NumRecs = numrecs
		h.Dims[h.RecordDim].Len = numrecs
		for i := range h.Vars {
			if h.Vars[i].Record {
				h.Vars[i].Shape[0] = numrecs
			}
		}
	}
	for i := range h.Vars {
		v := &h.Vars[i]
		if v.Begin < h.Size || v.Begin > maxSize {
			return fmt.Errorf("variable %q: begins at %d, the header ends at %d", v.Name, v.Begin, h.Size)
		}
	}
	return h.measure()
}

// countRecords returns how many whole records a file of size bytes holds.
func (h *Header) countRecords(size int64) int64 {
	first, last := int64(-1), int64(0)
	for i := range h.Vars {
		if v := &h.Vars[i]; v.Record {
			if first < 0 || v.Begin < first {
				first = v.Begin
			}
			last = max(last, v.Begin+v.slab)
		}
	}
	if first < 0 || h.RecSize == 0 || size < last {
		return 0
	}
	return (size-last)/h.RecSize + 1 // the last record may lack its padding
}

func (p *parser) dims(h *Header) error {
	n, err := p.list(tagDim, "dimensions")
	if err != nil {
		return err
	}
	for range n {
		var d Dim
		if d.Name, err = p.name(); err != nil {
			return fmt.Errorf("dimension: %w", err)
		}
		if d.Len, err = p.count(); err != nil {
			return fmt.Errorf("dimension %q: %w", d.Name, err)
		}
		d.Record = d.Len == 0
		h.Dims = append(h.Dims, d)
	}
	return nil
}

func (p *parser) typ() (Type, error) {
	n, err := p.u32()
	if err != nil {
		return 0, err
	}
	if t := Type(n); t.Size() > 0 {
		return t, nil
	}
	return 0, fmt.Errorf("unknown data type %d", n)
}

func (p *parser) attrs() ([]Attr, error) {
	n, err := p.list(tagAttr, "attributes")
	if err != nil {
		return nil, err
	}
	var out []Attr
	for range n {
		var a Attr
		if a.Name, err = p.name(); err != nil {
			return nil, fmt.Errorf("attribute: %w", err)
		}
		if a.Type, err = p.typ(); err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		n, err := p.count()
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		bytes := mul(n, int64(a.Type.Size()))
		if bytes < 0 {
			return nil, fmt.Errorf("attribute %q: %d values", a.Name, n)
		}
		b, err := p.take(pad4(bytes))
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		if a.Type == Char {
			a.Value = string(b[:n])
		} else {
			a.Value = MakeSlice(a.Type, int(n))
			decode(a.Value, 0, b[:bytes], a.Type.Size(), a.Type.Size())
		}
		out = append(out, a)
	}
	return out, nil
}

func (p *parser) vars(h *Header) error {
	n, err := p.list(tagVar, "variables")
	if err != nil {
		return err
	}
	for range n {
		var v Var
		if v.Name, err = p.name(); err != nil {
			return fmt.Errorf("variable: %w", err)
		}
		if err := p.variable(&v, len(h.Dims), h.Version); err != nil {
			return fmt.Errorf("variable %q: %w", v.Name, err)
		}
		h.Vars = append(h.Vars, v)
	}
	return nil
}

func (p *parser) variable(v *Var, ndims, version int) error {
	n, err := p.count()
	if err != nil {
		return err
	}
	if n > maxVarDims {
		return fmt.Errorf("%d dimensions, at most %d are allowed", n, maxVarDims)
	}
	for range n {
		d, err := p.count()
		if err != nil {
			return err
		}
		if d >= int64(ndims) {
			return fmt.Errorf("dimension %d of %d", d, ndims)
		}
		v.Dims = append(v.Dims, int(d))
	}
	if v.Attrs, err = p.attrs(); err != nil {
		return err
	}
	if v.Type, err = p.typ(); err != nil {
		return err
	}
	// vsize is redundant and wrong by design for variables beyond 4 GiB: it is not used.
	if _, err = p.count(); err != nil {
		return err
	}
	if version == 1 {
		n, err := p.u32()
		v.Begin = int64(n)
		return err
	}
	v.Begin, err = p.i64()
	return err
}
