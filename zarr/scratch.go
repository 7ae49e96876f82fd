package zarr

import "sync"

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

// take returns a buffer of n bytes with any content, aligned for every Element. It is the caller's until
// reset goes back to a mark from before.
func (s *scratch) take(n int) []byte {
	if s.used == len(s.bufs) {
		s.bufs = append(s.bufs, nil)
	}
	if cap(s.bufs[s.used]) < n {
		s.bufs[s.used] = alloc(n)
	}
	s.used++
	return s.bufs[s.used-1][:n]
}

func (s *scratch) mark() int      { return s.used }
func (s *scratch) reset(mark int) { s.used = mark }
