package zarr

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// feed is where the values of a write come from.
type feed struct {
	// fill puts the values of part into dst.
	fill func(ctx context.Context, part Region, dst []byte) error
	// view returns the values of part without a copy, or nil where they are not at hand like that.
	view func(part Region) []byte
}

// write stores the values of a region.
func (a *Array) write(ctx context.Context, r Region, f feed) error {
	if a.meta.readOnly != "" {
		return fmt.Errorf("zarr: %s: %w: writing, since %s", a.name(), ErrUnsupported, a.meta.readOnly)
	}
	if err := r.within(a.meta.shape); err != nil {
		return fmt.Errorf("zarr: %s: %w", a.name(), err)
	}
	t := tilesOf(r, a.meta.grid)
	workers, inner := a.opt.workers(), 1
	if a.chain.partial() { // the inner chunks of a shard come first: its object is open meanwhile
		inner = min(workers, a.chain.shard.n)
		workers = ceilDiv(workers, inner)
	}
	return parallel(ctx, workers, t.n, func(ctx context.Context, i int) error {
		index := t.index(i)
		return a.fail(index, a.writeChunk(ctx, index, r, f, inner))
	})
}

// writeChunk stores what a region has of one stored object.
func (a *Array) writeChunk(ctx context.Context, index []int, r Region, f feed, workers int) error {
	key, whole := a.ChunkKey(index), box(index, a.meta.grid)
	full := r.covers(a.ChunkRegion(index))
	switch {
	case full && a.chain.partial():
		return a.createShard(ctx, key, whole, r, f, workers)
	case full:
		return a.putChunk(ctx, key, whole, r, f)
	case a.chain.partial():
		return a.store.Update(ctx, key, func(old Object, w io.Writer) (Outcome, error) {
			return a.mergeShard(ctx, whole, r, f, old, w, workers)
		})
	}
	return a.store.Update(ctx, key, func(old Object, w io.Writer) (Outcome, error) {
		return a.mergeChunk(ctx, whole, r, f, old, w)
	})
}

// putChunk replaces a chunk that is not reached in parts.
func (a *Array) putChunk(ctx context.Context, key string, whole, r Region, f feed) error {
	sc := getScratch()
	defer sc.release()
	values, err := a.assemble(ctx, a.chain, whole, r, f, nil, sc)
	if err != nil {
		return err
	}
	var stored []byte
	empty := false
	err = a.opt.work(ctx, func() error {
		if empty = a.chain.isFill(values); empty {
			return nil
		}
		var err error
		stored, err = a.chain.encode(a.chain.room(sc), values, sc)
		return err
	})
	switch {
	case err != nil:
		return err
	case empty:
		return a.store.Delete(ctx, key)
	}
	return a.store.Put(ctx, key, stored)
}

// mergeChunk makes a new version of a chunk that the region covers in part.
func (a *Array) mergeChunk(ctx context.Context, whole, r Region, f feed, old Object, w io.Writer) (Outcome, error) {
	sc := getScratch()
	defer sc.release()
	var was []byte
	if old != nil {
		was = sc.take(int(old.Size()))
		if err := readFull(old, was, 0); err != nil {
			return Keep, err
		}
	}
	values, err := a.assemble(ctx, a.chain, whole, r, f, was, sc)
	if err != nil {
		return Keep, err
	}
	var stored []byte
	outcome := Replace
	err = a.opt.work(ctx, func() error {
		if a.chain.isFill(values) {
			outcome = Remove
		}
		var err error
		stored, err = a.chain.encode(a.chain.room(sc), values, sc)
		return err
	})
	switch {
	case err != nil:
		return Keep, err
	case old != nil && bytes.Equal(stored, was):
		return Keep, nil
	}
	_, err = w.Write(stored)
	return outcome, err
}

// assemble returns the values of a whole chunk: the region's from the feed, the others from the old version,
// whose stored bytes are was, or the fill value. The result is scratch memory or the feed's own.
func (a *Array) assemble(ctx context.Context, c *chain, whole, r Region, f feed, was []byte, sc *scratch) ([]byte, error) {
	part := r.meet(whole)
	size := c.dtype.Size()
	off, contiguous := part.run(whole)
	if part.Len() == whole.Len() {
		if f.view != nil {
			if v := f.view(part); v != nil {
				return v, nil
			}
		}
		values := sc.take(c.raw)
		return values, f.fill(ctx, part, values)
	}
	values := sc.take(c.raw)
	if was == nil {
		c.setFill(values)
	} else if err := a.opt.work(ctx, func() error { return c.decode(values, was, sc) }); err != nil {
		return nil, err
	}
	if contiguous {
		return values, f.fill(ctx, part, values[off*size:(off+part.Len())*size])
	}
	piece := sc.take(part.Len() * size)
	if err := f.fill(ctx, part, piece); err != nil {
		return nil, err
	}
	copyBox(values, whole.Shape, part.at(whole.Start), piece, part.Shape, make([]int, len(part.Start)), part.Shape, size)
	return values, nil
}

// createShard replaces a shard, inner chunk by inner chunk, without ever holding all of it.
func (a *Array) createShard(ctx context.Context, key string, whole, r Region, f feed, workers int) error {
	w, err := a.store.Create(ctx, key)
	if err != nil {
		return err
	}
	defer w.Abort()
	outcome, err := a.mergeShard(ctx, whole, r, f, nil, w, workers)
	if err != nil {
		return err
	}
	if outcome == Remove {
		if err := w.Abort(); err != nil {
			return err
		}
		return a.store.Delete(ctx, key)
	}
	return w.Commit()
}

// mergeShard writes a new version of a shard: the inner chunks that the region meets are made anew, the others
// copied as they are stored in the old version. Where none is left to store, it writes an index alone and
// returns Remove.
func (a *Array) mergeShard(ctx context.Context, whole, r Region, f feed, old Object, w io.Writer, workers int) (Outcome, error) {
	sh := a.chain.shard
	was := make([]entry, sh.n)
	for i := range was {
		was[i] = absentEntry
	}
	if old != nil {
		var err error
		if was, err = sh.readIndex(old); err != nil {
			return Keep, err
		}
	}
	index := make([]entry, sh.n)
	offset, outcome := uint64(0), Remove
	var body bytes.Buffer // with the index at the start, the inner chunks wait here
	out := w
	if sh.atStart {
		offset, out = uint64(sh.indexSize), &body
	}
	err := inOrder(ctx, workers, sh.n, func(ctx context.Context, i int, sc *scratch) ([]byte, error) {
		stored, err := a.mergeInner(ctx, i, whole, r, f, old, was[i], sc)
		if err != nil {
			return nil, fmt.Errorf("inner chunk %v: %w", unravel(i, sh.counts), err)
		}
		return stored, nil
	}, func(i int, stored []byte) error {
		if index[i] = absentEntry; stored == nil {
			return nil
		}
		outcome = Replace
		index[i] = entry{offset, uint64(len(stored))}
		offset += uint64(len(stored))
		_, err := out.Write(stored)
		return err
	})
	if err != nil {
		return Keep, err
	}
	sc := getScratch()
	defer sc.release()
	stored, err := sh.appendIndex(nil, index, sc)
	if err != nil {
		return Keep, err
	}
	if _, err := w.Write(stored); err != nil {
		return Keep, err
	}
	_, err = body.WriteTo(w)
	return outcome, err
}

// mergeInner returns the stored bytes of an inner chunk's new version, in scratch memory, or nil if it is not
// to be stored.
func (a *Array) mergeInner(ctx context.Context, i int, whole, r Region, f feed, old Object, was entry, sc *scratch) ([]byte, error) {
	sh := a.chain.shard
	inner := Region{sh.position(i), sh.inner.shape}
	for d := range inner.Start {
		inner.Start[d] += whole.Start[d]
	}
	part := r.meet(inner)
	var stored []byte
	if was.stored() && part.Len() < inner.meet(a.whole()).Len() {
		var err error
		if stored, err = sh.readInner(old, was, sc); err != nil {
			return nil, err
		}
	}
	if part.Len() == 0 {
		return stored, nil
	}
	values, err := a.assemble(ctx, sh.inner, inner, r, f, stored, sc)
	if err != nil {
		return nil, err
	}
	var fresh []byte
	err = a.opt.work(ctx, func() error {
		if sh.inner.isFill(values) {
			return nil
		}
		var err error
		fresh, err = sh.inner.encode(sh.inner.room(sc), values, sc)
		return err
	})
	return fresh, err
}
