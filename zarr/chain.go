package zarr

import (
	"fmt"
	"slices"

	"healpipe/internal/zstd"
)

// chain is a codec chain, made ready for chunks of one shape and type. It is safe for concurrent use.
//
//	values (C order, machine byte order) -> transpose -> byte order, or sharding -> compressors -> stored bytes
type chain struct {
	shape []int
	dtype DataType
	fill  []byte
	raw   int   // bytes of a decoded chunk
	perm  []int // axis i of the stored chunk is axis perm[i] of the decoded one; nil: the same
	swap  bool  // the stored byte order is not the machine's
	shard *shard
	pack  []compressor
	skips bool // has unknown codecs that need not be understood
}

// compressor is a codec from bytes to bytes.
type compressor interface {
	// encode appends to dst.
	encode(dst, src []byte) ([]byte, error)
	// decode returns the decoded bytes, at most cap(dst), in dst or as a part of src.
	decode(dst, src []byte) ([]byte, error)
	// bound is the most bytes that n bytes should take when they are encoded.
	bound(n int) int
	// fixed returns how many bytes n bytes always take, or false.
	fixed(n int) (int, bool)
}

// newChain checks the codecs against shape and type.
func newChain(specs []codecSpec, shape []int, t DataType, fill []byte) (*chain, error) {
	c := &chain{shape: slices.Clone(shape), dtype: t, fill: fill}
	var ok bool
	if c.raw, ok = product(shape, t.Size()); !ok {
		return nil, fmt.Errorf("%w: chunk shape %v overflows", ErrInvalid, shape)
	}
	ordered := false // past the codec that makes bytes of the array
	for _, s := range specs {
		if s.skip {
			c.skips = true
			continue
		}
		if err := c.add(s, &ordered); err != nil {
			return nil, fmt.Errorf("codec %s: %w", s.name, err)
		}
	}
	if !ordered {
		return nil, fmt.Errorf("%w: no codec makes bytes of the array (bytes or sharding_indexed)", ErrInvalid)
	}
	if c.shard == nil && c.raw > maxChunkBytes {
		return nil, fmt.Errorf("%w: chunk of %d bytes, more than %d", ErrUnsupported, c.raw, maxChunkBytes)
	}
	return c, nil
}

// settings are what the configurations of the codecs may have. Those of numcodecs matter for writing alone.
var settings = map[string][]string{
	"bytes": {"endian"}, "endian": {"endian"}, "transpose": {"order"}, "zstd": configOrder["zstd"], "gzip": {"level"}, "crc32c": nil,
	"blosc": configOrder["blosc"], "sharding_indexed": configOrder["sharding_indexed"],
}

func (c *chain) add(s codecSpec, ordered *bool) error {
	if keys, ok := settings[s.name]; ok {
		if err := s.config.only(keys...); err != nil {
			return err
		}
	}
	switch s.name {
	case "transpose", "bytes", "endian", "sharding_indexed":
		if *ordered {
			return fmt.Errorf("%w: follows a codec that made bytes of the array", ErrInvalid)
		}
	default:
		if !*ordered {
			return fmt.Errorf("%w: no codec before it makes bytes of the array", ErrInvalid)
		}
		p, err := newCompressor(s, c.dtype)
		if err == nil {
			c.pack = append(c.pack, p)
		}
		return err
	}
	var err error
	switch s.name {
	case "transpose":
		return c.addTranspose(s)
	case "sharding_indexed":
		c.shard, err = newShard(s, permute(c.shape, c.perm), c.dtype, c.fill)
	default:
		c.swap, err = byteOrder(s, c.dtype)
	}
	*ordered = true
	return err
}

func (c *chain) addTranspose(s codecSpec) error {
	v, _ := s.config.get("order")
	order, ok := jsonInts(v)
	switch v { // strings of the first drafts
	case "C":
		return nil
	case "F":
		order, ok = make([]int, len(c.shape)), true
		for i := range order {
			order[i] = len(order) - 1 - i
		}
	}
	sorted := slices.Sorted(slices.Values(order))
	for i := range sorted {
		ok = ok && sorted[i] == i
	}
	if !ok || len(order) != len(c.shape) {
		return fmt.Errorf("%w: order %s of %d dimensions", ErrInvalid, brief(v), len(c.shape))
	}
	if c.perm == nil {
		c.perm = order
	} else {
		c.perm = permute(c.perm, order)
	}
	if slices.IsSorted(c.perm) {
		c.perm = nil
	}
	return nil
}

// permute returns s[perm[i]], or s itself for a nil perm.
func permute(s, perm []int) []int {
	if perm == nil {
		return s
	}
	p := make([]int, len(s))
	for i := range p {
		p[i] = s[perm[i]]
	}
	return p
}

// byteOrder says whether the codec's byte order is not the machine's.
func byteOrder(s codecSpec, t DataType) (swap bool, err error) {
	v, ok := s.config.get("endian")
	switch {
	case t.wordSize() == 1:
		return false, nil
	case !ok:
		return false, fmt.Errorf("%w: no endian for data type %s", ErrInvalid, t)
	case v == Little:
		return !nativeLittle, nil
	case v == Big:
		return nativeLittle, nil
	}
	return false, fmt.Errorf("%w: endian %s", ErrUnsupported, brief(v))
}

// plain says that a chunk's bytes, before compression, are its values as they are in memory.
func (c *chain) plain() bool { return c.perm == nil && !c.swap && c.shard == nil }

// partial says that single inner chunks can be reached in the stored object.
func (c *chain) partial() bool {
	return c.shard != nil && c.perm == nil && len(c.pack) == 0 && !c.skips
}

// room returns a buffer for the stored form, in scratch memory unless the chain has a shard, whose size is not
// known beforehand.
func (c *chain) room(sc *scratch) []byte {
	if c.shard != nil {
		return nil
	}
	n := c.raw
	for _, p := range c.pack {
		n = p.bound(n)
	}
	return sc.take(n)[:0]
}

// encode appends the stored form of values to dst. It does not change values.
func (c *chain) encode(dst, values []byte, sc *scratch) ([]byte, error) {
	defer sc.reset(sc.mark())
	cur := values
	if c.perm != nil {
		t := sc.take(c.raw)
		transpose(t, values, c.shape, c.perm, c.dtype.Size())
		cur = t
	}
	if c.shard != nil {
		if len(c.pack) == 0 {
			return c.shard.encode(dst, cur, sc)
		}
		b, err := c.shard.encode(nil, cur, sc)
		if err != nil {
			return nil, err
		}
		cur = b
	} else if c.swap {
		t := sc.take(c.raw)
		swapBytes(t, cur, c.dtype.wordSize())
		cur = t
	}
	if len(c.pack) == 0 {
		return append(dst, cur...), nil
	}
	for i, p := range c.pack {
		out := dst
		if i < len(c.pack)-1 {
			t := sc.take(p.bound(len(cur)))
			out = t[:0]
		}
		next, err := p.encode(out, cur)
		if err != nil {
			return nil, err
		}
		if cur = next; i == len(c.pack)-1 {
			return next, nil
		}
	}
	return cur, nil
}

// decode fills values, of c.raw bytes, from the stored form.
func (c *chain) decode(values, stored []byte, sc *scratch) error {
	defer sc.reset(sc.mark())
	cur, err := c.unpack(values, stored, sc)
	if err != nil {
		return err
	}
	if c.shard != nil {
		out := values
		if c.perm != nil {
			out = sc.take(c.raw)
		}
		if err := c.shard.decode(out, cur, sc); err != nil {
			return err
		}
		cur = out
	} else if len(cur) != c.raw {
		return fmt.Errorf("%w: %d bytes after decompression instead of %d", ErrCorrupt, len(cur), c.raw)
	} else if c.swap {
		out := values
		if c.perm != nil {
			out = sc.take(c.raw)
		}
		swapBytes(out, cur, c.dtype.wordSize())
		cur = out
	}
	switch {
	case c.perm != nil:
		untranspose(values, cur, c.shape, c.perm, c.dtype.Size())
	case !sameStart(values, cur):
		copy(values, cur)
	}
	if c.dtype == TypeBool {
		for i, b := range values {
			if b > 1 {
				values[i] = 1 // a Go bool is 0 or 1 in memory
			}
		}
	}
	return nil
}

// decodeBox fills, of values, those of a box of the chunk, if the stored form lets single parts be decoded and the
// box is a small part. Damage elsewhere in the chunk is not noticed then; there is no checksum that would show it.
func (c *chain) decodeBox(values, stored []byte, start, shape []int) bool {
	if !c.plain() || c.skips || len(c.pack) != 1 || c.dtype == TypeBool {
		return false
	}
	p, ok := c.pack[0].(interface {
		decodeParts(dst, src []byte, parts []zstd.Range) bool
	})
	if !ok {
		return false
	}
	// The box is n rows, each as long as its last dimensions follow each other in the chunk.
	d, row, stride := len(shape)-1, c.dtype.Size(), c.dtype.Size()
	for ; d >= 0; d-- {
		row *= shape[d]
		stride *= c.shape[d]
		if shape[d] != c.shape[d] {
			break
		}
	}
	n := 1
	for _, size := range shape[:max(d, 0)] {
		n *= size
	}
	const mostRows, least = 4096, 2 // more rows, or more than 1/least of the chunk, are not worth the search
	if n > mostRows || n*row > c.raw/least {
		return false
	}
	parts := make([]zstd.Range, n)
	for i := range parts {
		from := 0
		for k, at := range unravel(i, shape[:max(d, 0)]) {
			from = from*c.shape[k] + start[k] + at
		}
		from = from*stride + start[max(d, 0)]*(stride/c.shape[max(d, 0)])
		parts[i] = zstd.Range{From: from, To: from + row}
	}
	return p.decodeParts(values, stored, parts)
}

// unpack undoes the compressors. The result is in values, in scratch memory or in stored.
func (c *chain) unpack(values, stored []byte, sc *scratch) ([]byte, error) {
	limit := make([]int, len(c.pack)) // the most that each may decode to
	n := c.raw
	if c.shard != nil {
		n = c.shard.bound()
	}
	for i, p := range c.pack {
		limit[i] = n
		n = p.bound(n)
	}
	cur := stored
	for i := len(c.pack) - 1; i >= 0; i-- {
		var out []byte
		if i == 0 && c.plain() {
			out = values[:0:len(values)]
		} else {
			t := sc.take(limit[i])
			out = t[:0:limit[i]]
		}
		next, err := c.pack[i].decode(out, cur)
		if err != nil {
			return nil, err
		}
		cur = next
	}
	return cur, nil
}

func sameStart(a, b []byte) bool { return len(a) == 0 || len(b) == 0 || &a[0] == &b[0] }

// fixedSize returns the bytes that every encoded chunk takes; false if that depends on the values.
func (c *chain) fixedSize() (int, bool) {
	n, ok := c.raw, c.shard == nil
	for _, p := range c.pack {
		if !ok {
			break
		}
		n, ok = p.fixed(n)
	}
	return n, ok
}

// isFill says that values are the fill value, bit for bit.
func (c *chain) isFill(values []byte) bool {
	n := len(c.fill)
	return len(values) == 0 ||
		string(values[:n]) == string(c.fill) && string(values[n:]) == string(values[:len(values)-n])
}

// setFill fills values with the fill value.
func (c *chain) setFill(values []byte) { fillBytes(values, c.fill) }

func fillBytes(values, fill []byte) {
	for n := copy(values, fill); n < len(values); n *= 2 {
		copy(values[n:], values[:n])
	}
}
