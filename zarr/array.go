package zarr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// ArrayOptions describe a new array. Shape, DataType and Chunks are required.
type ArrayOptions struct {
	Shape    []int
	DataType DataType
	// Chunks is the unit of compression; with Shards set, that of the inner chunks.
	Chunks []int
	// Shards is the shape of the stored objects, a multiple of Chunks. Nil means no sharding.
	Shards []int
	// FillValue is a bool, a Go number, or a string such as "NaN", "-Infinity" or "0x7fc00001" (the bits).
	// Nil means zero.
	FillValue any
	// Codecs of the (inner) chunks. Nil means zarr-python's default: bytes little, zstd level 0 without checksum.
	Codecs []Codec
	// IndexCodecs of the shard index. Nil means bytes little, crc32c.
	IndexCodecs []Codec
	// IndexAtStart puts the shard index before the inner chunks. Such shards are built in memory.
	IndexAtStart bool
	// DimensionNames, one for each dimension, or nil. "" stands for a dimension without a name.
	DimensionNames []string
	// Attributes holds what encoding/json writes. NaN and infinities become the strings of the specification.
	Attributes map[string]any
	// KeyEncoding of the chunks.
	KeyEncoding KeyEncoding
}

// KeyEncoding is how chunk indices become keys. The zero value is the default encoding with "/": c/3/0.
type KeyEncoding struct {
	V2        bool   // 3.0 instead of c.3.0
	Separator string // "/" or "."; "" means "/" for the default encoding and "." for V2
}

// Array is an open array. All methods are safe for concurrent use.
type Array struct {
	store Store
	path  string
	meta  *metadata
	chain *chain
	opt   Options
}

// OpenArray opens the array at path, version 3 or 2. None there is fs.ErrNotExist.
func OpenArray(ctx context.Context, s Store, path string, o Options) (*Array, error) {
	path, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	n, err := readNode(ctx, s, path)
	if err != nil {
		return nil, fmt.Errorf("zarr: array %s: %w", place(s, path), err)
	}
	return newArray(s, path, n, o)
}

// newArray makes the array of a node's metadata.
func newArray(s Store, path string, n node, o Options) (*Array, error) {
	m, err := n.array()
	if err != nil {
		return nil, fmt.Errorf("zarr: array %s: %w", place(s, path), err)
	}
	return makeArray(s, path, m, o)
}

func makeArray(s Store, path string, m *metadata, o Options) (*Array, error) {
	c, err := newChain(m.codecs, m.grid, m.dtype, m.fill)
	if err != nil {
		return nil, fmt.Errorf("zarr: array %s: %w", place(s, path), err)
	}
	if c.skipsAny() && m.readOnly == "" {
		m.readOnly = "one of its codecs is unknown here"
	}
	return &Array{store: s, path: path, meta: m, chain: c, opt: o}, nil
}

// skipsAny says whether the chain, or one of the chains within it, leaves out an unknown codec.
func (c *chain) skipsAny() bool { return c.skips || c.shard != nil && c.shard.inner.skipsAny() }

// place names a node for messages.
func place(s Store, path string) string { return strings.TrimSuffix(s.String()+"/"+path, "/") }

// cleanPath refuses what is no path of a node and drops slashes at the ends.
func cleanPath(path string) (string, error) {
	path = strings.Trim(path, "/")
	if path == "" {
		return "", nil
	}
	for _, part := range strings.Split(path, "/") {
		if strings.Trim(part, ".") == "" || strings.HasPrefix(part, "__") {
			return "", fmt.Errorf("zarr: %w: %q is no node's name", ErrInvalid, path)
		}
	}
	return path, nil
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "/" + name
}

// name names the array for messages.
func (a *Array) name() string { return "array " + place(a.store, a.path) }

// fail adds the place of a chunk to an error.
func (a *Array) fail(index []int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("zarr: %s: chunk %s: %w", a.name(), a.meta.chunkKey(index), err)
}

// Path returns the array's path in its store, without a leading slash.
func (a *Array) Path() string { return a.path }

// Shape returns the number of elements of each dimension.
func (a *Array) Shape() []int { return slices.Clone(a.meta.shape) }

// DataType returns the type of the elements.
func (a *Array) DataType() DataType { return a.meta.dtype }

// Chunks returns the shape of the stored objects: of the shards where the array has them.
func (a *Array) Chunks() []int { return slices.Clone(a.meta.grid) }

// InnerChunks returns the unit of compression: Chunks() without sharding.
func (a *Array) InnerChunks() []int {
	c := a.chain
	if c.shard == nil {
		return slices.Clone(c.shape)
	}
	inner := slices.Clone(c.shard.inner.shape)
	for i, p := range c.perm {
		inner[p] = c.shard.inner.shape[i]
	}
	return inner
}

// DimensionNames returns the names of the dimensions, "" for one without, and nil where the array has none.
func (a *Array) DimensionNames() []string {
	if a.meta.names == nil {
		return nil
	}
	names := make([]string, len(a.meta.names))
	for i, n := range a.meta.names {
		names[i], _ = n.(string)
	}
	return names
}

// Attributes returns a copy of the array's attributes: nil, bool, int64, float64, string, []any, map[string]any.
func (a *Array) Attributes() map[string]any { return fromJSON(a.meta.attrs).(map[string]any) }

// Options returns what Create would need to make the same array again, for comparing with what is wanted.
func (a *Array) Options() ArrayOptions {
	o := ArrayOptions{
		Shape: a.Shape(), DataType: a.DataType(), Chunks: a.Chunks(), FillValue: fillValue(a.meta.dtype, a.meta.fill),
		Codecs: publicCodecs(a.meta.codecs), DimensionNames: a.DimensionNames(), Attributes: a.Attributes(), KeyEncoding: a.meta.keys,
	}
	if s := a.meta.codecs; len(s) == 1 && a.chain.shard != nil {
		config := o.Codecs[0].Configuration
		o.Shards, o.Chunks, o.IndexAtStart = o.Chunks, a.InnerChunks(), a.chain.shard.atStart
		o.Codecs, o.IndexCodecs = config["codecs"].([]Codec), config["index_codecs"].([]Codec)
	}
	return o
}

// SameAs says nil if o describes the array as it is, attributes aside, and otherwise what differs first.
func (a *Array) SameAs(o ArrayOptions) error {
	want, err := newMetadata(o)
	if err != nil {
		return fmt.Errorf("zarr: %s: %w", a.name(), err)
	}
	got := a.meta.canonical()
	for _, m := range want.canonical() {
		if m.key == "attributes" {
			continue
		}
		v, _ := got.get(m.key)
		if g, w := formatJSON(v), formatJSON(m.val); string(g) != string(w) {
			return fmt.Errorf("zarr: %s: %w: %s is %s, not %s", a.name(), ErrMismatch, m.key, oneLine(g), oneLine(w))
		}
	}
	return nil
}

// Grid returns the number of stored objects (chunks or shards) along each dimension.
func (a *Array) Grid() []int {
	g := make([]int, len(a.meta.shape))
	for d := range g {
		g[d] = ceilDiv(a.meta.shape[d], a.meta.grid[d])
	}
	return g
}

// checkIndex refuses an index outside the grid.
func (a *Array) checkIndex(index []int) error {
	grid := a.Grid()
	ok := len(index) == len(grid)
	for d := 0; ok && d < len(grid); d++ {
		ok = index[d] >= 0 && index[d] < grid[d]
	}
	if !ok {
		return fmt.Errorf("zarr: %s: %w: chunk %v outside the grid %v", a.name(), ErrInvalid, index, grid)
	}
	return nil
}

// ChunkRegion returns the part of the array that chunk (or shard) index covers, cut at the array's end.
func (a *Array) ChunkRegion(index []int) Region {
	return box(index, a.meta.grid).meet(a.whole())
}

func (a *Array) whole() Region { return Region{make([]int, len(a.meta.shape)), a.meta.shape} }

// ChunkKey returns the key of a chunk (or shard) in the store.
func (a *Array) ChunkKey(index []int) string { return join(a.path, a.meta.chunkKey(index)) }

// HasChunk says whether a chunk (or shard) is stored. One that is not reads as fill value.
func (a *Array) HasChunk(ctx context.Context, index []int) (bool, error) {
	if err := a.checkIndex(index); err != nil {
		return false, err
	}
	o, err := a.store.Open(ctx, a.ChunkKey(index))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, a.fail(index, err)
	}
	return true, o.Close()
}

// StoredChunks calls fn for every stored chunk (or shard), in any order; fn must not keep index.
func (a *Array) StoredChunks(ctx context.Context, fn func(index []int, size int64) error) error {
	prefix := a.path + "/"
	if a.path == "" {
		prefix = ""
	}
	below := prefix
	if !a.meta.keys.V2 {
		below += "c"
	}
	index := make([]int, len(a.meta.shape))
	err := a.store.List(ctx, below, func(key string, size int64) error {
		if a.meta.parseChunkKey(strings.TrimPrefix(key, prefix), index) {
			return fn(index, size)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("zarr: %s: %w", a.name(), err)
	}
	return nil
}

// StoredInner returns for every inner chunk of a shard, in C order, whether it is stored; all false where the
// shard is missing. Without sharding the chunk is its own only inner chunk.
func (a *Array) StoredInner(ctx context.Context, index []int) ([]bool, error) {
	if !a.chain.partial() {
		ok, err := a.HasChunk(ctx, index)
		return []bool{ok}, err
	}
	if err := a.checkIndex(index); err != nil {
		return nil, err
	}
	stored := make([]bool, a.chain.shard.n)
	o, err := a.store.Open(ctx, a.ChunkKey(index))
	if errors.Is(err, fs.ErrNotExist) {
		return stored, nil
	}
	if err != nil {
		return nil, a.fail(index, err)
	}
	defer o.Close()
	entries, err := a.chain.shard.readIndex(o)
	if err != nil {
		return nil, a.fail(index, err)
	}
	for i, e := range entries {
		stored[i] = e.stored()
	}
	return stored, nil
}
