package hdf5

import (
	"sort"
)

// Attribute is an attribute as stored; Data holds Space.Len() elements of Type.
type Attribute struct {
	Name  string
	Type  *Datatype
	Space Dataspace
	Data  []byte
	// Err says why Type or Space could not be understood; only Name is set then.
	Err   error
	order uint32
}

// Attributes returns the attributes of an object in order of creation where the file tracks it, else as
// stored: in the header, or in dense storage by the hash of their names, as libnetcdf lists them.
func (o *Object) Attributes() ([]Attribute, error) {
	var list []Attribute
	for _, m := range o.hdr.msgs {
		if m.typ != msgAttribute {
			continue
		}
		m, err := o.f.resolve(m, 0)
		if err != nil {
			return list, err
		}
		a, err := o.f.parseAttribute(m.data, m.addr)
		if err != nil {
			return list, err
		}
		a.order = uint32(m.order)
		list = append(list, a)
	}
	ordered := o.hdr.ordered
	if m, ok, err := o.find(msgAttrInfo); err != nil {
		return list, err
	} else if ok {
		dense, tracked, err := o.f.denseAttributes(m)
		if err != nil {
			return list, err
		}
		if len(dense) > 0 {
			ordered = tracked
			list = append(list, dense...)
		}
	}
	if ordered {
		sort.SliceStable(list, func(i, j int) bool { return list[i].order < list[j].order })
	}
	return list, nil
}

// denseAttributes reads the attributes that an attribute info message (IV.A.2.v) points to:
//
//	version 1, flags 1, [maximum creation index 2], heap O, name index O, [creation order index O]
func (f *File) denseAttributes(m message) (list []Attribute, ordered bool, err error) {
	c := f.cursor(m.data, m.addr, "attribute info message")
	if err := c.version(0); err != nil {
		return nil, false, err
	}
	flags := c.u8()
	if flags&1 != 0 {
		c.skip(2)
	}
	heapAddr, index := c.address(), c.address()
	if c.err != nil || heapAddr == undef || index == undef {
		return nil, false, c.err
	}
	heap, err := f.openFractalHeap(heapAddr)
	if err != nil {
		return nil, false, err
	}
	// Record type 8: heap id 8, message flags 1, creation order 4, hash 4.
	err = f.walkBtree2(index, 8, func(r *cursor) error {
		id, mflags, order := r.bytes(8), r.u8(), r.u32()
		if r.err != nil {
			return r.err
		}
		var data []byte
		addr := heapAddr
		if mflags&flagShared != 0 {
			m, err := f.sharedInHeap(message{typ: msgAttribute, addr: r.addr}, f.cursor(id, r.addr, "attribute record"))
			if err != nil {
				return err
			}
			data, addr = m.data, m.addr
		} else if data, err = heap.get(id); err != nil {
			return err
		}
		a, err := f.parseAttribute(data, addr)
		if err != nil {
			return err
		}
		a.order = order
		list = append(list, a)
		return f.take(int64(len(data)) + 128)
	})
	return list, flags&1 != 0, err
}

// parseAttribute decodes an attribute message (IV.A.2.m).
//
//	1: version 1, 0 1, sizes of name, type, space 2 each, the three (each padded to 8), data
//	2: version 1, flags 1, sizes 2 each, the three, data
//	3: version 1, flags 1, sizes 2 each, charset 1, the three, data
func (f *File) parseAttribute(b []byte, addr uint64) (Attribute, error) {
	c := f.cursor(b, addr, "attribute message")
	var a Attribute
	version, flags := c.u8(), c.u8()
	if c.err == nil && (version < 1 || version > 3) {
		return a, unsupported("attribute message at %#x: version %d", addr, version)
	}
	nameLen, typeLen, spaceLen := int(c.u16()), int(c.u16()), int(c.u16())
	if version == 3 {
		c.skip(1)
	}
	part := func(n int) ([]byte, uint64) {
		at := addr + uint64(c.at)
		p := c.bytes(n)
		if version == 1 {
			c.skip((8 - n%8) % 8)
		}
		return p, at
	}
	name, _ := part(nameLen)
	typ, typAddr := part(typeLen)
	space, spaceAddr := part(spaceLen)
	if c.err != nil {
		return a, c.err
	}
	a.Name = trimNULs(name)
	a.Err = func() (err error) {
		tm := message{typ: msgDatatype, addr: typAddr, data: typ}
		sm := message{typ: msgDataspace, addr: spaceAddr, data: space}
		if version > 1 {
			tm.flags, sm.flags = flags&1*flagShared, flags>>1&1*flagShared
		}
		if a.Type, err = f.parseDatatype(tm); err != nil {
			return err
		}
		if sm, err = f.resolve(sm, 0); err != nil {
			return err
		}
		if a.Space, err = f.parseDataspace(sm.data, sm.addr); err != nil {
			return err
		}
		n := a.Space.Len()
		if n > uint64(c.left())/uint64(a.Type.Size) {
			return c.fail("attribute %q: %d values of %d bytes in %d", a.Name, n, a.Type.Size, c.left())
		}
		a.Data = c.bytes(int(n) * a.Type.Size)
		return nil
	}()
	return a, nil
}
