package hdf5

// sharedIndex is one index of the shared message table: messages of the types in its mask live in a
// fractal heap of their own.
type sharedIndex struct {
	types uint16
	heap  uint64
}

// readSharedTable reads the table that a shared message table message points to (III.H, IV.A.2.p).
//
//	"SMTB", per index: version 1, type 1, message types 2, minimum size 4, cutoffs 2 2, messages 2, index O, heap O; checksum 4
func (f *File) readSharedTable(m message) error {
	c := f.cursor(m.data, m.addr, "shared message table message")
	if err := c.version(0); err != nil {
		return err
	}
	addr, n := c.address(), int(c.u8())
	if c.err != nil {
		return c.err
	}
	c, err := f.cursorAt(addr, uint64(4+n*(14+2*f.offsetSize)+4), "shared message table")
	if err != nil {
		return err
	}
	if err := c.magic("SMTB"); err != nil {
		return err
	}
	for range n {
		c.skip(2)
		types := c.u16()
		c.skip(10)
		c.address()
		f.shared = append(f.shared, sharedIndex{types, c.address()})
	}
	return c.checksum()
}

// resolve follows a shared message (IV.A.2, "shared message") to the real one.
func (f *File) resolve(m message, depth int) (message, error) {
	if m.flags&flagShared == 0 {
		return m, nil
	}
	if depth > 4 {
		return m, corrupt("shared message", m.addr, "refers to shared messages without end")
	}
	c := f.cursor(m.data, m.addr, "shared message")
	version, typ := c.u8(), c.u8()
	switch version {
	case 1:
		c.skip(6 + f.lengthSize)
	case 2, 3:
		if version == 3 && typ == 1 {
			return f.sharedInHeap(m, c)
		}
	default:
		if c.err == nil {
			c.err = unsupported("shared message at %#x: version %d", m.addr, version)
		}
	}
	addr := c.address()
	if c.err != nil {
		return m, c.err
	}
	h, err := f.readHeader(addr)
	if err != nil {
		return m, err
	}
	for _, t := range h.msgs {
		if t.typ == m.typ {
			return f.resolve(t, depth+1)
		}
	}
	return m, corrupt("object header", addr, "lacks the message of type %#x that another object shares", m.typ)
}

// sharedInHeap fetches a message from the fractal heap of the shared message table.
func (f *File) sharedInHeap(m message, c *cursor) (message, error) {
	id := c.bytes(8)
	if c.err != nil {
		return m, c.err
	}
	for _, s := range f.shared {
		if s.types&(1<<m.typ) == 0 {
			continue
		}
		h, err := f.openFractalHeap(s.heap)
		if err != nil {
			return m, err
		}
		data, err := h.get(id)
		if err != nil {
			return m, err
		}
		return message{typ: m.typ, order: m.order, addr: s.heap, data: data}, nil
	}
	return m, corrupt("shared message", m.addr, "no shared message index for type %#x", m.typ)
}

// committedAddr returns the address of the committed datatype that a shared message refers to, or undef.
func (f *File) committedAddr(m message) uint64 {
	if m.flags&flagShared == 0 {
		return undef
	}
	c := f.cursor(m.data, m.addr, "shared message")
	version, typ := c.u8(), c.u8()
	if version == 3 && typ == 1 {
		return undef
	}
	if version == 1 {
		c.skip(6 + f.lengthSize)
	}
	if addr := c.address(); c.err == nil {
		return addr
	}
	return undef
}
