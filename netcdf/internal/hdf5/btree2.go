package hdf5

import "math/bits"

// btree2 is a B-tree of version 2 (III.A.2).
type btree2 struct {
	f          *File
	typ        uint8
	nodeSize   uint64
	recordSize int
	// Per depth: the size of the counts in the pointers to nodes of that depth.
	countSize []int // records in the node itself; the same at every depth
	totalSize []int // records in the whole subtree
	seen      map[uint64]bool
	fn        func(*cursor) error
}

// walkBtree2 visits the records of a B-tree in order. typ is the record type that the tree must have.
//
//	"BTHD", version 1, type 1, node size 4, record size 2, depth 2, split 1, merge 1, root O, records in root 2,
//	records L, checksum 4
func (f *File) walkBtree2(addr uint64, typ uint8, fn func(*cursor) error) error {
	if addr == undef {
		return nil
	}
	c, err := f.cursorAt(addr, uint64(22+f.offsetSize+f.lengthSize), "B-tree 2 header")
	if err != nil {
		return err
	}
	if err := c.magic("BTHD"); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	t := &btree2{f: f, typ: c.u8(), fn: fn, seen: map[uint64]bool{}}
	t.nodeSize, t.recordSize = uint64(c.u32()), int(c.u16())
	depth := int(c.u16())
	c.skip(2)
	root, n := c.address(), int(c.u16())
	c.length()
	if err := c.checksum(); err != nil {
		return err
	}
	if t.typ != typ {
		return c.fail("records of type %d where %d should be", t.typ, typ)
	}
	if t.recordSize == 0 || t.nodeSize < 10 || depth > 64 {
		return c.fail("records of %d bytes, nodes of %d, depth %d", t.recordSize, t.nodeSize, depth)
	}
	if root == undef || n == 0 {
		return nil
	}
	t.sizes(depth)
	return t.node(root, depth, n)
}

// sizes computes how wide the counts in child pointers are, which follows from the most records that a
// node and a subtree of each depth can hold.
func (t *btree2) sizes(depth int) {
	leaf := (t.nodeSize - 10) / uint64(t.recordSize)
	width := encodedSize(leaf)
	t.countSize = make([]int, depth+1)
	t.totalSize = make([]int, depth+1)
	total := leaf
	t.countSize[0] = width
	for d := 1; d <= depth; d++ {
		t.countSize[d] = width
		pointer := uint64(t.f.offsetSize + width + t.totalSize[d-1])
		var most uint64
		if t.nodeSize > 10+pointer {
			most = (t.nodeSize - 10 - pointer) / (uint64(t.recordSize) + pointer)
		}
		hi, lo := bits.Mul64(most+1, total)
		if total = lo + most; hi != 0 {
			total = 1<<64 - 1
		}
		t.totalSize[d] = encodedSize(total)
	}
}

// encodedSize returns the number of bytes that the format gives to numbers up to limit.
func encodedSize(limit uint64) int { return (bits.Len64(max(limit, 1))-1)/8 + 1 }

// node visits a node of the given depth (0 is a leaf) with n records.
//
//	"BTIN", version 1, type 1, records, children (address O, records, [records in its subtree]), checksum 4
//	"BTLF", version 1, type 1, records, checksum 4
func (t *btree2) node(addr uint64, depth, n int) error {
	const what = "B-tree 2 node"
	if t.seen[addr] {
		return corrupt(what, addr, "the tree comes back to this node")
	}
	if err := t.f.take(16); err != nil {
		return err
	}
	t.seen[addr] = true
	sig, size := "BTLF", uint64(6+n*t.recordSize+4)
	pointer := 0
	if depth > 0 {
		pointer = t.f.offsetSize + t.countSize[depth-1] + t.totalSize[depth-1]
		sig, size = "BTIN", size+uint64((n+1)*pointer)
	}
	if size > t.nodeSize {
		return corrupt(what, addr, "%d records in a node of %d bytes", n, t.nodeSize)
	}
	c, err := t.f.cursorAt(addr, size, what)
	if err != nil {
		return err
	}
	if err := c.magic(sig); err != nil {
		return err
	}
	if err := c.version(0); err != nil {
		return err
	}
	if typ := c.u8(); typ != t.typ {
		return c.fail("records of type %d where %d should be", typ, t.typ)
	}
	c.at = len(c.b) - 4
	if err := c.checksum(); err != nil {
		return err
	}
	c.at = 6
	records := c.bytes(n * t.recordSize)
	for i := 0; i <= n; i++ {
		if depth > 0 {
			child := c.address()
			count := int(c.uint(t.countSize[depth-1]))
			c.uint(t.totalSize[depth-1])
			if c.err != nil {
				return c.err
			}
			if err := t.node(child, depth-1, count); err != nil {
				return err
			}
		}
		if i < n {
			r := t.f.cursor(records[i*t.recordSize:(i+1)*t.recordSize], addr, what)
			if err := t.fn(r); err != nil {
				return err
			}
		}
	}
	return nil
}
