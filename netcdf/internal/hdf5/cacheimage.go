package hdf5

// patch is a structure whose bytes in its own place are stale.
type patch struct {
	addr uint64
	data []byte
}

// patch puts what the cache image holds over n bytes that were read from addr.
func (s *source) patch(b []byte, addr uint64) {
	end := addr + uint64(len(b))
	for _, p := range s.patches {
		if p.addr >= end || p.addr+uint64(len(p.data)) <= addr {
			continue
		}
		if p.addr >= addr {
			copy(b[p.addr-addr:], p.data)
		} else {
			copy(b, p.data[addr-p.addr:])
		}
	}
}

// readCacheImage reads the metadata cache image: structures that the writer had in memory when it closed the file and
// left in one block instead of in their places. The message: version 1, block O, size L. The block:
//
//	"MDCI", version 1, flags 1, size L, entries 4, entries, checksum 4; each: type 1, flags 1, ring 1, age 1,
//	counts of children and dirty children 2 2, of parents 2, rank 4, address O, size L, parents O each, bytes
func (f *File) readCacheImage(m message) error {
	c := f.cursor(m.data, m.addr, "cache image message")
	if err := c.version(0); err != nil {
		return err
	}
	addr, size := c.address(), c.length()
	if c.err != nil || addr == undef || size == 0 {
		return c.err
	}
	c, err := f.cursorAt(addr, size, "cache image")
	if err != nil {
		return err
	}
	if err := f.take(int64(size)); err != nil {
		return err
	}
	if err := c.magic("MDCI"); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	c.skip(1)
	if n := c.length(); c.err == nil && n > size {
		return c.fail("image of %d bytes in a block of %d", n, size)
	}
	var list []patch
	for n := c.u32(); n > 0 && c.err == nil; n-- {
		c.skip(8)
		parents := int(c.u16())
		c.skip(4)
		p := patch{addr: c.address()}
		n := c.length()
		c.skip(parents * f.offsetSize)
		if c.err == nil && n > uint64(c.left()) {
			return c.fail("entry of %d bytes", n)
		}
		if p.data = c.bytes(int(n)); c.err != nil {
			return c.err
		}
		if err := f.check(p.addr, n, "structure of the cache image"); err != nil {
			return err
		}
		if err := f.take(64); err != nil {
			return err
		}
		list = append(list, p)
	}
	if err := c.checksum(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.patches, f.pages, f.order = list, nil, nil // pages read so far lack the patches
	return nil
}
