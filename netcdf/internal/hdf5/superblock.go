package hdf5

import (
	"errors"
	"io"
)

const signature = "\x89HDF\r\n\x1a\n"

// findSuperblock looks for the signature at 0, 512, 1024, 2048, ... (II.A) and returns its position.
func findSuperblock(r io.ReaderAt, size int64) (int64, error) {
	var b [len(signature)]byte
	for at := int64(0); at >= 0 && at+int64(len(b)) <= size; {
		if n, err := r.ReadAt(b[:], at); n < len(b) {
			return 0, err
		}
		if string(b[:]) == signature {
			return at, nil
		}
		if at == 0 {
			at = 512
		} else {
			at *= 2
		}
	}
	return 0, ErrFormat
}

// readSuperblock decodes the superblock (II.A) and, where there is one, its extension (II.C).
//
//	0, 1: signature 8, version 1, versions 3, offset size 1, length size 1, 0, leaf k 2, internal k 2, flags 4,
//	      [1: chunk k 2, 0 2], base, free space, end of file, driver: O each, root entry: name L, header O, ...
//	2, 3: signature 8, version 1, offset size 1, length size 1, flags 1, base, extension, end, root: O each, checksum 4
func (f *File) readSuperblock() error {
	const what = "superblock"
	b, err := f.read(0, min(f.size, 256), what)
	if err != nil {
		return err
	}
	c := f.cursor(b, 0, what)
	c.skip(len(signature))
	f.superVersion = c.u8()
	if f.superVersion > 3 {
		return unsupported("superblock version %d", f.superVersion)
	}
	old := f.superVersion < 2
	if old {
		c.skip(4)
	}
	f.offsetSize, f.lengthSize = int(c.u8()), int(c.u8())
	if c.err != nil {
		return c.err
	}
	for _, n := range []int{f.offsetSize, f.lengthSize} {
		if n != 2 && n != 4 && n != 8 {
			return unsupported("superblock: addresses of %d and lengths of %d bytes", f.offsetSize, f.lengthSize)
		}
	}
	c.osz, c.lsz = f.offsetSize, f.lengthSize
	extension := uint64(undef)
	var end uint64
	if old {
		c.skip(9)
		if f.superVersion == 1 {
			c.skip(4)
		}
		c.address() // base: where the signature was found counts
		c.address()
		end = c.address()
		driver := c.address()
		c.length()
		f.root = c.address()
		if err := f.checkDriver(driver); err != nil {
			return err
		}
	} else {
		c.skip(1)
		c.address()
		extension = c.address()
		end = c.address()
		f.root = c.address()
		if c.checksum() != nil {
			return c.err
		}
	}
	if c.err != nil {
		return c.err
	}
	// The stored end counts from the stored base; a file that is shorter was cut.
	cut := end != undef && end > f.size+uint64(f.base)
	if extension != undef {
		if err := f.readExtension(extension); err != nil && (!cut || errors.Is(err, ErrUnsupported)) {
			return err
		}
	}
	if cut {
		return corrupt(what, 0, "the file should have %d bytes but has %d: it was cut short", end, f.size+uint64(f.base))
	}
	if f.root == undef {
		return corrupt(what, 0, "no root group")
	}
	return nil
}

// readExtension reads the superblock extension (II.C), an object header.
func (f *File) readExtension(addr uint64) error {
	h, err := f.readHeader(addr)
	if err != nil {
		return err
	}
	for _, m := range h.msgs {
		switch m.typ {
		case msgSharedTable:
			err = f.readSharedTable(m)
		case msgDriverInfo: // version 1, id 8, size 2, information
			c := f.cursor(m.data, m.addr, "driver information message")
			c.skip(1)
			err = driverError(c.bytes(8))
		case msgCacheImage:
			err = f.readCacheImage(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkDriver reads the driver information block (II.B): version 1, 0 3, size 4, id 8, information.
func (f *File) checkDriver(addr uint64) error {
	if addr == undef {
		return nil
	}
	c, err := f.cursorAt(addr, 16, "driver information block")
	if err != nil {
		return err
	}
	c.skip(8)
	return driverError(c.bytes(8))
}

// driverError says that the file is one of several that make up an HDF5 file, if the driver's id says so.
func driverError(id []byte) error {
	switch string(id) {
	case "NCSAfami":
		return unsupported("file of several members (family driver)")
	case "NCSAmult":
		return unsupported("file of several parts (multi or split driver)")
	}
	return nil
}
