package zarr

// Codec names one step of an array's codec chain, as in its metadata. The functions below make those that
// this package encodes and decodes.
type Codec struct {
	Name          string
	Configuration map[string]any
}

// Byte orders of the codec Bytes.
const (
	Little = "little"
	Big    = "big"
)

// Bytes lays elements out in C order with the byte order Little or Big; "" for one-byte data types.
func Bytes(endian string) Codec {
	if endian == "" {
		return Codec{Name: "bytes"}
	}
	return Codec{Name: "bytes", Configuration: map[string]any{"endian": endian}}
}

// Transpose stores axis order[i] of the chunk as axis i.
func Transpose(order ...int) Codec {
	return Codec{Name: "transpose", Configuration: map[string]any{"order": order}}
}

// Zstd compresses with Zstandard; level 0 is the default level 3. checksum appends a checksum of the content.
func Zstd(level int, checksum bool) Codec {
	return Codec{Name: "zstd", Configuration: map[string]any{"level": level, "checksum": checksum}}
}

// Gzip compresses with gzip at level 0 to 9.
func Gzip(level int) Codec {
	return Codec{Name: "gzip", Configuration: map[string]any{"level": level}}
}

// Blosc compresses with Blosc: compressor lz4, zstd or zlib, level 0 to 9, shuffle noshuffle, shuffle or
// bitshuffle on elements of typesize bytes (zero: the data type's). blocksize 0 chooses one.
func Blosc(compressor string, level int, shuffle string, typesize, blocksize int) Codec {
	return Codec{Name: "blosc", Configuration: map[string]any{
		"cname": compressor, "clevel": level, "shuffle": shuffle, "typesize": typesize, "blocksize": blocksize}}
}

// CRC32C appends a checksum.
func CRC32C() Codec { return Codec{Name: "crc32c"} }

// Sharding divides a chunk into inner chunks with codecs of their own; the index has its own chain and stands
// at the end, or at the start. ArrayOptions.Shards is the usual way to it.
func Sharding(inner []int, codecs, index []Codec, indexAtStart bool) Codec {
	loc := "end"
	if indexAtStart {
		loc = "start"
	}
	return Codec{Name: "sharding_indexed", Configuration: map[string]any{
		"chunk_shape": inner, "codecs": codecs, "index_codecs": index, "index_location": loc}}
}
