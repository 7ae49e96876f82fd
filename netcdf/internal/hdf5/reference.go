package hdf5

// Reference returns the address of the object that a reference points to; 0 or Undefined for a null one.
//
//	object, 1.8:  address O           region, 1.8: collection O, index 4 of a heap object that starts with the address
//	since 1.12:   kind 1, flags 1, then for an object of the same file: token size 1, token; regions and attributes
//	              in a heap object (size 4, collection O, index 4) that starts with the same
func (f *File) Reference(t *Datatype, b []byte) (uint64, error) {
	c := f.cursor(b, 0, "reference")
	switch t.Ref {
	case RefObject:
		addr := c.address()
		return addr, c.err
	case RefRegion:
		addr, index := c.address(), c.u32()
		if c.err != nil || addr == 0 || addr == undef {
			return 0, c.err
		}
		data, err := f.heapObject(addr, index)
		if err != nil {
			return 0, err
		}
		c = f.cursor(data, addr, "region reference")
		target := c.address()
		return target, c.err
	}
	kind, flags := c.u8(), c.u8()
	if c.err != nil || kind == 0 && flags == 0 && allZero(b) {
		return 0, c.err
	}
	if flags != 0 {
		return 0, unsupported("reference into another file")
	}
	if RefKind(kind) != RefObject2 {
		c.u32()
		addr, index := c.address(), c.u32()
		if c.err != nil || addr == 0 || addr == undef {
			return 0, c.err
		}
		data, err := f.heapObject(addr, index)
		if err != nil {
			return 0, err
		}
		c = f.cursor(data, addr, "reference")
	}
	if n := int(c.u8()); c.err == nil && n < f.offsetSize {
		return 0, c.fail("token of %d bytes", n)
	}
	target := c.address()
	return target, c.err
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
