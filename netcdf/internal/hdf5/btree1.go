package hdf5

// walkBtree1 visits the leaves of a B-tree of version 1 (III.A.1) in key order. typ is 0 for group nodes, 1
// for chunks; keySize the size of a key in bytes. fn gets the key left of the child and the child's address.
//
//	"TREE", type 1, level 1, entries 2, left O, right O, key, child O, key, child O, ..., key
func (f *File) walkBtree1(root uint64, typ uint8, keySize int, fn func(key *cursor, child uint64) error) error {
	if root == undef {
		return nil
	}
	return f.walkNode1(root, typ, -1, keySize, map[uint64]bool{}, fn)
}

// walkNode1 visits one node; level is the level that it must have, -1 for any.
func (f *File) walkNode1(addr uint64, typ uint8, level, keySize int, seen map[uint64]bool, fn func(*cursor, uint64) error) error {
	const what = "B-tree node"
	if seen[addr] {
		return corrupt(what, addr, "the tree comes back to this node")
	}
	if err := f.take(16); err != nil {
		return err
	}
	seen[addr] = true
	head := uint64(8 + 2*f.offsetSize)
	c, err := f.cursorAt(addr, head, what)
	if err != nil {
		return err
	}
	if err := c.magic("TREE"); err != nil {
		return err
	}
	if t := c.u8(); t != typ {
		return c.fail("type %d where %d should be", t, typ)
	}
	at := int(c.u8())
	if level >= 0 && at != level {
		return c.fail("level %d below level %d", at, level+1)
	}
	n := int(c.u16())
	step := keySize + f.offsetSize
	if c, err = f.cursorAt(addr+head, uint64(n*step), what); err != nil {
		return err
	}
	for range n {
		key := f.cursor(c.bytes(keySize), c.addr+uint64(c.at), what)
		child := c.address()
		if c.err != nil {
			return c.err
		}
		if at > 0 {
			err = f.walkNode1(child, typ, at-1, keySize, seen, fn)
		} else {
			err = fn(key, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
