// Package blosc reads and writes buffers of Blosc 1, the container of numcodecs and of HDF5's filter 32001.
//
// A buffer is a header, the starts of the blocks, and the blocks. Each block of blocksize bytes (the last may be
// shorter) is shuffled and then compressed, as one stream or, "split", as typesize streams of equal length:
//
//	 0  version 2, codec version 1, flags, typesize     flags: 1 shuffled, 2 stored, 4 bitshuffled, 16 not split,
//	 4  bytes of the content          uint32 LE                bits 5 to 7: 0 blosclz, 1 lz4, 3 zlib, 4 zstd
//	 8  bytes of a block              uint32 LE
//	12  bytes of the buffer           uint32 LE
//	16  start of each block           uint32 LE each
//	    block: [bytes uint32 LE, stream]...                as long as its content: not compressed
//
// With the flag "stored" the content follows the header as it is. Bit shuffling puts bit k of byte b of the
// block's elements, eight elements to a byte, into row 8b+k; a block whose count of elements is no multiple of 8
// is left alone.
//
// Decode takes any buffer of the format (Snappy aside) and never writes beyond what it is given. Encode writes
// lz4, zlib and zstd, with c-blosc's choice of block sizes, so that sizes compare.
package blosc
