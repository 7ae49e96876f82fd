package cdf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// layout checks the definition and sets the derived fields as libnetcdf's enddef does.
func (h *Header) layout() error {
	if err := h.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := h.resolve(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	h.Size = int64(len(h.encode(nil)))
	off := h.Size
	maxBegin := int64(maxSize)
	if h.Version == 1 {
		maxBegin = math.MaxInt32
	}
	for _, record := range []bool{false, true} {
		for i := range h.Vars {
			v := &h.Vars[i]
			if v.Record != record {
				continue
			}
			if off > maxBegin {
				return fmt.Errorf("variable %q: %w for CDF-%d: begins at %d", v.Name, ErrTooLarge, h.Version, off)
			}
			v.Begin = off
			off += v.VSize
		}
	}
	if err := h.checkSizes(); err != nil {
		return err
	}
	return h.measure()
}

// checkSizes applies the limits of CDF-1 and CDF-2: only the last fixed variable (if there are no record
// variables) and the last record variable may be larger than vsize can say.
func (h *Header) checkSizes() error {
	limit := int64(math.MaxUint32 - 3)
	switch h.Version {
	case 1:
		limit = math.MaxInt32 - 3
	case 5:
		return nil
	}
	last, records := -1, false
	for i := range h.Vars {
		records = records || h.Vars[i].Record
	}
	for i := range h.Vars {
		if h.Vars[i].Record == records {
			last = i
		}
	}
	for i := range h.Vars {
		if v := &h.Vars[i]; v.VSize > limit && i != last {
			return fmt.Errorf("variable %q: %w for CDF-%d: %d bytes", v.Name, ErrTooLarge, h.Version, v.VSize)
		}
	}
	return nil
}

// check finds what the format cannot express.
func (h *Header) check() error {
	if h.Version != 1 && h.Version != 2 && h.Version != 5 {
		return fmt.Errorf("version %d, want 1, 2 or 5", h.Version)
	}
	seen := map[string]bool{}
	for _, d := range h.Dims {
		switch {
		case d.Name == "" || seen[d.Name]:
			return fmt.Errorf("dimension name %q is empty or taken", d.Name)
		case d.Len == 0 && !d.Record:
			return fmt.Errorf("dimension %q: length 0", d.Name)
		case h.Version != 5 && d.Len > math.MaxUint32-3, h.Version == 1 && d.Len > math.MaxInt32-3:
			return fmt.Errorf("dimension %q: %w for CDF-%d: length %d", d.Name, ErrTooLarge, h.Version, d.Len)
		}
		seen[d.Name] = true
	}
	seen = map[string]bool{}
	if err := h.checkAttrs(h.Attrs); err != nil {
		return err
	}
	for i := range h.Vars {
		v := &h.Vars[i]
		if v.Name == "" || seen[v.Name] {
			return fmt.Errorf("variable name %q is empty or taken", v.Name)
		}
		seen[v.Name] = true
		if v.Type > Double && h.Version != 5 {
			return fmt.Errorf("variable %q: CDF-%d has no %v", v.Name, h.Version, v.Type)
		}
		if len(v.Dims) > maxVarDims {
			return fmt.Errorf("variable %q: %d dimensions", v.Name, len(v.Dims))
		}
		if err := h.checkAttrs(v.Attrs); err != nil {
			return fmt.Errorf("variable %q: %w", v.Name, err)
		}
	}
	return nil
}

func (h *Header) checkAttrs(attrs []Attr) error {
	seen := map[string]bool{}
	for _, a := range attrs {
		if a.Name == "" || seen[a.Name] {
			return fmt.Errorf("attribute name %q is empty or taken", a.Name)
		}
		seen[a.Name] = true
		if a.Type > Double && h.Version != 5 {
			return fmt.Errorf("attribute %q: CDF-%d has no %v", a.Name, h.Version, a.Type)
		}
		if _, err := length(a.Type, a.Value); err != nil {
			return fmt.Errorf("attribute %q: %w", a.Name, err)
		}
	}
	return nil
}

// encode appends the header.
func (h *Header) encode(b []byte) []byte {
	wide := h.Version == 5
	count := func(n int64) {
		if wide {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
	}
	pad := func(n int) { b = append(b, make([]byte, pad4(int64(n))-int64(n))...) }
	list := func(tag uint32, n int) {
		if n == 0 {
			tag = 0
		}
		b = binary.BigEndian.AppendUint32(b, tag)
		count(int64(n))
	}
	name := func(s string) {
		count(int64(len(s)))
		b = append(b, s...)
		pad(len(s))
	}
	attributes := func(attrs []Attr) {
		list(tagAttr, len(attrs))
		for _, a := range attrs {
			name(a.Name)
			b = binary.BigEndian.AppendUint32(b, uint32(a.Type))
			n, _ := length(a.Type, a.Value) // checkAttrs has seen it
			count(int64(n))
			b = appendValues(b, a.Value, 0, n)
			pad(n * a.Type.Size())
		}
	}

	b = append(b, 'C', 'D', 'F', byte(h.Version))
	count(h.NumRecs)
	list(tagDim, len(h.Dims))
	for _, d := range h.Dims {
		name(d.Name)
		if d.Record {
			count(0)
		} else {
			count(d.Len)
		}
	}
	attributes(h.Attrs)
	list(tagVar, len(h.Vars))
	for i := range h.Vars {
		v := &h.Vars[i]
		name(v.Name)
		count(int64(len(v.Dims)))
		for _, d := range v.Dims {
			count(int64(d))
		}
		attributes(v.Attrs)
		b = binary.BigEndian.AppendUint32(b, uint32(v.Type))
		if vsize := v.VSize; wide || vsize <= math.MaxUint32-3 {
			count(vsize)
		} else {
			count(math.MaxUint32) // "does not fit": readers derive it from the shape
		}
		if h.Version == 1 {
			b = binary.BigEndian.AppendUint32(b, uint32(v.Begin))
		} else {
			b = binary.BigEndian.AppendUint64(b, uint64(v.Begin))
		}
	}
	return b
}
