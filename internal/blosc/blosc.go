package blosc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"healpipe/internal/codec"
)

var (
	// ErrCorrupt says that a buffer contradicts itself.
	ErrCorrupt = errors.New("corrupt blosc buffer")
	// ErrUnsupported says that a buffer uses a compressor that this package lacks.
	ErrUnsupported = errors.New("unsupported blosc compressor")
)

// Shuffle is what is done to a block before it is compressed.
type Shuffle int

// The kinds of Shuffle.
const (
	NoShuffle   Shuffle = iota
	ByteShuffle         // byte k of all elements together
	BitShuffle          // bit k of all elements together
)

const (
	headerSize = 16
	maxSize    = 1<<31 - 1 - headerSize

	flagShuffled    = 1
	flagStored      = 2
	flagBitShuffled = 4
	flagNotSplit    = 16

	maxSplit     = 16  // the largest typesize whose blocks are split
	minSplitSize = 128 // elements in a block that is split
)

// header is the fixed part of a buffer.
type header struct {
	flags     byte
	typesize  int
	nbytes    int
	blocksize int
	cbytes    int
}

func (h header) format() int { return int(h.flags >> 5) }

// parseHeader checks what does not depend on the blocks.
func parseHeader(src []byte) (header, error) {
	if len(src) < headerSize {
		return header{}, fmt.Errorf("%w: %d bytes are too few", ErrCorrupt, len(src))
	}
	h := header{flags: src[2], typesize: max(int(src[3]), 1)}
	nbytes, blocksize, cbytes := binary.LittleEndian.Uint32(src[4:]), binary.LittleEndian.Uint32(src[8:]), binary.LittleEndian.Uint32(src[12:])
	switch {
	case src[0] < 1 || src[0] > 2:
		return h, fmt.Errorf("%w: format version %d", ErrCorrupt, src[0])
	case nbytes > maxSize || cbytes > uint32(len(src)) || cbytes < headerSize:
		return h, fmt.Errorf("%w: %d bytes in %d of %d", ErrCorrupt, nbytes, cbytes, len(src))
	case nbytes > 0 && (blocksize == 0 || blocksize > nbytes):
		return h, fmt.Errorf("%w: blocks of %d bytes for %d", ErrCorrupt, blocksize, nbytes)
	}
	h.nbytes, h.blocksize, h.cbytes = int(nbytes), int(blocksize), int(cbytes)
	return h, nil
}

// DecodedLen returns how many bytes a buffer decodes to.
func DecodedLen(src []byte) (int, error) {
	h, err := parseHeader(src)
	return h.nbytes, err
}

// scratch holds what one call works with.
type scratch struct {
	block    []byte
	inflater codec.Inflater
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) take(n int) []byte {
	if cap(s.block) < n {
		s.block = make([]byte, n)
	}
	return s.block[:n]
}

// Decode writes the content of src to dst, which must have room for it, and returns how long it is.
func Decode(dst, src []byte) (int, error) {
	h, err := parseHeader(src)
	if err != nil {
		return 0, err
	}
	if h.nbytes > len(dst) {
		return 0, fmt.Errorf("%w: %d bytes, more than the expected %d", ErrCorrupt, h.nbytes, len(dst))
	}
	dst, src = dst[:h.nbytes], src[:h.cbytes]
	if h.flags&flagStored != 0 {
		if len(src)-headerSize < h.nbytes {
			return 0, fmt.Errorf("%w: %d bytes stored of %d", ErrCorrupt, len(src)-headerSize, h.nbytes)
		}
		return copy(dst, src[headerSize:]), nil
	}
	if h.nbytes == 0 {
		return 0, nil
	}
	blocks := (h.nbytes + h.blocksize - 1) / h.blocksize
	if (len(src)-headerSize)/4 < blocks {
		return 0, fmt.Errorf("%w: %d bytes are too few for %d blocks", ErrCorrupt, len(src), blocks)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	for i := range blocks {
		start := binary.LittleEndian.Uint32(src[headerSize+4*i:])
		if uint64(start) > uint64(len(src)) {
			return 0, fmt.Errorf("%w: block %d starts at %d of %d", ErrCorrupt, i, start, len(src))
		}
		part := dst[i*h.blocksize : min((i+1)*h.blocksize, len(dst))]
		if err := h.decodeBlock(part, src[start:], s); err != nil {
			return 0, fmt.Errorf("block %d: %w", i, err)
		}
	}
	return h.nbytes, nil
}

// splits returns how many streams a block has.
func (h header) splits(size int) int {
	if h.flags&flagNotSplit == 0 && size == h.blocksize && h.typesize <= maxSplit && size/h.typesize >= minSplitSize {
		return h.typesize
	}
	return 1
}

func (h header) decodeBlock(dst, src []byte, s *scratch) error {
	out := dst
	shuffled := h.flags&(flagShuffled|flagBitShuffled) != 0
	if shuffled {
		out = s.take(len(dst))
	}
	n := h.splits(len(dst))
	size := len(dst) / n
	for k := range n {
		if len(src) < 4 {
			return fmt.Errorf("%w: ends before stream %d", ErrCorrupt, k)
		}
		length := binary.LittleEndian.Uint32(src)
		if src = src[4:]; uint64(length) > uint64(len(src)) {
			return fmt.Errorf("%w: stream of %d bytes in %d", ErrCorrupt, length, len(src))
		}
		if err := s.decompress(h.format(), out[k*size:(k+1)*size], src[:length]); err != nil {
			return err
		}
		src = src[length:]
	}
	if shuffled {
		h.unshuffle(dst, out)
	}
	return nil
}

func (h header) unshuffle(dst, src []byte) {
	if h.flags&flagBitShuffled != 0 {
		BitUnshuffle(dst, src, h.typesize)
		return
	}
	codec.Unshuffle(dst, src, h.typesize)
}
