package hdf5

// Types of header messages (IV.A.2).
const (
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgOldFill      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgExternal     = 0x07
	msgLayout       = 0x08
	msgGroupInfo    = 0x0a
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgSharedTable  = 0x0f
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgDriverInfo   = 0x14
	msgAttrInfo     = 0x15
	msgCacheImage   = 0x18
)

const (
	flagShared      = 0x02 // the message's body says where the real one is
	flagFailUnknown = 0x80 // a reader that does not know the type must give up
	maxKnownMessage = 0x18
)

// message is one header message.
type message struct {
	typ   uint16
	flags uint8
	order uint16 // creation order, where the header tracks it
	addr  uint64 // of data
	data  []byte
}

// header is an object header with all its continuations.
type header struct {
	addr    uint64
	version int
	ordered bool // messages have a creation order
	msgs    []message
}

func (h *header) has(typ uint16) bool {
	for _, m := range h.msgs {
		if m.typ == typ {
			return true
		}
	}
	return false
}

type block struct{ addr, size uint64 }

// readHeader reads an object header of either version (IV.A.1) with its continuation blocks.
//
//	1: version 1, 0 1, messages 2, references 4, size 4, 0 4, messages; each: type 2, size 2, flags 1, 0 3, data
//	2: "OHDR", version 1, flags 1, [times 16], [attribute limits 4], size 1 2 4 or 8, messages, checksum 4;
//	   each: type 1, size 2, flags 1, [creation order 2], data
func (f *File) readHeader(addr uint64) (*header, error) {
	const what = "object header"
	if addr == undef || addr >= f.size {
		return nil, corrupt(what, addr, "lies outside the file")
	}
	b, err := f.read(addr, min(32, f.size-addr), what)
	if err != nil {
		return nil, err
	}
	h := &header{addr: addr}
	c := f.cursor(b, addr, what)
	if len(b) >= 4 && string(b[:4]) == "OHDR" {
		err = f.readHeader2(c, h)
	} else {
		err = f.readHeader1(c, h)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (f *File) readHeader1(c *cursor, h *header) error {
	h.version = 1
	if err := c.version(1); err != nil {
		return err
	}
	c.skip(1 + 2 + 4) // the number of messages may be wrong: the blocks' ends count, as for the library
	size := uint64(c.u32())
	if c.err != nil {
		return c.err
	}
	return f.readBlocks(h, block{h.addr + 16, size}, func(b block) ([]block, error) {
		return f.readMessages1(h, b)
	})
}

// readBlocks reads the first block of messages and those that its continuation messages name.
func (f *File) readBlocks(h *header, first block, read func(block) ([]block, error)) error {
	seen := map[uint64]bool{}
	for queue := []block{first}; len(queue) > 0; queue = queue[1:] {
		b := queue[0]
		if seen[b.addr] {
			return corrupt("object header", h.addr, "continuation blocks form a loop at %#x", b.addr)
		}
		seen[b.addr] = true
		if err := f.check(b.addr, b.size, "object header block"); err != nil {
			return err
		}
		if err := f.take(int64(b.size)); err != nil {
			return err
		}
		more, err := read(b)
		if err != nil {
			return err
		}
		queue = append(queue, more...)
	}
	return nil
}

// readMessages1 reads a block of version 1.
func (f *File) readMessages1(h *header, b block) (more []block, err error) {
	c, err := f.cursorAt(b.addr, b.size, "object header block")
	if err != nil {
		return nil, err
	}
	for c.left() >= 8 {
		m := message{typ: c.u16()}
		size := int(c.u16())
		m.flags = c.u8()
		c.skip(3)
		m.addr = c.addr + uint64(c.at)
		m.data = c.bytes(size)
		if c.err != nil {
			return nil, c.err
		}
		if more, err = f.addMessage(h, m, more); err != nil {
			return nil, err
		}
	}
	return more, nil
}

func (f *File) readHeader2(c *cursor, h *header) error {
	h.version = 2
	c.skip(4)
	if err := c.version(2); err != nil {
		return err
	}
	flags := c.u8()
	if flags&0x20 != 0 {
		c.skip(16)
	}
	if flags&0x10 != 0 {
		c.skip(4)
	}
	h.ordered = flags&0x04 != 0
	size := c.uint(1 << (flags & 3))
	if c.err != nil {
		return c.err
	}
	prefix := uint64(c.at)
	if size > f.size {
		return c.fail("block of %d bytes", size)
	}
	return f.readBlocks(h, block{h.addr, prefix + size + 4}, func(b block) ([]block, error) {
		skip := prefix
		if b.addr != h.addr {
			skip = 4
		}
		return f.readMessages2(h, b, int(skip))
	})
}

// readMessages2 reads a block of version 2, whose messages start after skip bytes and end before a checksum.
func (f *File) readMessages2(h *header, b block, skip int) (more []block, err error) {
	c, err := f.cursorAt(b.addr, b.size, "object header block")
	if err != nil {
		return nil, err
	}
	if b.addr != h.addr {
		if err := c.magic("OCHK"); err != nil {
			return nil, err
		}
	}
	if len(c.b) < skip+4 {
		return nil, c.fail("block of %d bytes", len(c.b))
	}
	c.at = len(c.b) - 4
	if err := c.checksum(); err != nil {
		return nil, err
	}
	c.at, c.b = skip, c.b[:len(c.b)-4]
	head := 4
	if h.ordered {
		head = 6
	}
	for c.left() >= head {
		m := message{typ: uint16(c.u8())}
		size := int(c.u16())
		m.flags = c.u8()
		if h.ordered {
			m.order = c.u16()
		}
		m.addr = c.addr + uint64(c.at)
		m.data = c.bytes(size)
		if c.err != nil {
			return nil, c.err
		}
		if more, err = f.addMessage(h, m, more); err != nil {
			return nil, err
		}
	}
	return more, nil
}

// addMessage keeps a message, or adds the block that a continuation message names.
func (f *File) addMessage(h *header, m message, more []block) ([]block, error) {
	switch {
	case m.typ == 0: // nil message: a hole
		return more, nil
	case m.typ == msgContinuation:
		c := f.cursor(m.data, m.addr, "continuation message")
		b := block{c.address(), c.length()}
		return append(more, b), c.err
	case m.typ > maxKnownMessage && m.flags&flagFailUnknown != 0:
		return more, unsupported("object header at %#x: message of type %#x", h.addr, m.typ)
	}
	if err := f.take(64); err != nil {
		return more, err
	}
	h.msgs = append(h.msgs, m)
	return more, nil
}
