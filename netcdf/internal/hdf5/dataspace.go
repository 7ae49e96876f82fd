package hdf5

import "math"

// Unlimited is the maximum length of a dimension that may grow without end.
const Unlimited = math.MaxUint64

// maxRank is the library's H5S_MAX_RANK.
const maxRank = 32

// Dataspace is the shape of a dataset or attribute.
type Dataspace struct {
	Null bool     // no value at all
	Dims []uint64 // empty for a scalar
	Max  []uint64 // of the same length; Unlimited where it may grow without end
}

// parseDataspace decodes a dataspace message (IV.A.2.b).
//
//	1: version 1, rank 1, flags 1, 0 5, dims L each, [max L each]
//	2: version 1, rank 1, flags 1, type 1, dims L each, [max L each]
func (f *File) parseDataspace(b []byte, addr uint64) (Dataspace, error) {
	c := f.cursor(b, addr, "dataspace message")
	var s Dataspace
	version, rank, flags := c.u8(), int(c.u8()), c.u8()
	switch version {
	case 1:
		c.skip(5)
	case 2:
		s.Null = c.u8() == 2
	default:
		if c.err == nil {
			c.err = unsupported("dataspace message at %#x: version %d", addr, version)
		}
	}
	if c.err == nil && rank > maxRank {
		c.fail("rank %d", rank)
	}
	if c.err != nil {
		return s, c.err
	}
	s.Dims, s.Max = make([]uint64, rank), make([]uint64, rank)
	for i := range s.Dims {
		s.Dims[i] = c.length()
	}
	copy(s.Max, s.Dims)
	if flags&1 != 0 {
		for i := range s.Max {
			if s.Max[i] = c.length(); f.lengthSize < 8 && s.Max[i] == 1<<(8*f.lengthSize)-1 {
				s.Max[i] = Unlimited
			}
			if s.Max[i] < s.Dims[i] {
				c.fail("dimension %d has length %d and maximum %d", i, s.Dims[i], s.Max[i])
			}
		}
	}
	if c.err == nil {
		if n, ok := s.count(); !ok || n > math.MaxInt64/2 {
			c.fail("shape %v is too large", s.Dims)
		}
	}
	return s, c.err
}

// Len returns the number of elements.
func (s Dataspace) Len() uint64 {
	n, _ := s.count()
	return n
}

func (s Dataspace) count() (uint64, bool) {
	if s.Null {
		return 0, true
	}
	n := uint64(1)
	for _, d := range s.Dims {
		if d == 0 {
			return 0, true
		}
	}
	for _, d := range s.Dims {
		if d > math.MaxUint64/n {
			return 0, false
		}
		n *= d
	}
	return n, true
}
