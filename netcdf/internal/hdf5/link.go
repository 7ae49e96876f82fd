package hdf5

import (
	"sort"
)

// LinkType says what a link points to.
type LinkType uint8

// The types of link.
const (
	HardLink     LinkType = 0
	SoftLink     LinkType = 1
	ExternalLink LinkType = 64
)

// Link is a named entry of a group.
type Link struct {
	Name   string
	Type   LinkType
	Addr   uint64 // HardLink: object header
	Target string // SoftLink: path
	order  uint64
}

// Links returns the links of a group: in order of creation where the file tracks it, else by name. ordered
// says which.
func (o *Object) Links() (links []Link, ordered bool, err error) {
	if m, ok, err := o.find(msgSymbolTable); err != nil {
		return nil, false, err
	} else if ok {
		links, err = o.f.oldLinks(m)
		if err != nil {
			return nil, false, err
		}
	}
	for _, m := range o.hdr.msgs {
		if m.typ != msgLink {
			continue
		}
		m, err := o.f.resolve(m, 0)
		if err != nil {
			return nil, false, err
		}
		l, err := o.f.parseLink(m.data, m.addr)
		if err != nil {
			return nil, false, err
		}
		links = append(links, l)
	}
	if m, ok, err := o.find(msgLinkInfo); err != nil {
		return nil, false, err
	} else if ok {
		dense, tracked, err := o.f.denseLinks(m)
		if err != nil {
			return nil, false, err
		}
		links, ordered = append(links, dense...), tracked
	}
	sort.SliceStable(links, func(i, j int) bool {
		if ordered {
			return links[i].order < links[j].order
		}
		return links[i].Name < links[j].Name
	})
	return links, ordered, nil
}

// parseLink decodes a link message (IV.A.2.g):
//
//	version 1, flags 1, [type 1], [creation order 8], [charset 1], name length 1 2 4 or 8, name,
//	hard: address O | soft, external: length 2, value
func (f *File) parseLink(b []byte, addr uint64) (Link, error) {
	c := f.cursor(b, addr, "link message")
	var l Link
	if err := c.version(1); err != nil {
		return l, err
	}
	flags := c.u8()
	if flags&0x08 != 0 {
		l.Type = LinkType(c.u8())
	}
	if flags&0x04 != 0 {
		l.order = c.u64()
	}
	if flags&0x10 != 0 {
		c.skip(1)
	}
	n := c.uint(1 << (flags & 3))
	if c.err == nil && n > uint64(c.left()) {
		return l, c.fail("name of %d bytes", n)
	}
	l.Name = string(c.bytes(int(n)))
	switch l.Type {
	case HardLink:
		l.Addr = c.address()
	case SoftLink:
		l.Target = string(c.bytes(int(c.u16())))
	default: // external or user-defined
		l.Addr = undef
		c.skip(int(c.u16()))
	}
	return l, c.err
}

// denseLinks reads the links that a link info message (IV.A.2.c) points to:
//
//	version 1, flags 1, [maximum creation index 8], heap O, name index O, [creation order index O]
func (f *File) denseLinks(m message) (links []Link, ordered bool, err error) {
	c := f.cursor(m.data, m.addr, "link info message")
	if err := c.version(0); err != nil {
		return nil, false, err
	}
	flags := c.u8()
	ordered = flags&1 != 0
	if ordered {
		c.skip(8)
	}
	heapAddr, index := c.address(), c.address()
	if c.err != nil || heapAddr == undef || index == undef {
		return nil, ordered, c.err
	}
	heap, err := f.openFractalHeap(heapAddr)
	if err != nil {
		return nil, ordered, err
	}
	// Record type 5: hash 4, heap id 7.
	err = f.walkBtree2(index, 5, func(r *cursor) error {
		r.skip(4)
		id := r.bytes(7)
		if r.err != nil {
			return r.err
		}
		data, err := heap.get(id)
		if err != nil {
			return err
		}
		l, err := f.parseLink(data, heapAddr)
		if err != nil {
			return err
		}
		links = append(links, l)
		return f.take(int64(len(data)) + 64)
	})
	return links, ordered, err
}

// Link returns the link of that name.
func (o *Object) Link(name string) (l Link, ok bool, err error) {
	links, _, err := o.Links()
	for _, l := range links {
		if l.Name == name {
			return l, true, nil
		}
	}
	return l, false, err
}
