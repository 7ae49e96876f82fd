package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrCorrupt marks compressed data or a checksum that is wrong.
	ErrCorrupt = errors.New("corrupt data")
	// ErrTooLarge marks a stream with more output than the destination takes.
	ErrTooLarge = errors.New("too large")
)

// Inflater decodes whole deflate streams (RFC 1951) from one buffer to another. It is reused to keep its
// tables, about 14 KiB; the zero value is ready. It must not be used by two goroutines at once.
//
// A block's symbols are decoded by a fast loop as long as both buffers have room for any symbol and what is read or
// written beyond it, and near their ends by a loop that checks each byte. See docs/inflate.md.
type Inflater struct {
	src  []byte // what is being decoded
	in   int    // bytes of src moved into bits
	bits uint64 // bits not yet consumed, the next one lowest
	n    uint   // how many of them are valid

	litlen litlenTable
	dist   distTable
	fixed  bool // the tables hold the fixed codes

	lens [maxLitlen + maxDist]uint8 // code lengths of the block
	safe bool                       // tests: decode without unsafe
}

// Zlib decodes the zlib stream (RFC 1950) at the start of src into dst, checks its Adler-32 and returns the number of
// bytes written. A stream of more than len(dst) bytes is ErrTooLarge, a broken one ErrCorrupt; dst may then
// hold part of the output. Bytes after the stream are ignored.
func (f *Inflater) Zlib(dst, src []byte) (n int, err error) {
	if len(src) < 2 {
		return 0, corrupt("zlib header", len(src))
	}
	if head := binary.BigEndian.Uint16(src); head>>8&15 != 8 || head>>12 > 7 || head%31 != 0 || head&0x20 != 0 {
		return 0, fmt.Errorf("inflate: %w: zlib header %04x", ErrCorrupt, head)
	}
	sum := uint32(1)
	n, used, err := f.inflate(dst, src[2:], &sum)
	if err != nil {
		return n, err
	}
	if len(src)-2-used < 4 {
		return n, corrupt("checksum", len(src))
	}
	if want := binary.BigEndian.Uint32(src[2+used:]); want != sum {
		return n, fmt.Errorf("inflate: %w: Adler-32 %08x, want %08x", ErrCorrupt, sum, want)
	}
	return n, nil
}

// Deflate decodes the raw deflate stream at the start of src into dst and returns the number of bytes written and
// read. Errors are as in [Inflater.Zlib].
func (f *Inflater) Deflate(dst, src []byte) (n, used int, err error) {
	return f.inflate(dst, src, nil)
}

// inflate is Deflate that also continues an Adler-32 over each block's output while that is in the cache.
func (f *Inflater) inflate(dst, src []byte, sum *uint32) (n, used int, err error) {
	f.src, f.in, f.bits, f.n = src, 0, 0, 0
	defer func() { f.src = nil }()
	out := 0
	for last := false; !last; {
		if !f.need(3) {
			return out, f.in, corrupt("block header", f.in)
		}
		head := f.take(3)
		last = head&1 != 0
		start := out
		switch head >> 1 {
		case 0:
			out, err = f.stored(dst, out)
		case 1:
			f.fixedTables()
			out, err = f.block(dst, out)
		case 2:
			if err = f.dynamicTables(); err == nil {
				out, err = f.block(dst, out)
			}
		default:
			err = corrupt("block type 3", f.in)
		}
		if err != nil {
			return out, f.in, err
		}
		if sum != nil {
			*sum = updateAdler32(*sum, dst[start:out])
		}
	}
	return out, f.in - int(f.n/8), nil
}

// block decodes the symbols of one block.
func (f *Inflater) block(dst []byte, out int) (int, error) {
	var s status
	if haveUnsafe && !f.safe {
		out, s = f.fastUnsafe(dst, out)
	} else {
		out, s = f.fastSafe(dst, out)
	}
	if s == more {
		out, s = f.careful(dst, out)
	}
	switch s {
	case noInput:
		return out, fmt.Errorf("inflate: %w: truncated after %d bytes", ErrCorrupt, len(f.src))
	case noOutput:
		return out, fmt.Errorf("inflate: %w: more than %d bytes", ErrTooLarge, len(dst))
	case badData:
		return out, corrupt("symbol", f.in)
	}
	return out, nil
}

// status is how a decoding loop ended.
type status int

const (
	more     status = iota // near the end of a buffer: the careful loop goes on
	done                   // end of block
	badData                // a code or a distance that may not be
	noInput                // the input ends within a symbol
	noOutput               // the output does not fit
)

// stored copies a stored block.
func (f *Inflater) stored(dst []byte, out int) (int, error) {
	f.take(f.n & 7)
	f.in -= int(f.n / 8)
	f.bits, f.n = 0, 0
	if len(f.src)-f.in < 4 {
		return out, corrupt("stored block", f.in)
	}
	size, inverse := binary.LittleEndian.Uint16(f.src[f.in:]), binary.LittleEndian.Uint16(f.src[f.in+2:])
	f.in += 4
	switch n := int(size); {
	case size != ^inverse:
		return out, corrupt("length of a stored block", f.in)
	case n > len(f.src)-f.in:
		return out, fmt.Errorf("inflate: %w: truncated after %d bytes", ErrCorrupt, len(f.src))
	case n > len(dst)-out:
		return out, fmt.Errorf("inflate: %w: more than %d bytes", ErrTooLarge, len(dst))
	default:
		copy(dst[out:], f.src[f.in:f.in+n])
		f.in += n
		return out + n, nil
	}
}

// normalize gives whole bytes of the bit buffer back to the input and clears what is above the valid bits.
func (f *Inflater) normalize() {
	f.in -= int(f.n / 8)
	f.n %= 8
	f.bits &= 1<<f.n - 1
}

// need moves input into the bit buffer until it has at least k bits, k <= 48, and tells whether it could.
func (f *Inflater) need(k uint) bool {
	for f.n < k {
		if f.in == len(f.src) {
			return false
		}
		f.bits |= uint64(f.src[f.in]) << f.n
		f.in++
		f.n += 8
	}
	return true
}

// take consumes k bits, k <= f.n.
func (f *Inflater) take(k uint) uint {
	v := uint(f.bits & (1<<k - 1))
	f.bits >>= k
	f.n -= k
	return v
}

func corrupt(what string, at int) error {
	return fmt.Errorf("inflate: %w: %s near byte %d", ErrCorrupt, what, at)
}
