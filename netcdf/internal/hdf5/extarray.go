package hdf5

import "math/bits"

// eaParams are the creation parameters of an extensible array.
type eaParams struct {
	maxBits, inIndex, minPointers, minElements, pageBits uint8
}

// extArray is an extensible array index (VII.D) while it is read.
type extArray struct {
	*indexReader
	eaParams
	header    uint64
	client    uint8
	elemSize  uint64
	width     int
	offsetLen int
	unlimited int
	limit     uint64 // number of elements that can matter: those of the current shape
	seen      map[uint64]bool
}

// extensibleArray reads the index: the index block holds the first elements, then addresses of data blocks
// that double in size, then addresses of super blocks, each of which lists data blocks.
//
//	header: "EAHD", version 1, client 1, element size 1, maximum bits 1, elements in the index block 1, minimum
//	elements of a data block 1, minimum pointers of a super block 1, page bits 1, statistics 6 L, index block O, checksum 4
//	index block: "EAIB", version 1, client 1, header O, elements, data blocks O each, super blocks O each, checksum 4
func (r *indexReader) extensibleArray() error {
	f := r.f
	c, err := f.cursorAt(r.l.indexAddr, uint64(16+6*f.lengthSize+f.offsetSize), "extensible array header")
	if err != nil {
		return err
	}
	if err := c.magic("EAHD"); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	a := &extArray{indexReader: r, header: r.l.indexAddr, unlimited: -1, seen: map[uint64]bool{}}
	a.client, a.elemSize = c.u8(), uint64(c.u8())
	a.maxBits, a.inIndex, a.minElements, a.minPointers, a.pageBits = c.u8(), c.u8(), c.u8(), c.u8(), c.u8()
	c.skip(6 * f.lengthSize)
	index := c.address()
	if err := c.checksum(); err != nil {
		return err
	}
	if a.width, err = r.entryWidth(c, a.client, uint8(a.elemSize)); err != nil {
		return err
	}
	pow2 := func(n uint8) bool { return n > 0 && n&(n-1) == 0 }
	if a.maxBits == 0 || a.maxBits > 64 || !pow2(a.minElements) || !pow2(a.minPointers) || a.pageBits > 32 ||
		bits.Len8(a.minElements)-1 > int(a.maxBits) {
		return c.fail("parameters %v", a.eaParams)
	}
	a.offsetLen = (int(a.maxBits) + 7) / 8
	a.limit = 1
	for i, m := range r.maxGrid {
		switch {
		case m == 0 && a.unlimited >= 0:
			return c.fail("two unlimited dimensions")
		case m == 0:
			a.unlimited, m = i, r.grid[i]
		}
		if m > 0 && a.limit > 1<<62/m {
			return c.fail("huge shape %v", r.space.Max)
		}
		a.limit *= m
	}
	if a.unlimited < 0 {
		return c.fail("no unlimited dimension")
	}
	if index == undef {
		return nil
	}
	return a.indexBlock(index)
}

// element takes over the element with number i, whose bytes c has next.
func (a *extArray) element(i uint64, c *cursor, coord []uint64) error {
	addr, size, mask := a.entry(c, a.width)
	if addr == undef {
		return nil
	}
	for d := len(coord) - 1; d >= 0; d-- {
		if d != a.unlimited {
			coord[d], i = i%a.maxGrid[d], i/a.maxGrid[d]
		}
	}
	coord[a.unlimited] = i
	return a.add(coord, addr, size, mask)
}

// super describes the u-th super block: 2^(u/2) data blocks of 2^((u+1)/2) times the minimum elements each.
func (a *extArray) super(u int) (blocks, elements uint64) {
	return 1 << (u / 2), uint64(a.minElements) << ((u + 1) / 2)
}

func (a *extArray) indexBlock(addr uint64) error {
	const what = "extensible array index block"
	f := a.f
	supers := 1 + int(a.maxBits) - (bits.Len8(a.minElements) - 1)
	direct := 2 * (bits.Len8(a.minPointers) - 1) // super blocks whose data blocks the index block itself lists
	nBlocks := 2 * (int(a.minPointers) - 1)
	nSupers := max(supers-direct, 0)
	head := 6 + f.offsetSize
	size := head + int(a.inIndex)*int(a.elemSize) + (nBlocks+nSupers)*f.offsetSize + 4
	c, err := f.cursorAt(addr, uint64(size), what)
	if err != nil {
		return err
	}
	if err := a.blockHead(c, "EAIB"); err != nil {
		return err
	}
	start := c.at
	c.at = len(c.b) - 4
	if err := c.checksum(); err != nil {
		return err
	}
	c.at = start
	coord := make([]uint64, len(a.grid))
	next := uint64(0)
	for range a.inIndex {
		if err := a.element(next, c, coord); err != nil {
			return err
		}
		next++
	}
	left := nBlocks
	for u := 0; u < direct && u < supers; u++ {
		blocks, elements := a.super(u)
		for ; blocks > 0 && left > 0; blocks, left = blocks-1, left-1 {
			if err := a.dataBlock(c.address(), next, elements, nil, coord); err != nil {
				return err
			}
			next += elements
		}
	}
	for u := direct; u < supers; u++ {
		super := c.address()
		if c.err != nil {
			return c.err
		}
		blocks, elements := a.super(u)
		if super != undef && next < a.limit {
			if err := a.superBlock(super, next, blocks, elements, coord); err != nil {
				return err
			}
		}
		if next += blocks * elements; next >= a.limit {
			return nil
		}
	}
	return c.err
}

// blockHead checks what the blocks of an array start with.
func (a *extArray) blockHead(c *cursor, sig string) error {
	if err := c.magic(sig); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	if client := c.u8(); client != a.client {
		return c.fail("elements of kind %d", client)
	}
	if owner := c.address(); owner != a.header {
		return c.fail("belongs to an array at %#x", owner)
	}
	return c.err
}

// superBlock reads: "EASB", version 1, client 1, header O, offset, [page bitmaps], data blocks O each, checksum 4.
func (a *extArray) superBlock(addr, next, blocks, elements uint64, coord []uint64) error {
	const what = "extensible array super block"
	f := a.f
	bitmap := uint64(0)
	if page := uint64(1) << a.pageBits; elements > page {
		bitmap = (elements/page + 7) / 8
	}
	if blocks > f.size/uint64(f.offsetSize) || bitmap > f.size/blocks {
		return corrupt(what, addr, "%d data blocks", blocks)
	}
	if a.seen[addr] {
		return corrupt(what, addr, "is used twice")
	}
	a.seen[addr] = true
	size := uint64(6+f.offsetSize+a.offsetLen) + blocks*(bitmap+uint64(f.offsetSize)) + 4
	c, err := f.cursorAt(addr, size, what)
	if err != nil {
		return err
	}
	if err := a.blockHead(c, "EASB"); err != nil {
		return err
	}
	c.skip(a.offsetLen)
	start := c.at
	c.at = len(c.b) - 4
	if err := c.checksum(); err != nil {
		return err
	}
	c.at = start
	bitmaps := c.bytes(int(blocks * bitmap))
	for i := range blocks {
		if next >= a.limit {
			return nil
		}
		pages := bitmaps[i*bitmap : (i+1)*bitmap]
		if err := a.dataBlock(c.address(), next, elements, pages, coord); err != nil {
			return err
		}
		next += elements
	}
	return c.err
}

// dataBlock reads: "EADB", version 1, client 1, header O, offset, elements | nothing if paged, checksum 4.
func (a *extArray) dataBlock(addr, next, elements uint64, pages []byte, coord []uint64) error {
	if addr == undef || next >= a.limit {
		return nil
	}
	if a.seen[addr] {
		return corrupt("extensible array data block", addr, "is used twice")
	}
	if err := a.f.take(16); err != nil {
		return err
	}
	a.seen[addr] = true
	b := &arrayBlock{what: "extensible array data block", sig: "EADB", owner: a.header, client: a.client,
		elemSize: a.elemSize, n: elements, page: 1 << a.pageBits, offsetLen: a.offsetLen, pages: pages}
	return a.f.arrayBlock(b, addr, func(i uint64, c *cursor) error {
		return a.element(next+i, c, coord)
	})
}
