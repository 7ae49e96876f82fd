package hdf5

// Fill is the fill value of a dataset.
type Fill struct {
	Value []byte // one element as stored; nil where none is defined (zeros then)
	// Undefined says that the writer declared the fill value undefined, so unwritten cells mean nothing.
	Undefined bool
}

// Fill returns the fill value (IV.A.2.e-f).
//
//	old:  size 4, value
//	1, 2: version 1, allocation 1, write 1, defined 1, [size 4, value] (always present in version 1)
//	3:    version 1, flags 1, [size 4, value]
func (o *Object) Fill() (Fill, error) {
	m, ok, err := o.find(msgFill)
	if err != nil {
		return Fill{}, err
	}
	if !ok {
		if m, ok, err = o.find(msgOldFill); !ok || err != nil {
			return Fill{}, err
		}
		c := o.f.cursor(m.data, m.addr, "fill value message (old)")
		v := c.bytes(int(c.u32()))
		return Fill{Value: nonEmpty(v)}, c.err
	}
	c := o.f.cursor(m.data, m.addr, "fill value message")
	var fill Fill
	present := false
	switch version := c.u8(); version {
	case 1, 2:
		c.skip(2)
		defined := c.u8() != 0
		present = version == 1 || defined
	case 3:
		flags := c.u8()
		fill.Undefined = flags&0x10 != 0
		present = flags&0x20 != 0
	default:
		if c.err == nil {
			c.err = unsupported("fill value message at %#x: version %d", m.addr, version)
		}
	}
	if present && c.err == nil && c.left() >= 4 {
		if n := c.u32(); n != 0xffffffff { // -1: undefined
			fill.Value = nonEmpty(c.bytes(int(n)))
		} else {
			fill.Undefined = true
		}
	}
	return fill, c.err
}

func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
