// Package zarr reads and writes Zarr groups and arrays: version 3 in full for numeric data, with sharding,
// and version 2 for reading.
//
// A store is a flat space of objects (Store). A version 3 hierarchy in it looks like this:
//
//	zarr.json                 the root group; with consolidated metadata, a copy of every zarr.json below
//	2t/zarr.json              an array: shape, data type, chunk grid, codecs, fill value, attributes
//	2t/c/3/0                  chunk (3, 0) of array 2t, key encoding "default"
//	u/c/3/0/0                 shard (3, 0, 0) of array u: inner chunks and an index of them
//
// A shard holds its inner chunks one after the other, and an index with 16 bytes for each of them:
//
//	[inner chunk][inner chunk] ... [offset uint64][length uint64] ... [crc32c uint32]
//
// # Values
//
// Values travel in the caller's buffers, in C order and in the machine's byte order, through the generic
// functions Read, Write and WriteFrom, whose element type must be the array's data type. Chunks equal to the
// fill value bit for bit are not stored (and deleted where they were); with the fill value 0, -0.0 and NaN
// are data.
//
// # Guarantees
//
//   - An object appears whole or not at all, as far as the Store promises it.
//   - Writing part of a chunk or shard reads, merges and publishes in one Store.Update: concurrent writers of
//     disjoint regions of one shard lose nothing, across processes and machines.
//   - Inner chunks of a shard that a write does not touch are copied as they are, not recompressed.
//   - The same writes in the same order leave the same bytes.
//   - Damaged bytes are an error (ErrCorrupt) with array, chunk and store; they never read as fill value. A small part
//     of a chunk in zstd frames without checksums is decoded alone: damage to the rest is not noticed then.
//   - Metadata that are not understood (a codec, one of its settings, a grid, an extension of an array or group) are
//     refused by name (ErrUnsupported), unless they say "must_understand": false.
//
// # Limits
//
// Data types are the fixed-size numbers, float16, complex and bool. Chunk grids are regular. Version 2 arrays
// are read, not written. A chunk that is not sharded, and an inner chunk, is encoded in memory and has at most
// 2 GiB. The codecs numcodecs.zlib and numcodecs.lz4 and Blosc's blosclz and lz4hc are read, not written.
package zarr
