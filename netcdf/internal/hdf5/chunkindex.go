package hdf5

import (
	"sort"
)

// chunkRecord says where a chunk is stored.
type chunkRecord struct {
	cell uint64 // row-major number of the chunk in the grid
	addr uint64
	size uint64
	mask uint32
}

// ChunkIndex says where each chunk of a dataset is stored. It is immutable.
type ChunkIndex struct {
	Grid    []uint64 // number of chunks along each dimension, for the current shape
	records []chunkRecord
}

// Lookup returns where the chunk with that row-major number in the grid is stored; ok is false where it was
// never written.
func (x *ChunkIndex) Lookup(cell uint64) (addr, size uint64, mask uint32, ok bool) {
	i := sort.Search(len(x.records), func(i int) bool { return x.records[i].cell >= cell })
	if i == len(x.records) || x.records[i].cell != cell {
		return 0, 0, 0, false
	}
	r := x.records[i]
	return r.addr, r.size, r.mask, true
}

const chunkRecordSize = 32

// indexReader gathers the records of one dataset.
type indexReader struct {
	f        *File
	l        *Layout
	space    Dataspace
	filtered bool
	bytes    uint64 // of a chunk without filters
	grid     []uint64
	maxGrid  []uint64 // for the maximum shape
	out      []chunkRecord
}

// ChunkIndex reads the index of a chunked dataset.
func (o *Object) ChunkIndex(l *Layout, space Dataspace, filtered bool) (*ChunkIndex, error) {
	if len(l.Chunk) != len(space.Dims) {
		return nil, corrupt("layout message", o.hdr.addr, "chunks of rank %d in a dataset of rank %d", len(l.Chunk), len(space.Dims))
	}
	r := &indexReader{f: o.f, l: l, space: space, filtered: filtered, bytes: l.elemSize}
	total := uint64(1)
	for i, n := range l.Chunk {
		if n > 1<<40 || r.bytes > 1<<40/n {
			return nil, corrupt("layout message", o.hdr.addr, "chunks of shape %v", l.Chunk)
		}
		r.bytes *= n
		cells := ceilDiv(space.Dims[i], n)
		r.grid = append(r.grid, cells)
		if space.Max[i] == Unlimited {
			r.maxGrid = append(r.maxGrid, 0)
		} else {
			r.maxGrid = append(r.maxGrid, ceilDiv(space.Max[i], n))
		}
		if cells > 0 && total > 1<<62/cells {
			return nil, corrupt("layout message", o.hdr.addr, "%v chunks", r.grid)
		}
		total *= cells
	}
	x := &ChunkIndex{Grid: r.grid}
	if l.indexAddr == undef || total == 0 {
		return x, nil
	}
	var err error
	switch l.index {
	case indexBtree1:
		err = r.btree1()
	case indexSingle:
		err = r.singleChunk()
	case indexImplicit:
		err = r.implicit(total)
	case indexFixed:
		err = r.fixedArray()
	case indexExtensible:
		err = r.extensibleArray()
	case indexBtree2:
		err = r.btree2()
	}
	if err != nil {
		return nil, err
	}
	sort.Slice(r.out, func(i, j int) bool { return r.out[i].cell < r.out[j].cell })
	for i := 1; i < len(r.out); i++ {
		if r.out[i].cell == r.out[i-1].cell {
			return nil, corrupt("chunk index", l.indexAddr, "chunk %d is there twice", r.out[i].cell)
		}
	}
	x.records = r.out
	return x, nil
}

func ceilDiv(a, b uint64) uint64 {
	if a == 0 {
		return 0
	}
	return (a-1)/b + 1
}

// add keeps the record of the chunk at grid coordinates; one outside the current shape is dropped.
func (r *indexReader) add(coord []uint64, addr, size uint64, mask uint32) error {
	if addr == undef {
		return nil
	}
	cell := uint64(0)
	for i, c := range coord {
		if c >= r.grid[i] {
			return nil
		}
		cell = cell*r.grid[i] + c
	}
	if err := r.f.check(addr, size, "chunk"); err != nil {
		return err
	}
	if err := r.f.take(chunkRecordSize); err != nil {
		return err
	}
	r.out = append(r.out, chunkRecord{cell, addr, size, mask})
	return nil
}

// btree1 reads the index of layout versions 1 to 3 (III.A.1, chunk nodes). Key: size 4, mask 4, offset of the
// chunk in elements 8 each, 0 8.
func (r *indexReader) btree1() error {
	rank := len(r.grid)
	coord := make([]uint64, rank)
	return r.f.walkBtree1(r.l.indexAddr, 1, 8+8*(rank+1), func(key *cursor, child uint64) error {
		size, mask := uint64(key.u32()), key.u32()
		for i := range coord {
			at := key.u64()
			if key.err == nil && at%r.l.Chunk[i] != 0 {
				return key.fail("chunk at %d of chunks of length %d", at, r.l.Chunk[i])
			}
			coord[i] = at / r.l.Chunk[i]
		}
		if key.err != nil {
			return key.err
		}
		return r.add(coord, child, size, mask)
	})
}

// btree2 reads record types 10 (address O, coordinates 8 each) and 11 (address O, size, mask 4, coordinates).
func (r *indexReader) btree2() error {
	typ := uint8(10)
	if r.filtered {
		typ = 11
	}
	coord := make([]uint64, len(r.grid))
	return r.f.walkBtree2(r.l.indexAddr, typ, func(c *cursor) error {
		addr, size, mask := c.address(), r.bytes, uint32(0)
		if r.filtered {
			width := c.left() - 4 - 8*len(coord)
			if width < 1 || width > 8 {
				return c.fail("chunk sizes of %d bytes", width)
			}
			size, mask = c.uint(width), c.u32()
		}
		for i := range coord {
			coord[i] = c.u64()
		}
		if c.err != nil {
			return c.err
		}
		return r.add(coord, addr, size, mask)
	})
}

func (r *indexReader) singleChunk() error {
	size := r.bytes
	if r.l.singleFiltered {
		size = r.l.single.size
	}
	return r.add(make([]uint64, len(r.grid)), r.l.indexAddr, size, r.l.single.mask)
}

// implicit: all chunks of the maximum shape lie one after the other.
func (r *indexReader) implicit(total uint64) error {
	if err := r.f.check(r.l.indexAddr, 0, "implicit chunk index"); err != nil {
		return err
	}
	if total > (r.f.size-r.l.indexAddr)/r.bytes {
		return corrupt("implicit chunk index", r.l.indexAddr, "%d chunks of %d bytes reach past the end of the file", total, r.bytes)
	}
	return r.each(r.grid, func(coord []uint64) error {
		return r.add(coord, r.l.indexAddr+r.linear(coord, -1)*r.bytes, r.bytes, 0)
	})
}

// each calls fn for every coordinate of a grid, whose size was checked against the file's.
func (r *indexReader) each(grid []uint64, fn func([]uint64) error) error {
	coord := make([]uint64, len(grid))
	for {
		if err := fn(coord); err != nil {
			return err
		}
		i := len(coord) - 1
		for ; i >= 0; i-- {
			if coord[i]++; coord[i] < grid[i] {
				break
			}
			coord[i] = 0
		}
		if i < 0 {
			return nil
		}
	}
}

// linear returns the position of a chunk in an array index, which counts chunks of the maximum shape in
// row-major order, the unlimited dimension (unless -1) first.
func (r *indexReader) linear(coord []uint64, unlimited int) uint64 {
	n := uint64(0)
	if unlimited >= 0 {
		n = coord[unlimited]
	}
	for i, c := range coord {
		if i != unlimited {
			n = n*r.maxGrid[i] + c
		}
	}
	return n
}

// entry decodes an element of an array index: address O, [size, mask 4 if filtered].
func (r *indexReader) entry(c *cursor, width int) (addr, size uint64, mask uint32) {
	addr, size = c.address(), r.bytes
	if r.filtered {
		size, mask = c.uint(width), c.u32()
	}
	return addr, size, mask
}

// entryWidth checks an array index's element size and returns that of the chunk size in it.
func (r *indexReader) entryWidth(c *cursor, client, size uint8) (int, error) {
	width := int(size) - r.f.offsetSize
	want := uint8(0)
	if r.filtered {
		width -= 4
		want = 1
	}
	if client != want || width < 0 || width > 8 || r.filtered == (width == 0) {
		return 0, c.fail("elements of kind %d and %d bytes", client, size)
	}
	return width, nil
}
