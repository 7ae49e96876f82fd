package hdf5

import (
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
)

const (
	pageSize = 64 << 10 // one read of the file for metadata
	maxPages = 64
	// undef is the undefined address, whatever the size of addresses in the file.
	undef = math.MaxUint64
)

// source reads the file: metadata through a small cache of pages, so that the many small structures that
// lie together cost one request, and raw data directly.
type source struct {
	r     io.ReaderAt
	size  uint64 // of the file, counted from base
	base  int64  // position of address 0
	limit int64  // on one buffer, and on used
	used  atomic.Int64

	mu    sync.Mutex
	pages map[uint64][]byte
	order []uint64 // of pages, oldest first

	patches []patch // metadata that stands elsewhere in the file, see cacheimage.go; set while the file is opened
}

// take books n bytes of memory that stays with the file.
func (s *source) take(n int64) error {
	if n < 0 || s.used.Add(n) > s.limit {
		return fmt.Errorf("metadata of %d bytes and more (limit %d): %w", s.used.Load(), s.limit, ErrTooLarge)
	}
	return nil
}

// fits checks one buffer that is taken for a while.
func (s *source) fits(n uint64, what string) error {
	if n > uint64(s.limit) {
		return fmt.Errorf("%s of %d bytes (limit %d): %w", what, n, s.limit, ErrTooLarge)
	}
	return nil
}

// check says whether n bytes at addr lie inside the file.
func (s *source) check(addr, n uint64, what string) error {
	switch {
	case addr == undef:
		return fmt.Errorf("%s: undefined address: %w", what, ErrCorrupt)
	case addr > s.size || n > s.size-addr:
		return corrupt(what, addr, "%d bytes reach past the end of the file (%d)", n, s.size)
	}
	return nil
}

// read returns n bytes of metadata at addr; the caller owns them.
func (s *source) read(addr, n uint64, what string) ([]byte, error) {
	if err := s.check(addr, n, what); err != nil {
		return nil, err
	}
	if err := s.fits(n, what); err != nil {
		return nil, err
	}
	out := make([]byte, n)
	if n > pageSize {
		if err := s.readAt(out, addr, what); err != nil {
			return nil, err
		}
		s.patch(out, addr)
		return out, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for done := uint64(0); done < n; {
		page, err := s.page((addr+done)/pageSize, what)
		if err != nil {
			return nil, err
		}
		at := (addr + done) % pageSize
		if at >= uint64(len(page)) {
			return nil, corrupt(what, addr, "the file ended early")
		}
		done += uint64(copy(out[done:], page[at:]))
	}
	return out, nil
}

// page returns one page of the cache, reading it where needed. mu is held.
func (s *source) page(no uint64, what string) ([]byte, error) {
	if p, ok := s.pages[no]; ok {
		return p, nil
	}
	p := make([]byte, min(pageSize, s.size-no*pageSize))
	if err := s.readAt(p, no*pageSize, what); err != nil {
		return nil, err
	}
	s.patch(p, no*pageSize)
	if s.pages == nil {
		s.pages = make(map[uint64][]byte)
	}
	if len(s.order) >= maxPages {
		delete(s.pages, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
	s.pages[no] = p
	s.order = append(s.order, no)
	return p, nil
}

// readAt fills b from addr, past the cache. The range was checked.
func (s *source) readAt(b []byte, addr uint64, what string) error {
	n, err := s.r.ReadAt(b, s.base+int64(addr))
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF || err == nil {
		return corrupt(what, addr, "the file ended after %d of %d bytes", n, len(b))
	}
	return fmt.Errorf("%s at %#x: %w", what, addr, err)
}
