package hdf5

// oldLinks reads a group of the old style (III.A.1, III.B, III.C): a symbol table message names a B-tree 1,
// whose leaves are symbol table nodes, and a local heap with the names.
func (f *File) oldLinks(m message) ([]Link, error) {
	c := f.cursor(m.data, m.addr, "symbol table message")
	tree, heapAddr := c.address(), c.address()
	if c.err != nil {
		return nil, c.err
	}
	heap, err := f.readLocalHeap(heapAddr)
	if err != nil {
		return nil, err
	}
	var links []Link
	err = f.walkBtree1(tree, 0, f.lengthSize, func(_ *cursor, child uint64) error {
		links, err = f.symbolNode(child, heap, links)
		return err
	})
	return links, err
}

// symbolNode reads a symbol table node and appends its links.
//
//	"SNOD", version 1, 0 1, symbols 2; each: name offset L, header O, cache type 4, 0 4, scratch 16
func (f *File) symbolNode(addr uint64, heap []byte, links []Link) ([]Link, error) {
	const what = "symbol table node"
	c, err := f.cursorAt(addr, 8, what)
	if err != nil {
		return links, err
	}
	if err := c.magic("SNOD"); err != nil {
		return links, err
	}
	if err := c.version(1); err != nil {
		return links, err
	}
	c.skip(1)
	n := int(c.u16())
	if c, err = f.cursorAt(addr+8, uint64(n*(f.lengthSize+f.offsetSize+24)), what); err != nil {
		return links, err
	}
	for range n {
		var l Link
		name := c.length()
		l.Addr = c.address()
		cache := c.u32()
		c.skip(4)
		scratch := f.cursor(c.bytes(16), addr, what)
		if c.err != nil {
			return links, c.err
		}
		if l.Name, err = heapString(heap, name, addr); err != nil {
			return links, err
		}
		if cache == 2 { // a symbolic link; the scratch space has the offset of its value
			l.Type = SoftLink
			if l.Target, err = heapString(heap, uint64(scratch.u32()), addr); err != nil {
				return links, err
			}
		}
		if err := f.take(int64(len(l.Name)+len(l.Target)) + 64); err != nil {
			return links, err
		}
		links = append(links, l)
	}
	return links, nil
}

// readLocalHeap returns the data segment of a local heap (III.D).
//
//	"HEAP", version 1, 0 3, size L, free list L, data O
func (f *File) readLocalHeap(addr uint64) ([]byte, error) {
	c, err := f.cursorAt(addr, uint64(8+2*f.lengthSize+f.offsetSize), "local heap")
	if err != nil {
		return nil, err
	}
	if err := c.magic("HEAP"); err != nil {
		return nil, err
	}
	if err := c.version(0); err != nil {
		return nil, err
	}
	c.skip(3)
	size := c.length()
	c.length()
	data := c.address()
	if c.err != nil {
		return nil, c.err
	}
	return f.read(data, size, "local heap data")
}

// heapString returns the string at an offset of a local heap's data.
func heapString(heap []byte, off, addr uint64) (string, error) {
	if off < uint64(len(heap)) {
		for i := off; i < uint64(len(heap)); i++ {
			if heap[i] == 0 {
				return string(heap[off:i]), nil
			}
		}
	}
	return "", corrupt("symbol table node", addr, "name at %d of a local heap of %d bytes", off, len(heap))
}
