package hdf5

import (
	"math/bits"

	"healpipe/internal/codec"
)

// fractalHeap is a fractal heap (III.G): objects of any size, found by an id. Managed objects lie in direct
// blocks, which a doubling table of indirect blocks lists; huge ones in the file by themselves, indexed by a
// B-tree 2; tiny ones inside their id.
type fractalHeap struct {
	f           *File
	addr        uint64
	idLen       int
	filters     []Filter
	checksummed bool // direct blocks
	hugeTree    uint64
	width       int
	startSize   uint64
	maxDirect   uint64
	maxManaged  uint64
	heapBits    int
	root        uint64
	rootRows    int
	rootSize    uint64 // stored size of a filtered direct root block
	rootMask    uint32
	offLen      int // bytes of a heap offset
	lenLen      int // bytes of a managed object's length in its id

	last     []byte // data of the direct block read last, filters undone
	lastAddr uint64
}

// openFractalHeap reads a heap's header.
//
//	"FRHP", version 1, id length 2, filter length 2, flags 1, maximum managed 4, next huge id L, huge tree O,
//	free space L, free manager O, managed L, allocated L, iterator L, objects L, huge size L, huge L, tiny size L,
//	tiny L, table width 2, start size L, maximum direct L, heap bits 2, start rows 2, root O, root rows 2,
//	[root size L, root mask 4, filters], checksum 4
func (f *File) openFractalHeap(addr uint64) (*fractalHeap, error) {
	const what = "fractal heap header"
	size := uint64(26 + 12*f.lengthSize + 3*f.offsetSize)
	c, err := f.cursorAt(addr, size, what)
	if err != nil {
		return nil, err
	}
	if err := c.magic("FRHP"); err != nil {
		return nil, err
	}
	if err := c.version(0); err != nil {
		return nil, err
	}
	h := &fractalHeap{f: f, addr: addr, lastAddr: undef}
	h.idLen = int(c.u16())
	filterLen := int(c.u16())
	if filterLen > 0 { // read again with the part that depends on it
		if c, err = f.cursorAt(addr, size+uint64(f.lengthSize+4+filterLen), what); err != nil {
			return nil, err
		}
		c.skip(9)
	}
	flags := c.u8()
	h.checksummed = flags&2 != 0
	h.maxManaged = uint64(c.u32())
	c.length()
	h.hugeTree = c.address()
	c.length()
	c.address()
	c.skip(8 * f.lengthSize)
	h.width = int(c.u16())
	h.startSize, h.maxDirect = c.length(), c.length()
	h.heapBits = int(c.u16())
	c.u16()
	h.root = c.address()
	h.rootRows = int(c.u16())
	if filterLen > 0 {
		h.rootSize, h.rootMask = c.length(), c.u32()
		at := c.addr + uint64(c.at)
		if h.filters, err = f.parseFilters(c.bytes(filterLen), at); err != nil {
			return nil, err
		}
	}
	if err := c.checksum(); err != nil {
		return nil, err
	}
	pow2 := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	if h.width == 0 || !pow2(uint64(h.width)) || !pow2(h.startSize) || !pow2(h.maxDirect) || h.maxDirect < h.startSize ||
		h.maxDirect > 1<<31 || h.heapBits == 0 || h.heapBits > 64 || h.idLen == 0 {
		return nil, c.fail("table of width %d, blocks from %d to %d bytes, %d bits", h.width, h.startSize, h.maxDirect, h.heapBits)
	}
	h.offLen = (h.heapBits + 7) / 8
	h.lenLen = min((bits.Len64(h.maxDirect)+6)/8, encodedSize(h.maxManaged))
	return h, nil
}

// get returns the object of an id. The caller must not change it; it is valid until the next get.
func (h *fractalHeap) get(id []byte) ([]byte, error) {
	if len(id) == 0 || len(id) < h.idLen && id[0]>>4&3 != 0 {
		return nil, corrupt("fractal heap", h.addr, "id of %d bytes", len(id))
	}
	if id[0]>>6 != 0 {
		return nil, unsupported("fractal heap at %#x: id version %d", h.addr, id[0]>>6)
	}
	switch id[0] >> 4 & 3 {
	case 0:
		return h.managed(id)
	case 1:
		return h.huge(id)
	case 2:
		return h.tiny(id)
	}
	return nil, corrupt("fractal heap", h.addr, "id of unknown type")
}

func (h *fractalHeap) tiny(id []byte) ([]byte, error) {
	n, at := int(id[0]&15)+1, 1
	if h.idLen > 18 { // longer lengths take another byte
		n, at = int(id[0]&15)<<8+int(id[1])+1, 2
	}
	if n > len(id)-at {
		return nil, corrupt("fractal heap", h.addr, "tiny object of %d bytes", n)
	}
	return id[at : at+n], nil
}

func (h *fractalHeap) managed(id []byte) ([]byte, error) {
	c := h.f.cursor(id, h.addr, "fractal heap id")
	c.skip(1)
	off, n := c.uint(h.offLen), c.uint(h.lenLen)
	if c.err != nil {
		return nil, c.err
	}
	var block []byte
	var start uint64
	var err error
	if h.rootRows == 0 {
		size := h.rootSize
		if h.filters == nil {
			size = h.startSize
		}
		block, err = h.direct(h.root, 0, h.startSize, size, h.rootMask)
	} else {
		block, start, err = h.locate(off)
	}
	if err != nil {
		return nil, err
	}
	if off -= start; off > uint64(len(block)) || n > uint64(len(block))-off {
		return nil, corrupt("fractal heap", h.addr, "object of %d bytes at %d of a block of %d", n, off, len(block))
	}
	return block[off : off+n], nil
}

// rowSize returns the size of the blocks in a row of a doubling table.
func (h *fractalHeap) rowSize(row int) uint64 {
	if row <= 1 {
		return h.startSize
	}
	if row > 63 {
		return 0
	}
	return h.startSize << (row - 1)
}

// locate walks the indirect blocks down to the direct block that holds a heap offset.
//
//	"FHIB", version 1, heap O, offset, per direct block: address O, [size L, mask 4 if filtered], per indirect
//	block: address O; checksum 4
func (h *fractalHeap) locate(off uint64) (block []byte, start uint64, err error) {
	const what = "fractal heap indirect block"
	f := h.f
	directRows := bits.Len64(h.maxDirect) - bits.Len64(h.startSize) + 2
	addr, rows := h.root, h.rootRows
	for range 64 {
		if rows > directRows+64 {
			return nil, 0, corrupt(what, addr, "%d rows", rows)
		}
		// The row and column of the block with off, counted from this indirect block's start.
		rel := off - start
		row, rowStart := 0, uint64(0)
		for ; row < rows; row++ {
			span := h.rowSize(row) * uint64(h.width)
			if rel-rowStart < span {
				break
			}
			rowStart += span
		}
		if row == rows {
			return nil, 0, corrupt(what, addr, "offset %d lies outside the heap", off)
		}
		size := h.rowSize(row)
		if size == 0 {
			return nil, 0, corrupt(what, addr, "%d rows", rows)
		}
		col := int((rel - rowStart) / size)
		directEntry := f.offsetSize
		if h.filters != nil {
			directEntry += f.lengthSize + 4
		}
		nDirect := min(rows, directRows) * h.width
		nIndirect := max(rows-directRows, 0) * h.width
		head := 5 + f.offsetSize + h.offLen
		c, err := f.cursorAt(addr, uint64(head+nDirect*directEntry+nIndirect*f.offsetSize+4), what)
		if err != nil {
			return nil, 0, err
		}
		if err := c.magic("FHIB"); err != nil {
			return nil, 0, err
		}
		if err := c.version(0); err != nil {
			return nil, 0, err
		}
		if owner := c.address(); owner != h.addr {
			return nil, 0, c.fail("belongs to a heap at %#x", owner)
		}
		c.at = len(c.b) - 4
		if err := c.checksum(); err != nil {
			return nil, 0, err
		}
		entry := row*h.width + col
		start += rowStart + uint64(col)*size
		if row < directRows {
			c.at = head + entry*directEntry
			child, stored, mask := c.address(), size, uint32(0)
			if h.filters != nil {
				stored, mask = c.length(), c.u32()
			}
			if c.err != nil {
				return nil, 0, c.err
			}
			block, err := h.direct(child, start, size, stored, mask)
			return block, start, err
		}
		c.at = head + nDirect*directEntry + (entry-nDirect)*f.offsetSize
		if addr = c.address(); c.err != nil {
			return nil, 0, c.err
		}
		// An indirect block of that size has as many rows as sum up to it.
		rows = bits.Len64(size) - bits.Len64(h.startSize*uint64(h.width)) + 1
		if rows < 1 {
			return nil, 0, corrupt(what, addr, "indirect block of %d bytes", size)
		}
	}
	return nil, 0, corrupt(what, addr, "nested too deeply")
}

// direct reads a direct block of size bytes (stored ones of them in the file) at a heap offset.
//
//	"FHDB", version 1, heap O, offset, [checksum 4], objects
func (h *fractalHeap) direct(addr, start, size, stored uint64, mask uint32) ([]byte, error) {
	const what = "fractal heap direct block"
	if addr == h.lastAddr && h.last != nil {
		return h.last, nil
	}
	b, err := h.f.read(addr, stored, what)
	if err != nil {
		return nil, err
	}
	if h.filters != nil {
		if b, err = h.f.decodeAll(h.filters, mask, b, int(size)); err != nil {
			return nil, err
		}
		if uint64(len(b)) != size {
			return nil, corrupt(what, addr, "%d bytes after its filters where %d should be", len(b), size)
		}
	}
	c := h.f.cursor(b, addr, what)
	if err := c.magic("FHDB"); err != nil {
		return nil, err
	}
	if err := c.version(0); err != nil {
		return nil, err
	}
	if owner := c.address(); owner != h.addr {
		return nil, c.fail("belongs to a heap at %#x", owner)
	}
	if at := c.uint(h.offLen); c.err == nil && at != start {
		return nil, c.fail("has offset %d where %d should be", at, start)
	}
	if h.checksummed {
		// The checksum is that of the whole block with the checksum itself zero.
		at := c.at
		want := c.u32()
		if c.err != nil {
			return nil, c.err
		}
		clear(b[at : at+4])
		switch sum := codec.Lookup3(b); {
		case sum != want && h.filters != nil:
			return nil, c.fail("checksum is wrong")
		case sum != want:
			return nil, &ChecksumError{what, addr + uint64(at), sum}
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	h.last, h.lastAddr = b, addr
	return b, nil
}

// huge returns an object that lies in the file by itself.
func (h *fractalHeap) huge(id []byte) ([]byte, error) {
	f := h.f
	direct := f.offsetSize + f.lengthSize
	if h.filters != nil {
		direct += 4 + f.lengthSize
	}
	type object struct {
		addr, size, decoded uint64
		mask                uint32
	}
	read := func(c *cursor) (o object) {
		o.addr, o.size = c.address(), c.length()
		if h.filters != nil {
			o.mask, o.decoded = c.u32(), c.length()
		}
		return o
	}
	c := f.cursor(id, h.addr, "fractal heap id")
	c.skip(1)
	var o object
	if h.idLen-1 >= direct {
		o = read(c)
	} else {
		want := c.uint(min(h.idLen-1, 8))
		typ, found := uint8(1), false
		if h.filters != nil {
			typ = 2
		}
		err := f.walkBtree2(h.hugeTree, typ, func(r *cursor) error {
			ro := read(r)
			if key := r.length(); r.err == nil && key == want {
				o, found = ro, true
			}
			return r.err
		})
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, corrupt("fractal heap", h.addr, "no huge object %d", want)
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	b, err := f.read(o.addr, o.size, "huge object of a fractal heap")
	if err != nil || h.filters == nil {
		return b, err
	}
	if err := f.fits(o.decoded, "huge object of a fractal heap"); err != nil {
		return nil, err
	}
	return f.decodeAll(h.filters, o.mask, b, int(o.decoded))
}
