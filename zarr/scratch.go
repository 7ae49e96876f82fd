package zarr

import (
	"sync"
	"unsafe"
)

// scratch lends buffers for the steps of one chunk's encoding or decoding, as a stack. It belongs to one
// goroutine.
type scratch struct {
	bufs [][]byte
	used int
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch { return scratchPool.Get().(*scratch) }

func (s *scratch) release() {
	s.used = 0
	scratchPool.Put(s)
}

// take returns a buffer of n bytes with any content, aligned for every Element, and never nil: the stored bytes of
// a damaged chunk that is empty must not look like none. It is the caller's until reset goes back to a mark from
// before.
func (s *scratch) take(n int) []byte {
	if s.used == len(s.bufs) {
		s.bufs = append(s.bufs, nil)
	}
	if s.bufs[s.used] == nil || cap(s.bufs[s.used]) < n {
		s.bufs[s.used] = alloc(n)
	}
	s.used++
	return s.bufs[s.used-1][:n]
}

// spare is take of whatever the next buffer has, for a length that is not known yet; keep puts a better one in
// its place.
func (s *scratch) spare() []byte {
	b := s.take(0)
	return b[:0]
}

func (s *scratch) keep(b []byte) {
	if last := s.used - 1; cap(b) > cap(s.bufs[last]) && uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0 {
		s.bufs[last] = b[:cap(b)]
	}
}

func (s *scratch) mark() int      { return s.used }
func (s *scratch) reset(mark int) { s.used = mark }
