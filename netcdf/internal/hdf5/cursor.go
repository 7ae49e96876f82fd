package hdf5

import (
	"bytes"
	"encoding/binary"

	"healpipe/internal/codec"
)

// cursor decodes a structure's bytes front to back. The first read past the end sets err and every later
// read returns zero, so that callers check once, before they use what they read.
type cursor struct {
	b    []byte
	at   int
	addr uint64 // of b[0] in the file, for errors
	what string
	osz  int // size of addresses
	lsz  int // size of lengths
	err  error
}

// cursorAt reads n bytes at addr and returns a cursor over them.
func (f *File) cursorAt(addr, n uint64, what string) (*cursor, error) {
	b, err := f.read(addr, n, what)
	if err != nil {
		return nil, err
	}
	return f.cursor(b, addr, what), nil
}

// cursor returns a cursor over bytes that were read from addr.
func (f *File) cursor(b []byte, addr uint64, what string) *cursor {
	return &cursor{b: b, addr: addr, what: what, osz: f.offsetSize, lsz: f.lengthSize}
}

// fail records an error at the current position.
func (c *cursor) fail(format string, args ...any) error {
	if c.err == nil {
		c.err = corrupt(c.what, c.addr+uint64(c.at), format, args...)
	}
	return c.err
}

// left returns the number of bytes not yet read.
func (c *cursor) left() int { return len(c.b) - c.at }

// bytes returns the next n bytes, not copied; nil at an error.
func (c *cursor) bytes(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > c.left() {
		c.fail("%d bytes wanted, %d left", n, c.left())
		return nil
	}
	p := c.b[c.at : c.at+n : c.at+n]
	c.at += n
	return p
}

func (c *cursor) skip(n int) { c.bytes(n) }

func (c *cursor) u8() uint8 {
	if p := c.bytes(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.bytes(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.bytes(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.bytes(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// uint reads an integer of n bytes, at most 8.
func (c *cursor) uint(n int) uint64 {
	var v uint64
	for i, b := range c.bytes(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// address reads an address; all bits set is undef.
func (c *cursor) address() uint64 {
	v := c.uint(c.osz)
	if c.osz < 8 && v == 1<<(8*c.osz)-1 {
		return undef
	}
	return v
}

// length reads a length.
func (c *cursor) length() uint64 { return c.uint(c.lsz) }

// cstring reads up to a NUL, which it swallows.
func (c *cursor) cstring() string {
	if c.err != nil {
		return ""
	}
	n := bytes.IndexByte(c.b[c.at:], 0)
	if n < 0 {
		c.fail("name without end")
		return ""
	}
	s := string(c.b[c.at : c.at+n])
	c.at += n + 1
	return s
}

// magic checks a signature.
func (c *cursor) magic(sig string) error {
	if p := c.bytes(len(sig)); c.err == nil && string(p) != sig {
		c.fail("signature %q where %q should be", p, sig)
	}
	return c.err
}

// version checks a version byte.
func (c *cursor) version(want uint8) error {
	if v := c.u8(); c.err == nil && v != want {
		c.err = unsupported("%s at %#x: version %d", c.what, c.addr, v)
	}
	return c.err
}

// checksum verifies that the next four bytes are the checksum of everything before them.
func (c *cursor) checksum() error {
	n := c.at
	want := c.u32()
	if c.err == nil {
		if sum := codec.Lookup3(c.b[:n]); sum != want {
			c.err = &ChecksumError{c.what, c.addr + uint64(n), sum}
		}
	}
	return c.err
}
