package hdf5

// fixedArray reads a fixed array index (VII.C): one element per chunk of the maximum shape, in pages if
// there are many.
//
//	header: "FAHD", version 1, client 1, element size 1, page bits 1, elements L, data block O, checksum 4
//	data block: "FADB", version 1, client 1, header O, [page bitmap], elements | nothing if paged, checksum 4
//	page: elements, checksum 4
func (r *indexReader) fixedArray() error {
	f := r.f
	c, err := f.cursorAt(r.l.indexAddr, uint64(12+f.lengthSize+f.offsetSize), "fixed array header")
	if err != nil {
		return err
	}
	if err := c.magic("FAHD"); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	client, size, pageBits := c.u8(), c.u8(), c.u8()
	n, addr := c.length(), c.address()
	if err := c.checksum(); err != nil {
		return err
	}
	width, err := r.entryWidth(c, client, size)
	if err != nil {
		return err
	}
	want := uint64(1)
	for _, g := range r.maxGrid {
		if g == 0 || want > 1<<62/g {
			return c.fail("unlimited or huge shape %v", r.space.Max)
		}
		want *= g
	}
	if n != want {
		return c.fail("%d elements for %d chunks", n, want)
	}
	if addr == undef {
		return nil
	}
	if pageBits == 0 || pageBits > 32 {
		return c.fail("pages of 2^%d elements", pageBits)
	}
	a := &arrayBlock{what: "fixed array data block", sig: "FADB", owner: r.l.indexAddr, client: client,
		elemSize: uint64(size), n: n, page: 1 << pageBits}
	if a.n > a.page {
		a.bitmap = (ceilDiv(a.n, a.page) + 7) / 8
	}
	coord := make([]uint64, len(r.grid))
	return f.arrayBlock(a, addr, func(i uint64, c *cursor) error {
		addr, size, mask := r.entry(c, width)
		for d := len(coord) - 1; d >= 0; d-- {
			coord[d], i = i%r.maxGrid[d], i/r.maxGrid[d]
		}
		return r.add(coord, addr, size, mask)
	})
}

// arrayBlock is a data block of a fixed or extensible array.
type arrayBlock struct {
	what, sig   string
	owner       uint64 // address of the header
	client      uint8
	elemSize, n uint64
	page        uint64 // elements of a page; the block is paged if it has more
	offsetLen   int    // extensible array: bytes of the block's offset in the array
	bitmap      uint64 // fixed array: bytes of the page bitmap inside the block
	pages       []byte // extensible array: the page bitmap, kept by the super block
}

// arrayBlock calls fn for each element of a data block, with its number in the block.
func (f *File) arrayBlock(a *arrayBlock, addr uint64, fn func(uint64, *cursor) error) error {
	paged := a.n > a.page
	if a.n > f.size/a.elemSize && !paged {
		return corrupt(a.what, addr, "%d elements of %d bytes", a.n, a.elemSize)
	}
	head := uint64(6+f.offsetSize+a.offsetLen) + a.bitmap
	size := head + 4
	if !paged {
		size += a.n * a.elemSize
	}
	c, err := f.cursorAt(addr, size, a.what)
	if err != nil {
		return err
	}
	if err := c.magic(a.sig); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	if client := c.u8(); client != a.client {
		return c.fail("elements of kind %d", client)
	}
	if owner := c.address(); owner != a.owner {
		return c.fail("belongs to an array at %#x", owner)
	}
	c.skip(a.offsetLen)
	bitmap := a.pages
	if a.bitmap > 0 {
		bitmap = c.bytes(int(a.bitmap))
	}
	start := c.at
	c.at = len(c.b) - 4
	if err := c.checksum(); err != nil {
		return err
	}
	if !paged {
		c.at = start
		for i := range a.n {
			if err := fn(i, c); err != nil {
				return err
			}
			if c.err != nil {
				return c.err
			}
		}
		return nil
	}
	pageBytes := a.page*a.elemSize + 4
	for p := uint64(0); p*a.page < a.n; p++ {
		if p/8 >= uint64(len(bitmap)) {
			return corrupt(a.what, addr, "page bitmap of %d bytes", len(bitmap))
		}
		if bitmap[p/8]&(0x80>>(p%8)) == 0 {
			continue // never written
		}
		count := min(a.page, a.n-p*a.page)
		c, err := f.cursorAt(addr+size+p*pageBytes, count*a.elemSize+4, a.what+" page")
		if err != nil {
			return err
		}
		c.at = len(c.b) - 4
		if err := c.checksum(); err != nil {
			return err
		}
		c.at = 0
		for i := range count {
			if err := fn(p*a.page+i, c); err != nil {
				return err
			}
			if c.err != nil {
				return c.err
			}
		}
	}
	return nil
}
