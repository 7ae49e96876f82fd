package hdf5

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"healpipe/internal/codec"
)

// szip undoes filter 4, the extended Rice code of CCSDS 121.0-B. Parameters: options, samples of a block, bits
// of a sample, samples of a scan line. The chunk: size of the output 4, little-endian, and a stream of bits:
// scan lines (padded to whole blocks); each begins anew, with its first sample as it is if samples are
// predicted from their neighbour. A block is an id and what that says:
//
//	all zeros, 0   this block and more are zero     all zeros, 1   pairs of samples as one number
//	all ones       samples as they are              k+1            unary high parts, then k low bits each
//
// Samples of 32 and 64 bits were split into bytes, as shuffle does.
type szip struct {
	bits    bitstream
	block   int // samples of a block
	width   int // bits of a sample
	idWidth int
	predict bool
	out     []uint32 // of one scan line
}

const (
	szipMSB     = 16
	szipPredict = 32
)

func (fl *Filter) szip(dst, src []byte) (int, error) {
	if len(src) < 4 || len(fl.Params) < 4 {
		return 0, fmt.Errorf("szip chunk of %d bytes: %w", len(src), ErrCorrupt)
	}
	size := int(binary.LittleEndian.Uint32(src))
	if size > len(dst) {
		return 0, codec.ErrTooLarge
	}
	block, pixel, line := int(fl.param(1)), int(fl.param(2)), int(fl.param(3))
	split := 0 // bytes of a sample that was split
	if pixel == 32 || pixel == 64 {
		split, pixel = pixel/8, 8
	}
	if block < 2 || block > 64 || block%2 != 0 || pixel < 1 || pixel > 24 || line < 1 || line > 1<<16 {
		return 0, fmt.Errorf("szip with %d bits in blocks of %d and lines of %d: %w", pixel, block, line, ErrCorrupt)
	}
	blocks := (line + block - 1) / block
	s := &szip{bits: bitstream{b: src[4:]}, block: block, width: pixel, predict: fl.param(0)&szipPredict != 0,
		out: make([]uint32, 0, blocks*block)}
	switch {
	case pixel <= 8:
		s.idWidth = 3
	case pixel <= 16:
		s.idWidth = 4
	default:
		s.idWidth = 5
	}
	unit := (pixel + 7) / 8
	if unit == 3 {
		unit = 4
	}
	msb := fl.param(0)&szipMSB != 0
	plain := dst[:size]
	if split > 0 {
		plain = make([]byte, size)
	}
	for at := 0; at+unit <= size; {
		want := min(line, (size-at)/unit)
		if err := s.line(blocks, want); err != nil {
			return at, err
		}
		for _, v := range s.out[:want] {
			p := plain[at : at+unit]
			for k := range p {
				if msb {
					p[unit-1-k] = byte(v >> (8 * k))
				} else {
					p[k] = byte(v >> (8 * k))
				}
			}
			at += unit
		}
	}
	if split > 0 {
		codec.Unshuffle(dst[:size], plain, split)
	}
	return size, nil
}

// line decodes a scan line of so many blocks, or as much of it as holds want samples.
func (s *szip) line(blocks, want int) error {
	s.out = s.out[:0]
	for n := 0; n < blocks && len(s.out) < want; {
		first := s.predict && n == 0
		zeros, err := s.oneBlock(first, blocks-n, n)
		if err != nil {
			return err
		}
		n += max(zeros, 1)
	}
	if s.predict {
		s.restore()
	}
	return nil
}

// oneBlock decodes a block; with the code for zeros it is zeros blocks.
func (s *szip) oneBlock(first bool, left, n int) (zeros int, err error) {
	id := int(s.bits.read(s.idWidth))
	raw := 1<<s.idWidth - 1
	count := s.block
	if id == raw {
		for range count {
			s.out = append(s.out, uint32(s.bits.read(s.width)))
		}
		return 0, s.bits.err()
	}
	pairs := id == 0 && s.bits.read(1) == 1
	if first {
		s.out = append(s.out, uint32(s.bits.read(s.width)))
		count--
	}
	switch {
	case pairs:
		err = s.pairs(count)
	case id == 0:
		zeros, err = s.unary()
		if err != nil {
			return 0, err
		}
		const restOfSegment = 5
		switch zeros++; {
		case zeros == restOfSegment:
			zeros = min(left, 64-n%64)
		case zeros > restOfSegment:
			zeros--
		}
		if zeros > left {
			return 0, fmt.Errorf("szip: %d blocks of zeros where %d are left: %w", zeros, left, ErrCorrupt)
		}
		for range count + (zeros-1)*s.block {
			s.out = append(s.out, 0)
		}
	default:
		k := id - 1
		start := len(s.out)
		for range count {
			high, err := s.unary()
			if err != nil {
				return 0, err
			}
			s.out = append(s.out, uint32(high)<<k)
		}
		for i := start; i < len(s.out) && k > 0; i++ {
			s.out[i] |= uint32(s.bits.read(k))
		}
	}
	if err == nil {
		err = s.bits.err()
	}
	return zeros, err
}

// pairs decodes count samples, two to a number m that counts the pairs (a, b) in order of a+b, then of b. The
// first of the block stands alone if count is odd: its partner is the sample that came as it is.
func (s *szip) pairs(count int) error {
	for i := s.block - count; i < s.block; i++ {
		m, err := s.unary()
		if err != nil {
			return err
		}
		sum := 0
		for m > sum {
			m -= sum + 1
			sum++
		}
		if sum > 12 {
			return fmt.Errorf("szip: pair with sum %d: %w", sum, ErrCorrupt)
		}
		if i%2 == 0 {
			s.out = append(s.out, uint32(sum-m))
			i++
		}
		s.out = append(s.out, uint32(m))
	}
	return nil
}

// unary counts zeros up to the next one, which it swallows.
func (s *szip) unary() (int, error) {
	n := 0
	for s.bits.at < 8*len(s.bits.b) {
		at := s.bits.at
		rest := s.bits.b[at/8] << (at % 8)
		if rest == 0 {
			n += 8 - at%8
			s.bits.at += 8 - at%8
			continue
		}
		k := bits.LeadingZeros8(rest)
		s.bits.at += k + 1
		return n + k, nil
	}
	s.bits.cut = true
	return 0, s.bits.err()
}

// restore turns the differences of a line into samples. d counts differences 0, -1, 1, -2, 2, ... as long as
// both signs are possible, and from there on those of the one sign that is.
func (s *szip) restore() {
	top := uint32(1)<<s.width - 1
	x := s.out[0]
	for i := 1; i < len(s.out); i++ {
		d := s.out[i]
		room := x // to the nearer end of the range
		if x > top/2 {
			room = top - x
		}
		switch half := d>>1 + d&1; {
		case half > room && x > top/2:
			x = top - d
		case half > room:
			x = d
		case d&1 == 1:
			x -= half
		default:
			x += half
		}
		x &= top
		s.out[i] = x
	}
}
