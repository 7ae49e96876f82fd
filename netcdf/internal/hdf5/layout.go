package hdf5

// LayoutClass is how a dataset's bytes are stored.
type LayoutClass uint8

// The layout classes (IV.A.2.i).
const (
	Compact LayoutClass = iota
	Contiguous
	Chunked
	Virtual
)

// Chunk index types of layout versions 4 and 5; btree1 stands for versions 1 to 3.
const (
	indexBtree1 = iota
	indexSingle
	indexImplicit
	indexFixed
	indexExtensible
	indexBtree2
)

// Layout is a dataset's data layout.
type Layout struct {
	Class LayoutClass
	Data  []byte   // Compact
	Addr  uint64   // Contiguous: of the bytes, Undefined where nothing was written
	Size  uint64   // Contiguous: bytes there; 0 where the message does not say
	Chunk []uint64 // Chunked: shape of a chunk in elements

	elemSize  uint64
	index     int
	indexAddr uint64
	// PartialUnfiltered says that chunks that reach past the dataset's shape are stored without filters.
	PartialUnfiltered bool
	single            chunkRecord // indexSingle with filters
	singleFiltered    bool
	ea                eaParams
}

// Layout returns the data layout of a dataset.
//
//	1, 2: version 1, rank 1, class 1, 0 5, [address O], dims 4 each, [compact: size 4, data]
//	3:    version 1, class 1, compact: size 2, data | contiguous: address O, size L
//	      | chunked: rank+1 1, address O, dims 4 each, element size 4
//	4, 5: as 3, but chunked: flags 1, rank+1 1, width 1, dims width each, index type 1, its parameters, address O
func (o *Object) Layout() (*Layout, error) {
	m, err := o.must(msgLayout, "layout")
	if err != nil {
		return nil, err
	}
	c := o.f.cursor(m.data, m.addr, "layout message")
	l := &Layout{Addr: undef, indexAddr: undef}
	switch version := c.u8(); version {
	case 1, 2:
		l.parse12(c)
	case 3, 4, 5:
		l.Class = LayoutClass(c.u8())
		switch {
		case l.Class == Compact:
			l.Data = c.bytes(int(c.u16()))
		case l.Class == Contiguous:
			l.Addr, l.Size = c.address(), c.length()
		case l.Class == Chunked && version == 3:
			rank := int(c.u8())
			l.indexAddr = c.address()
			l.chunkShape(c, rank, 4)
		case l.Class == Chunked:
			l.parse4(c)
		case l.Class == Virtual:
		case c.err == nil:
			c.err = unsupported("layout message at %#x: class %d", m.addr, l.Class)
		}
	default:
		if c.err == nil {
			c.err = unsupported("layout message at %#x: version %d", m.addr, version)
		}
	}
	return l, c.err
}

func (l *Layout) parse12(c *cursor) {
	rank := int(c.u8())
	l.Class = LayoutClass(c.u8())
	c.skip(5)
	switch l.Class {
	case Compact:
		c.skip(4 * rank)
		l.Data = c.bytes(int(c.u32()))
	case Contiguous:
		l.Addr = c.address()
		c.skip(4 * rank)
	case Chunked:
		l.indexAddr = c.address()
		l.chunkShape(c, rank, 4)
	default:
		c.fail("class %d", l.Class)
	}
}

// chunkShape reads the chunk's dims and the element size, rank numbers in all.
func (l *Layout) chunkShape(c *cursor, rank, width int) {
	if c.err == nil && (rank < 2 || rank > maxRank+1 || width < 1 || width > 8) {
		c.fail("chunks of rank %d", rank-1)
		return
	}
	for range rank - 1 {
		d := c.uint(width)
		if d == 0 && c.err == nil {
			c.fail("chunk of length 0")
		}
		l.Chunk = append(l.Chunk, d)
	}
	l.elemSize = c.uint(width)
	if c.err == nil && l.elemSize == 0 {
		c.fail("chunk elements of 0 bytes")
	}
}

func (l *Layout) parse4(c *cursor) {
	flags, rank, width := c.u8(), int(c.u8()), int(c.u8())
	l.chunkShape(c, rank, width)
	if c.err != nil {
		return
	}
	l.PartialUnfiltered = flags&1 != 0
	switch l.index = int(c.u8()); l.index {
	case indexSingle:
		if l.singleFiltered = flags&2 != 0; l.singleFiltered {
			l.single.size, l.single.mask = c.length(), c.u32()
		}
	case indexImplicit:
	case indexFixed:
		c.skip(1)
	case indexExtensible:
		l.ea = eaParams{maxBits: c.u8(), inIndex: c.u8(), minPointers: c.u8(), minElements: c.u8(), pageBits: c.u8()}
	case indexBtree2:
		c.skip(6)
	default:
		if c.err == nil {
			c.err = unsupported("layout message at %#x: chunk index type %d", c.addr, l.index)
		}
	}
	l.indexAddr = c.address()
}

// ElemSize returns the bytes of an element that a chunked layout gives.
func (l *Layout) ElemSize() uint64 { return l.elemSize }
