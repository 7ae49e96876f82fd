package zarr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// read fills dst with the values of a region, in C order and the machine's byte order.
func (a *Array) read(ctx context.Context, r Region, dst []byte) error {
	if err := r.within(a.meta.shape); err != nil {
		return fmt.Errorf("zarr: %s: %w", a.name(), err)
	}
	if n, ok := product(r.Shape, a.meta.dtype.Size()); !ok || n != len(dst) {
		return fmt.Errorf("zarr: %s: %w: buffer of %d bytes for region %v+%v", a.name(), ErrInvalid, len(dst), r.Start, r.Shape)
	}
	t := tilesOf(r, a.meta.grid)
	workers := a.opt.workers()
	return parallel(ctx, workers, t.n, func(ctx context.Context, i int) error {
		index := t.index(i)
		const attempts = 5
		err := a.readChunk(ctx, index, r, dst, ceilDiv(workers, t.n))
		for n := 1; n < attempts && errors.Is(err, ErrChanged); n++ {
			err = a.readChunk(ctx, index, r, dst, ceilDiv(workers, t.n))
		}
		return a.fail(index, err)
	})
}

// readChunk reads what a region has of one stored object.
func (a *Array) readChunk(ctx context.Context, index []int, r Region, dst []byte, workers int) error {
	if a.chain.partial() {
		return a.readShard(ctx, index, r, dst, workers)
	}
	whole := box(index, a.meta.grid)
	sc := getScratch()
	defer sc.release()
	stored, err := a.store.Get(ctx, a.ChunkKey(index), sc.spare())
	if errors.Is(err, fs.ErrNotExist) {
		a.fillPart(r, dst, r.meet(whole))
		return nil
	}
	if err != nil {
		return err
	}
	sc.keep(stored)
	return a.opt.work(ctx, func() error { return decodePart(a.chain, stored, whole, r, dst, sc) })
}

// fillPart sets part of a region to the fill value.
func (a *Array) fillPart(r Region, dst []byte, part Region) {
	fillBox(dst, r.Shape, part.at(r.Start), part.Shape, a.meta.fill)
}

// decodePart decodes a chunk that stands at whole and copies what region r has of it to dst.
func decodePart(c *chain, stored []byte, whole, r Region, dst []byte, sc *scratch) error {
	size := c.dtype.Size()
	part := r.meet(whole)
	if r.covers(whole) {
		if off, ok := part.run(r); ok {
			return c.decode(dst[off*size:off*size+c.raw], stored, sc)
		}
	}
	defer sc.reset(sc.mark())
	buf := sc.take(c.raw)
	if !c.decodeBox(buf, stored, part.at(whole.Start), part.Shape) {
		if err := c.decode(buf, stored, sc); err != nil {
			return err
		}
	}
	copyBox(dst, r.Shape, part.at(r.Start), buf, whole.Shape, part.at(whole.Start), part.Shape, size)
	return nil
}

// readShard reads, by range, the inner chunks that a region meets.
func (a *Array) readShard(ctx context.Context, index []int, r Region, dst []byte, workers int) error {
	whole := box(index, a.meta.grid)
	part := r.meet(whole)
	o, err := a.store.Open(ctx, a.ChunkKey(index))
	if errors.Is(err, fs.ErrNotExist) {
		a.fillPart(r, dst, part)
		return nil
	}
	if err != nil {
		return err
	}
	defer o.Close()
	sh := a.chain.shard
	entries, err := sh.readIndex(o)
	if err != nil {
		return err
	}
	t := tilesOf(Region{part.at(whole.Start), part.Shape}, sh.inner.shape)
	var wanted []piece
	for i := range t.n {
		at := t.index(i)
		p := piece{at: at, where: box(at, sh.inner.shape), entry: entries[ravel(at, sh.counts)]}
		for d := range p.where.Start {
			p.where.Start[d] += whole.Start[d]
		}
		if p.stored() {
			wanted = append(wanted, p)
		} else {
			a.fillPart(r, dst, r.meet(p.where))
		}
	}
	groups := gather(wanted, workers)
	return parallel(ctx, workers, len(groups), func(ctx context.Context, i int) error {
		return a.readPieces(ctx, o, groups[i], r, dst)
	})
}

// piece is an inner chunk that is read.
type piece struct {
	entry
	at    []int  // its index in the shard
	where Region // in the array
}

// gather puts inner chunks that are stored next to each other into groups that one request fetches: as few as keep
// all workers busy, and none larger than most unless it is a single chunk.
func gather(pieces []piece, workers int) [][]piece {
	const most, gap = 8 << 20, 32 << 10
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.offset, b.offset) })
	total := uint64(0)
	for _, p := range pieces {
		total += p.length
	}
	limit := min(most, total/uint64(2*max(workers, 1)))
	var groups [][]piece
	first, end := 0, uint64(0) // of the group in hand
	for i, p := range pieces {
		last := max(end, p.offset+p.length)
		if i > first && (p.offset > end+gap || last-pieces[first].offset > limit) {
			groups = append(groups, pieces[first:i])
			first, last = i, p.offset+p.length
		}
		end = last
	}
	if len(pieces) > 0 {
		groups = append(groups, pieces[first:])
	}
	return groups
}

// readPieces reads a group of inner chunks and decodes what region r has of each.
func (a *Array) readPieces(ctx context.Context, o Object, group []piece, r Region, dst []byte) error {
	sc := getScratch()
	defer sc.release()
	start, end := group[0].offset, uint64(0)
	for _, p := range group {
		end = max(end, p.offset+p.length)
	}
	stored, err := a.chain.shard.readInner(o, entry{start, end - start}, sc)
	for _, p := range group {
		if err == nil {
			err = a.opt.work(ctx, func() error {
				defer sc.reset(sc.mark())
				return decodePart(a.chain.shard.inner, stored[p.offset-start:][:p.length], p.where, r, dst, sc)
			})
		}
		if err != nil {
			return fmt.Errorf("inner chunk %v: %w", p.at, err)
		}
	}
	return nil
}

func ravel(index, counts []int) int {
	n := 0
	for d := range index {
		n = n*counts[d] + index[d]
	}
	return n
}

// readIndex reads and checks a shard's index.
func (s *shard) readIndex(o Object) ([]entry, error) {
	at, err := s.indexAt(o.Size())
	if err != nil {
		return nil, err
	}
	sc := getScratch()
	defer sc.release()
	stored := sc.take(s.indexSize)
	if err := readFull(o, stored, at); err != nil {
		return nil, fmt.Errorf("shard index: %w", err)
	}
	return s.parseIndex(stored, o.Size(), sc)
}

// readInner reads the stored bytes of an inner chunk into scratch memory.
func (s *shard) readInner(o Object, e entry, sc *scratch) ([]byte, error) {
	stored := sc.take(int(e.length))
	return stored, readFull(o, stored, int64(e.offset))
}

func readFull(o Object, p []byte, off int64) error {
	n, err := o.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("%w: %d of %d bytes at %d", ErrCorrupt, n, len(p), off)
	}
	return err
}
