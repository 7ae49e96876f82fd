package hdf5

import "fmt"

// nbitReader undoes filter 5, which keeps only the significant bits of each number. Parameters: their number,
// nothing to do if not 0, elements, and the description of the type:
//
//	1 atomic: size, order, precision, offset     2 array: size, base type
//	3 compound: size, members, each: offset, type     4 anything else: size, bits as they are
type nbitReader struct {
	params []uint32
	bits   bitstream
}

const (
	nbitAtomic   = 1
	nbitArray    = 2
	nbitCompound = 3
	nbitOther    = 4
)

func (fl *Filter) nbit(dst, src []byte) (int, error) {
	if len(fl.Params) < 5 {
		return 0, fmt.Errorf("n-bit filter with %d parameters: %w", len(fl.Params), ErrCorrupt)
	}
	if fl.Params[1] != 0 {
		return copy(dst, src), nil
	}
	n, size := uint64(fl.Params[2]), uint64(fl.Params[4])
	if size == 0 || n > uint64(len(dst))/size {
		return 0, fmt.Errorf("n-bit filter of %d elements of %d bytes: %w", n, size, ErrCorrupt)
	}
	clear(dst)
	r := &nbitReader{params: fl.Params, bits: bitstream{b: src}}
	for i := range n {
		if _, err := r.element(dst[i*size:(i+1)*size], 3, 0); err != nil {
			return 0, err
		}
		if r.bits.cut {
			break
		}
	}
	return int(n * size), r.bits.err()
}

// element decodes one element whose type is described from parameter at on, and returns where that ends.
func (r *nbitReader) element(p []byte, at, depth int) (end int, err error) {
	bad := fmt.Errorf("n-bit filter: broken description of the type: %w", ErrCorrupt)
	if depth > maxTypeDepth || len(r.params)-at < 2 {
		return at, bad
	}
	kind, size := r.params[at], int(r.params[at+1])
	if size < 1 || size > len(p) {
		return at, bad
	}
	p = p[:size]
	switch kind {
	case nbitAtomic:
		if len(r.params)-at < 5 {
			return at, bad
		}
		big, precision, offset := r.params[at+2] == 1, int(r.params[at+3]), int(r.params[at+4])
		if precision < 1 || offset < 0 || precision > 8*size || offset > 8*size-precision {
			return at, bad
		}
		r.atomic(p, big, precision, offset)
		return at + 5, nil
	case nbitOther:
		for i := range p {
			p[i] = byte(r.bits.read(8))
		}
		return at + 2, nil
	case nbitArray:
		if len(r.params)-at < 4 {
			return at, bad
		}
		base := int(r.params[at+3])
		if base < 1 || size%base != 0 {
			return at, bad
		}
		for i := 0; i < size && !r.bits.cut; i += base {
			if end, err = r.element(p[i:i+base], at+2, depth+1); err != nil {
				return end, err
			}
		}
		if r.bits.cut {
			return at, r.bits.err()
		}
		return end, nil
	case nbitCompound:
		if len(r.params)-at < 3 {
			return at, bad
		}
		members := int(r.params[at+2])
		at += 3
		for range members {
			if len(r.params)-at < 3 {
				return at, bad
			}
			offset := int(r.params[at])
			if offset > size {
				return at, bad
			}
			if at, err = r.element(p[offset:], at+1, depth+1); err != nil {
				return at, err
			}
		}
		return at, nil
	}
	return at, bad
}

// atomic places the next precision bits at a bit offset of a number.
func (r *nbitReader) atomic(p []byte, big bool, precision, offset int) {
	for top := offset + precision; top > offset; {
		low := max(offset, (top-1)/8*8) // down to the byte's border
		v := byte(r.bits.read(top-low)) << (low % 8)
		if i := low / 8; big {
			p[len(p)-1-i] |= v
		} else {
			p[i] |= v
		}
		top = low
	}
}
