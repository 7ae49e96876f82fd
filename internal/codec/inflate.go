package codec

import (
	"errors"
	"fmt"
	"math/bits"
)

var (
	// ErrCorrupt marks compressed data or a checksum that is wrong.
	ErrCorrupt = errors.New("corrupt data")
	// ErrTooLarge marks a stream with more output than the destination takes.
	ErrTooLarge = errors.New("too large")
)

// Inflater decodes whole deflate streams (RFC 1951) from one buffer to another. It is reused to keep its
// tables, about 24 KiB; the zero value is ready. It must not be used by two goroutines at once.
//
// A block's symbols are decoded by a fast loop as long as both buffers have room for any symbol and what is read or
// written beyond it, and near their ends by a loop that checks each byte. See docs/inflate.md.
type Inflater struct {
	src  []byte // what is being decoded, or a piece of it
	in   int    // bytes of src moved into bits
	past int    // bytes of the pieces before src
	next Next   // nil where src is the last piece
	err  error  // of next
	bits uint64 // bits not yet consumed, the next one lowest
	n    uint   // how many of them are valid

	litlen litlenTable
	dist   distTable
	fixed  bool // the tables hold the fixed codes

	lens [maxLitlen + maxDist]uint8 // code lengths of the block
	safe bool                       // tests: decode without unsafe
}

// Next returns more input: a buffer that begins with tail, the few bytes not yet used, and holds further ones behind them.
// Just tail means that there is no more. The buffer is read until the next call.
type Next func(tail []byte) ([]byte, error)

// Zlib decodes the zlib stream (RFC 1950) at the start of src into dst, checks its Adler-32 and returns the number of
// bytes written. A stream of more than len(dst) bytes is ErrTooLarge, a broken one ErrCorrupt; dst may then
// hold part of the output. Bytes after the stream are ignored.
func (f *Inflater) Zlib(dst, src []byte) (n int, err error) { return f.zlib(dst, src, nil) }

// ZlibPieces is [Inflater.Zlib] for a stream that comes in pieces, of any length, so that it need not be in memory as a
// whole. An error of next is returned as it is.
func (f *Inflater) ZlibPieces(dst []byte, next Next) (n int, err error) {
	return f.zlib(dst, nil, next)
}

func (f *Inflater) zlib(dst, src []byte, next Next) (n int, err error) {
	f.begin(src, next)
	defer f.end()
	if !f.need(16) {
		return 0, f.fault(corrupt("zlib header", f.read()))
	}
	if head := bits.ReverseBytes16(uint16(f.take(16))); head>>8&15 != 8 || head>>12 > 7 || head%31 != 0 || head&0x20 != 0 {
		return 0, fmt.Errorf("inflate: %w: zlib header %04x", ErrCorrupt, head)
	}
	sum := uint32(1)
	if n, err = f.inflate(dst, &sum); err != nil {
		return n, f.fault(err)
	}
	f.take(f.n & 7)
	if !f.need(32) {
		return n, f.fault(corrupt("checksum", f.read()))
	}
	if want := bits.ReverseBytes32(uint32(f.take(32))); want != sum {
		return n, fmt.Errorf("inflate: %w: Adler-32 %08x, want %08x", ErrCorrupt, sum, want)
	}
	return n, nil
}

// Deflate decodes the raw deflate stream at the start of src into dst and returns the number of bytes written and
// read. Errors are as in [Inflater.Zlib].
func (f *Inflater) Deflate(dst, src []byte) (n, used int, err error) {
	f.begin(src, nil)
	defer f.end()
	n, err = f.inflate(dst, nil)
	if err != nil {
		return n, f.read(), err
	}
	return n, f.read() - int(f.n/8), nil
}

func (f *Inflater) begin(src []byte, next Next) {
	f.src, f.in, f.bits, f.n = src, 0, 0, 0
	f.past, f.next, f.err = 0, next, nil
}

func (f *Inflater) end() { f.src, f.next, f.err = nil, nil, nil }

// read returns how many bytes of input were moved into bits.
func (f *Inflater) read() int { return f.past + f.in }

// fault returns the error of the input, if it had one, in place of what that led to.
func (f *Inflater) fault(err error) error {
	if f.err != nil {
		return f.err
	}
	return err
}

// refill gets the next piece of input and tells whether there was one. Then less than a byte is left in bits: the
// rest is in src again, so that what normalize gives back always comes from there.
func (f *Inflater) refill() bool {
	if f.next == nil {
		return false
	}
	tail := f.src[f.in-int(f.n/8):]
	left := len(tail)
	piece, err := f.next(tail)
	if err != nil || len(piece) < left {
		f.next, f.err = nil, err
		return false
	}
	f.normalize()
	f.past += f.in
	f.src, f.in = piece, 0
	if len(piece) == left {
		f.next = nil
		return false
	}
	return true
}

// inflate decodes blocks up to the last. It continues an Adler-32 over each one's output while that is in the cache.
func (f *Inflater) inflate(dst []byte, sum *uint32) (out int, err error) {
	for last := false; !last; {
		if !f.need(3) {
			return out, corrupt("block header", f.read())
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
			err = corrupt("block type 3", f.read())
		}
		if err != nil {
			return out, err
		}
		if sum != nil {
			*sum = updateAdler32(*sum, dst[start:out])
		}
	}
	return out, nil
}

// block decodes the symbols of one block.
func (f *Inflater) block(dst []byte, out int) (int, error) {
	s := more
	for s == more {
		if haveUnsafe && !f.safe {
			out, s = f.fastUnsafe(dst, out)
		} else {
			out, s = f.fastSafe(dst, out)
		}
		if s == more && (len(f.src)-f.in >= inRoom || !f.refill()) {
			out, s = f.careful(dst, out)
		}
	}
	switch s {
	case noInput:
		return out, fmt.Errorf("inflate: %w: truncated after %d bytes", ErrCorrupt, f.read())
	case noOutput:
		return out, fmt.Errorf("inflate: %w: more than %d bytes", ErrTooLarge, len(dst))
	case badData:
		return out, corrupt("symbol", f.read())
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
	if !f.need(32) {
		return out, corrupt("stored block", f.read())
	}
	head := f.take(32)
	f.normalize() // need has taken at most what it was asked for, so no bits are left
	n := int(head & 0xffff)
	switch {
	case head&0xffff != ^head>>16&0xffff:
		return out, corrupt("length of a stored block", f.read())
	case n > len(dst)-out:
		return out, fmt.Errorf("inflate: %w: more than %d bytes", ErrTooLarge, len(dst))
	}
	for n > 0 {
		k := copy(dst[out:out+n], f.src[f.in:])
		f.in += k
		out += k
		if n -= k; n > 0 && !f.refill() {
			return out, fmt.Errorf("inflate: %w: truncated after %d bytes", ErrCorrupt, f.read())
		}
	}
	return out, nil
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
			if f.refill(); f.in == len(f.src) {
				return false
			}
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
