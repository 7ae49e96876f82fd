package hdf5

import "fmt"

// bitstream reads bits, the most significant of each byte first.
type bitstream struct {
	b   []byte
	at  int // bits read
	cut bool
}

// read returns the next n bits, at most 64; zeros past the end, and cut is set.
func (s *bitstream) read(n int) uint64 {
	if n > 8*len(s.b)-s.at {
		s.cut = true
		return 0
	}
	var v uint64
	for n > 0 {
		left := 8 - s.at%8
		k := min(n, left)
		part := uint64(s.b[s.at/8]) >> (left - k) & (1<<k - 1)
		v = v<<k | part
		s.at += k
		n -= k
	}
	return v
}

func (s *bitstream) err() error {
	if s.cut {
		return fmt.Errorf("packed bits are cut: %w", ErrCorrupt)
	}
	return nil
}
