package hdf5

import (
	"encoding/binary"
	"sync"
)

// heapCache keeps the global heap collections that were read last: values of variable length that were
// written together lie in the same ones.
type heapCache struct {
	mu    sync.Mutex
	list  []*collection // oldest first
	bytes int
}

const maxHeapCache = 4 << 20

// collection is a global heap collection (III.E).
type collection struct {
	addr    uint64
	data    []byte
	objects map[uint16]span
}

type span struct{ at, size uint64 }

// VLen returns the bytes that a variable-length element refers to and the number of base elements. The
// element is: count 4, collection O, index 4.
func (f *File) VLen(elem []byte, baseSize int) (data []byte, n int, err error) {
	c := f.cursor(elem, 0, "variable-length value")
	count, addr, index := uint64(c.u32()), c.address(), c.u32()
	if c.err != nil {
		return nil, 0, c.err
	}
	if count == 0 || addr == undef || addr == 0 {
		return nil, 0, nil
	}
	data, err = f.heapObject(addr, index)
	if err != nil {
		return nil, 0, err
	}
	if count*uint64(baseSize) > uint64(len(data)) {
		return nil, 0, corrupt("global heap collection", addr, "object %d has %d bytes where %d times %d should be", index, len(data), count, baseSize)
	}
	return data[:count*uint64(baseSize)], int(count), nil
}

// heapObject returns an object of a global heap; the caller must not change it.
func (f *File) heapObject(addr uint64, index uint32) ([]byte, error) {
	col, err := f.collection(addr)
	if err != nil {
		return nil, err
	}
	s, ok := col.objects[uint16(index)]
	if !ok || index > 0xffff {
		return nil, corrupt("global heap collection", addr, "no object %d", index)
	}
	return col.data[s.at : s.at+s.size], nil
}

func (f *File) collection(addr uint64) (*collection, error) {
	f.heaps.mu.Lock()
	defer f.heaps.mu.Unlock()
	for _, col := range f.heaps.list {
		if col.addr == addr {
			return col, nil
		}
	}
	col, err := f.readCollection(addr)
	if err != nil {
		return nil, err
	}
	f.heaps.list = append(f.heaps.list, col)
	f.heaps.bytes += len(col.data)
	for len(f.heaps.list) > 1 && f.heaps.bytes > maxHeapCache {
		f.heaps.bytes -= len(f.heaps.list[0].data)
		f.heaps.list = append(f.heaps.list[:0], f.heaps.list[1:]...)
	}
	return col, nil
}

// readCollection reads a collection.
//
//	"GCOL", version 1, 0 3, size L; objects: index 2, references 2, 0 4, size L, data (padded to 8); index 0 is free space
func (f *File) readCollection(addr uint64) (*collection, error) {
	const what = "global heap collection"
	head := 8 + f.lengthSize
	c, err := f.cursorAt(addr, uint64(head), what)
	if err != nil {
		return nil, err
	}
	if err := c.magic("GCOL"); err != nil {
		return nil, err
	}
	if err := c.version(1); err != nil {
		return nil, err
	}
	c.skip(3)
	size := c.length()
	b, err := f.read(addr, size, what)
	if err != nil {
		return nil, err
	}
	if len(b) < head {
		return nil, corrupt(what, addr, "%d bytes", size)
	}
	col := &collection{addr: addr, data: b, objects: map[uint16]span{}}
	at := align8(uint64(head))
	for at+uint64(head) <= size {
		index := binary.LittleEndian.Uint16(b[at:])
		o := f.cursor(b[at+8:at+uint64(head)], addr, what)
		n := o.length()
		data := at + align8(uint64(head))
		if index == 0 {
			break
		}
		if data > size || n > size-data {
			return nil, corrupt(what, addr, "object %d of %d bytes at %d of %d", index, n, at, size)
		}
		col.objects[index] = span{data, n}
		at = data + align8(n)
	}
	return col, nil
}

func align8(n uint64) uint64 { return (n + 7) &^ 7 }
