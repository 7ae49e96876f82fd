package blosc

import (
	"encoding/binary"
	"fmt"

	"healpipe/internal/codec"
)

// Options say how Encode compresses.
type Options struct {
	Compressor string // lz4, zlib or zstd
	Level      int    // 0 (stored) to 9
	Shuffle    Shuffle
	TypeSize   int // bytes of an element, 1 to 255
	BlockSize  int // bytes; 0 chooses as c-blosc does
}

var formats = map[string]int{"lz4": formatLZ4, "zlib": formatZlib, "zstd": formatZstd}

// Check says whether the options are in range.
func (o Options) Check() error {
	if _, ok := formats[o.Compressor]; !ok {
		return fmt.Errorf("%w %q (there are lz4, zlib and zstd)", ErrUnsupported, o.Compressor)
	}
	if o.Level < 0 || o.Level > 9 || o.TypeSize < 1 || o.TypeSize > 255 || o.BlockSize < 0 || o.BlockSize > maxSize ||
		o.Shuffle < NoShuffle || o.Shuffle > BitShuffle {
		return fmt.Errorf("blosc options out of range: %+v", o)
	}
	return nil
}

// Bound is the most bytes that n bytes take.
func Bound(n int) int { return n + headerSize }

// split says whether c-blosc divides a block into one stream for each byte of an element.
func (o Options) split(blocksize int) bool {
	return o.Compressor != "zstd" && o.TypeSize <= maxSplit && blocksize/o.TypeSize >= minSplitSize
}

// blockSize is c-blosc's choice for n bytes: a multiple of 32 KiB (its guess at a first level cache) that grows
// with the level, times the element's size where blocks are split.
func (o Options) blockSize(n int) int {
	size := n
	if n < o.TypeSize {
		return max(n, 1)
	}
	const base = 32 << 10
	switch {
	case o.BlockSize > 0:
		size = max(o.BlockSize, minSplitSize)
	case n >= base:
		size = base
		if o.Compressor != "lz4" {
			size *= 2
		}
		quarters := [10]int{1, 2, 4, 8, 16, 16, 32, 32, 32, 32}
		size = size / 4 * quarters[o.Level]
		if o.Level == 9 && o.Compressor != "lz4" {
			size *= 2
		}
	}
	if o.Level > 0 && o.split(size) {
		size = min(max(min(size, 256<<10)*o.TypeSize, 64<<10), 1<<20)
	}
	size = min(size, n)
	return max(size/o.TypeSize, 1) * o.TypeSize
}

// Encode appends the buffer of src to dst.
func Encode(dst, src []byte, o Options) ([]byte, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if len(src) > maxSize {
		return nil, fmt.Errorf("blosc: %d bytes are too many for one buffer", len(src))
	}
	h := header{flags: byte(formats[o.Compressor] << 5), typesize: o.TypeSize, nbytes: len(src), blocksize: o.blockSize(len(src))}
	if !o.split(h.blocksize) {
		h.flags |= flagNotSplit
	}
	switch o.Shuffle {
	case ByteShuffle:
		h.flags |= flagShuffled
	case BitShuffle:
		h.flags |= flagBitShuffled
	}
	start := len(dst)
	if o.Level > 0 && len(src) > 0 {
		out, err := h.encodeBlocks(dst, src, o)
		if err != nil || out != nil {
			return out, err
		}
	}
	h.flags |= flagStored
	h.cbytes = headerSize + len(src)
	dst = append(h.append(dst[:start]), src...)
	return dst, nil
}

func (h header) append(dst []byte) []byte {
	dst = append(dst, 2, 1, h.flags, byte(h.typesize))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.nbytes))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.blocksize))
	return binary.LittleEndian.AppendUint32(dst, uint32(h.cbytes))
}

// encodeBlocks appends the whole buffer, or returns nil where it would be longer than stored bytes.
func (h header) encodeBlocks(dst, src []byte, o Options) ([]byte, error) {
	start := len(dst)
	blocks := (len(src) + h.blocksize - 1) / h.blocksize
	dst = append(h.append(dst), make([]byte, 4*blocks)...)
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	room := s.take(2 * h.blocksize)
	for i := range blocks {
		binary.LittleEndian.PutUint32(dst[start+headerSize+4*i:], uint32(len(dst)-start))
		block := src[i*h.blocksize : min((i+1)*h.blocksize, len(src))]
		shuffled := h.shuffle(room[:len(block)], block)
		n := h.splits(len(block))
		size := len(block) / n
		for k := range n {
			stream := shuffled[k*size : (k+1)*size]
			packed := room[h.blocksize : h.blocksize+size]
			length, err := o.compress(packed, stream)
			if err != nil {
				return nil, err
			}
			if length == 0 || length >= size {
				packed, length = stream, size
			}
			dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
			dst = append(dst, packed[:length]...)
		}
		if len(dst)-start > len(src)+headerSize {
			return nil, nil
		}
	}
	binary.LittleEndian.PutUint32(dst[start+12:], uint32(len(dst)-start))
	return dst, nil
}

// shuffle returns the shuffled block, in room, or the block itself.
func (h header) shuffle(room, block []byte) []byte {
	switch {
	case h.flags&flagShuffled != 0 && h.typesize > 1:
		codec.Shuffle(room, block, h.typesize)
		return room
	case h.flags&flagBitShuffled != 0:
		BitShuffleBlock(room, block, h.typesize)
		return room
	}
	return block
}
