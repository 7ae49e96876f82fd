package zarr

import "context"

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
	// IndexAtStart puts the shard index before the inner chunks. Such shards are made in memory.
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
type Array struct{}

// OpenArray opens the array at path, version 3 or 2. None there is fs.ErrNotExist.
func OpenArray(ctx context.Context, s Store, path string, o Options) (*Array, error) {
	return nil, ErrUnsupported
}

// Path returns the array's path in its store, without a leading slash.
func (a *Array) Path() string { return "" }

// Shape returns the number of elements of each dimension.
func (a *Array) Shape() []int { return nil }

// DataType returns the type of the elements.
func (a *Array) DataType() DataType { return "" }

// Chunks returns the shape of the stored objects: of the shards where the array has them.
func (a *Array) Chunks() []int { return nil }

// InnerChunks returns the unit of compression: Chunks() without sharding.
func (a *Array) InnerChunks() []int { return nil }

// DimensionNames returns the names of the dimensions, nil where the array has none.
func (a *Array) DimensionNames() []string { return nil }

// Attributes returns a copy of the array's attributes: nil, bool, int64, float64, string, []any, map[string]any.
func (a *Array) Attributes() map[string]any { return nil }

// Options returns what Create would need to make the same array again, for comparing with what is wanted.
func (a *Array) Options() ArrayOptions { return ArrayOptions{} }

// Grid returns the number of stored objects (chunks or shards) along each dimension.
func (a *Array) Grid() []int { return nil }

// ChunkRegion returns the part of the array that chunk (or shard) index covers, cut at the array's end.
func (a *Array) ChunkRegion(index []int) Region { return Region{} }

// ChunkKey returns the key of a chunk (or shard) in the store.
func (a *Array) ChunkKey(index []int) string { return "" }

// HasChunk says whether a chunk (or shard) is stored. One that is not reads as fill value.
func (a *Array) HasChunk(ctx context.Context, index []int) (bool, error) { return false, ErrUnsupported }

// StoredChunks calls fn for every stored chunk (or shard), in any order; fn must not keep index.
func (a *Array) StoredChunks(ctx context.Context, fn func(index []int, size int64) error) error {
	return ErrUnsupported
}

// StoredInner returns for every inner chunk of a shard, in C order, whether it is stored; all false where the
// shard is missing. Without sharding the chunk is its own only inner chunk.
func (a *Array) StoredInner(ctx context.Context, index []int) ([]bool, error) { return nil, ErrUnsupported }
