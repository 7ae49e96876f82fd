package hdf5

import (
	"errors"
	"fmt"

	"healpipe/internal/codec"
)

// Pipeline undoes a dataset's filters. It is immutable.
type Pipeline struct {
	filters []Filter
	limit   int64 // on a buffer
}

// Scratch holds the buffers and tables that decoding needs; one goroutine uses it at a time.
type Scratch struct {
	bufs [2][]byte
	inf  codec.Inflater
}

// Trim gives back buffers of more than max bytes.
func (s *Scratch) Trim(max int) {
	for i := range s.bufs {
		if cap(s.bufs[i]) > max {
			s.bufs[i] = nil
		}
	}
}

// Pipeline returns the decoder for a list of filters.
func (f *File) Pipeline(filters []Filter) *Pipeline { return &Pipeline{filters, f.limit} }

// Decode undoes the filters of one chunk of size bytes, except those in mask, as stored in raw. The result
// lies in raw or in s and is valid until s is used again.
//
// Where the only filter left is a shuffle over elements of elem bytes, it is left to the caller, and shuffled
// is true.
func (p *Pipeline) Decode(s *Scratch, raw []byte, mask uint32, size, elem int) (data []byte, shuffled bool, err error) {
	return p.undo(s, len(p.filters)-1, raw, 0, mask, size, elem)
}

// Piecewise says whether DecodePieces serves chunks of size bytes: where the filter to undo first is deflate and the
// size of its output is known.
func (p *Pipeline) Piecewise(mask uint32, size int) bool {
	i := p.outermost(mask)
	return i >= 0 && p.filters[i].ID == FilterDeflate && p.sizeBefore(i, mask, size) >= 0
}

// outermost returns the filter to undo first, -1 where there is none.
func (p *Pipeline) outermost(mask uint32) int {
	i := len(p.filters) - 1
	for i >= 0 && mask&(1<<i) != 0 {
		i--
	}
	return i
}

// DecodePieces is Decode for a chunk whose stored bytes come piece by piece. It must be Piecewise.
func (p *Pipeline) DecodePieces(s *Scratch, next codec.Next, mask uint32, size, elem int) (data []byte, shuffled bool, err error) {
	i := p.outermost(mask)
	want := p.sizeBefore(i, mask, size)
	if int64(want) > p.limit {
		return nil, false, fmt.Errorf("%s: %d bytes (limit %d): %w", p.filters[i].label(), want, p.limit, ErrTooLarge)
	}
	dst := s.buf(0, want)
	n, err := s.inf.ZlibPieces(dst, next)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", p.filters[i].label(), asCorrupt(err))
	}
	return p.undo(s, i-1, dst[:n], 1, mask, size, elem)
}

// undo undoes the filters from number i down; next is the first buffer of s to write to.
func (p *Pipeline) undo(s *Scratch, i int, data []byte, next int, mask uint32, size, elem int) (_ []byte, shuffled bool, err error) {
	for ; i >= 0; i-- {
		if mask&(1<<i) != 0 {
			continue
		}
		fl := &p.filters[i]
		want := p.sizeBefore(i, mask, size)
		switch fl.ID {
		case FilterShuffle:
			n := fl.elemSize(size)
			if n <= 1 || len(data) < n {
				continue
			}
			if n == elem && p.noneBefore(i, mask) && len(data) == size {
				return data, true, nil
			}
			dst := s.buf(next, len(data))
			codec.Unshuffle(dst, data, n)
			data, next = dst, 1-next
			continue
		case FilterFletcher32:
			data, err = codec.CheckFletcher32(data)
		default:
			data, err = p.expand(s, next, fl, data, want)
			next = 1 - next
		}
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", fl.label(), asCorrupt(err))
		}
	}
	if len(data) != size {
		return nil, false, fmt.Errorf("chunk has %d bytes after its filters, not %d: %w", len(data), size, ErrCorrupt)
	}
	return data, false, nil
}

// sizeBefore returns the number of bytes that went into filter i when the chunk was written, -1 if that does
// not follow from the filters before it.
func (p *Pipeline) sizeBefore(i int, mask uint32, size int) int {
	for j := range i {
		if mask&(1<<j) != 0 {
			continue
		}
		switch p.filters[j].ID {
		case FilterShuffle:
		case FilterFletcher32:
			size += 4
		default:
			return -1
		}
	}
	return size
}

func (p *Pipeline) noneBefore(i int, mask uint32) bool {
	for j := range i {
		if mask&(1<<j) == 0 {
			return false
		}
	}
	return true
}

// buf returns buffer i with n bytes.
func (s *Scratch) buf(i, n int) []byte {
	if cap(s.bufs[i]) < n {
		s.bufs[i] = make([]byte, n)
	}
	s.bufs[i] = s.bufs[i][:n]
	return s.bufs[i]
}

// expand undoes a filter whose output has another size than its input, into buffer i. want is the size of
// the output, -1 where it does not follow from the chunk's.
func (p *Pipeline) expand(s *Scratch, i int, fl *Filter, src []byte, want int) ([]byte, error) {
	if want < 0 {
		var err error
		if want, err = fl.outputSize(src); err != nil {
			return nil, err
		}
	}
	if want >= 0 {
		if int64(want) > p.limit {
			return nil, fmt.Errorf("%d bytes (limit %d): %w", want, p.limit, ErrTooLarge)
		}
		dst := s.buf(i, want)
		n, err := fl.decode(s, dst, src)
		return dst[:n], err
	}
	for size := int64(4*len(src) + 1024); ; size *= 4 {
		dst := s.buf(i, int(min(size, p.limit)))
		n, err := fl.decode(s, dst, src)
		if !errors.Is(err, codec.ErrTooLarge) || size >= p.limit {
			return dst[:n], err
		}
	}
}

// elemSize returns the element size of a shuffle filter.
func (fl *Filter) elemSize(size int) int {
	if len(fl.Params) == 0 || uint64(fl.Params[0]) > uint64(size) {
		return 1
	}
	return int(fl.Params[0])
}

var filterNames = map[uint16]string{FilterDeflate: "deflate", FilterShuffle: "shuffle", FilterFletcher32: "fletcher32",
	FilterSzip: "szip", FilterNbit: "nbit", FilterScaleOffset: "scaleoffset", FilterBzip2: "bzip2", FilterLZF: "lzf",
	FilterBlosc: "blosc", FilterLZ4: "lz4", FilterBitshuffle: "bitshuffle", FilterZstd: "zstd", FilterBlosc2: "blosc2"}

// label names a filter for people.
func (fl *Filter) label() string {
	if n := filterNames[fl.ID]; n != "" {
		return n
	}
	if fl.Name != "" {
		return fl.Name
	}
	return fmt.Sprintf("filter-%d", fl.ID)
}

// Label returns the filter's usual short name, such as "deflate".
func (fl Filter) Label() string { return fl.label() }

// decodeAll undoes the filters of a heap block.
func (f *File) decodeAll(filters []Filter, mask uint32, raw []byte, size int) ([]byte, error) {
	if err := f.fits(uint64(size), "filtered block"); err != nil {
		return nil, err
	}
	var s Scratch
	data, _, err := f.Pipeline(filters).Decode(&s, raw, mask, size, 0)
	return data, err
}
