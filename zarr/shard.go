package zarr

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// shard is the codec sharding_indexed.
//
//	index at the end:    [inner chunk]... [index]        index: for every inner chunk, in C order,
//	index at the start:  [index] [inner chunk]...        offset uint64, length uint64; both 2^64-1 if not stored
type shard struct {
	shape     []int // of the shard
	inner     *chain
	counts    []int // inner chunks along each dimension
	n         int   // inner chunks in all
	index     *chain
	indexSize int // stored bytes of the index
	atStart   bool
}

const absent = 1<<64 - 1

// entry is where an inner chunk stands in its shard.
type entry struct{ offset, length uint64 }

func (e entry) stored() bool { return e.offset != absent || e.length != absent }

var absentEntry = entry{absent, absent}

func newShard(s codecSpec, shape []int, t DataType, fill []byte) (*shard, error) {
	sh := &shard{shape: slices.Clone(shape)}
	v, _ := s.config.get("chunk_shape")
	inner, ok := jsonInts(v)
	if !ok || len(inner) != len(shape) {
		return nil, fmt.Errorf("%w: chunk_shape %s of a shard %v", ErrInvalid, brief(v), shape)
	}
	sh.counts = make([]int, len(shape))
	for d := range shape {
		if inner[d] < 1 || shape[d]%inner[d] != 0 {
			return nil, fmt.Errorf("%w: inner chunks %v don't divide the shard %v", ErrInvalid, inner, shape)
		}
		sh.counts[d] = shape[d] / inner[d]
	}
	sh.n, _ = product(sh.counts, 1)
	switch v, ok := s.config.get("index_location"); {
	case !ok || v == "end":
	case v == "start":
		sh.atStart = true
	default:
		return nil, fmt.Errorf("%w: index_location %s", ErrUnsupported, brief(v))
	}
	for _, part := range []struct {
		key   string
		chain **chain
		shape []int
		t     DataType
		fill  []byte
	}{
		{"codecs", &sh.inner, inner, t, fill},
		{"index_codecs", &sh.index, append(slices.Clone(sh.counts), 2), TypeUint64, make([]byte, 8)},
	} {
		v, ok := s.config.get(part.key)
		if !ok {
			return nil, fmt.Errorf("%w: no %s", ErrInvalid, part.key)
		}
		specs, err := parseSpecs(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.key, err)
		}
		if *part.chain, err = newChain(specs, part.shape, part.t, part.fill); err != nil {
			return nil, fmt.Errorf("%s: %w", part.key, err)
		}
	}
	if sh.indexSize, ok = sh.index.fixedSize(); !ok || sh.index.skips {
		return nil, fmt.Errorf("%w: index_codecs whose size depends on the index", ErrUnsupported)
	}
	return sh, nil
}

// bound is the most bytes that a shard should take.
func (s *shard) bound() int {
	n := s.inner.raw
	if s.inner.shard != nil {
		n = s.inner.shard.bound()
	}
	for _, p := range s.inner.pack {
		n = p.bound(n)
	}
	n, ok := product([]int{s.n}, n)
	if !ok || n > maxChunkBytes {
		return maxChunkBytes
	}
	return n + s.indexSize
}

// indexAt is the range of the index in a shard of size bytes.
func (s *shard) indexAt(size int64) (off int64, err error) {
	if size < int64(s.indexSize) {
		return 0, fmt.Errorf("%w: shard of %d bytes is shorter than its index (%d bytes)", ErrCorrupt, size, s.indexSize)
	}
	if s.atStart {
		return 0, nil
	}
	return size - int64(s.indexSize), nil
}

// parseIndex decodes and checks the index of a shard of size bytes.
func (s *shard) parseIndex(stored []byte, size int64, sc *scratch) ([]entry, error) {
	raw := make([]byte, s.index.raw)
	if err := s.index.decode(raw, stored, sc); err != nil {
		return nil, fmt.Errorf("shard index: %w", err)
	}
	index := make([]entry, s.n)
	for i := range index {
		e := entry{binary.NativeEndian.Uint64(raw[16*i:]), binary.NativeEndian.Uint64(raw[16*i+8:])}
		if e.stored() && (e.length > uint64(size) || e.offset > uint64(size)-e.length) {
			return nil, fmt.Errorf("%w: shard index: inner chunk %d is at bytes %d to %d of %d", ErrCorrupt, i, e.offset, e.offset+e.length, size)
		}
		index[i] = e
	}
	return index, nil
}

// appendIndex appends the stored form of an index.
func (s *shard) appendIndex(dst []byte, index []entry, sc *scratch) ([]byte, error) {
	raw := make([]byte, s.index.raw)
	for i, e := range index {
		binary.NativeEndian.PutUint64(raw[16*i:], e.offset)
		binary.NativeEndian.PutUint64(raw[16*i+8:], e.length)
	}
	return s.index.encode(dst, raw, sc)
}

// position returns where inner chunk i begins in the shard.
func (s *shard) position(i int) []int {
	at := unravel(i, s.counts)
	for d := range at {
		at[d] *= s.inner.shape[d]
	}
	return at
}

// encode appends a whole shard made of values in memory: for shards within other codecs.
func (s *shard) encode(dst, values []byte, sc *scratch) ([]byte, error) {
	index := make([]entry, s.n)
	start := len(dst)
	if s.atStart {
		dst = append(dst, make([]byte, s.indexSize)...)
	}
	defer sc.reset(sc.mark())
	buf := sc.take(s.inner.raw)
	zero := make([]int, len(s.shape))
	for i := range index {
		copyBox(buf, s.inner.shape, zero, values, s.shape, s.position(i), s.inner.shape, s.inner.dtype.Size())
		if index[i] = absentEntry; s.inner.isFill(buf) {
			continue
		}
		at := len(dst)
		var err error
		if dst, err = s.inner.encode(dst, buf, sc); err != nil {
			return nil, err
		}
		index[i] = entry{uint64(at - start), uint64(len(dst) - at)}
	}
	if s.atStart {
		stored, err := s.appendIndex(nil, index, sc)
		copy(dst[start:], stored)
		return dst, err
	}
	return s.appendIndex(dst, index, sc)
}

// decode fills values from a whole shard in memory.
func (s *shard) decode(values, stored []byte, sc *scratch) error {
	at, err := s.indexAt(int64(len(stored)))
	if err != nil {
		return err
	}
	index, err := s.parseIndex(stored[at:at+int64(s.indexSize)], int64(len(stored)), sc)
	if err != nil {
		return err
	}
	defer sc.reset(sc.mark())
	buf := sc.take(s.inner.raw)
	zero := make([]int, len(s.shape))
	for i, e := range index {
		if !e.stored() {
			fillBox(values, s.shape, s.position(i), s.inner.shape, s.inner.fill)
			continue
		}
		if err := s.inner.decode(buf, stored[e.offset:e.offset+e.length], sc); err != nil {
			return fmt.Errorf("inner chunk %v: %w", unravel(i, s.counts), err)
		}
		copyBox(values, s.shape, s.position(i), buf, s.inner.shape, zero, s.inner.shape, s.inner.dtype.Size())
	}
	return nil
}
