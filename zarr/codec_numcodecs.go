package zarr

import (
	"encoding/binary"
	"fmt"

	"github.com/pierrec/lz4/v4"

	"healpipe/internal/codec"
)

// zlibCodec reads zlib streams, as numcodecs writes them for version 2 arrays and as numcodecs.zlib.
type zlibCodec struct{}

func (zlibCodec) decode(dst, src []byte) ([]byte, error) {
	f := inflaters.Get().(*codec.Inflater)
	defer inflaters.Put(f)
	n, err := f.Zlib(dst[:cap(dst)], src)
	if err != nil {
		return nil, fmt.Errorf("%w: zlib: %v", ErrCorrupt, err)
	}
	return dst[:n], nil
}

func (zlibCodec) encode(dst, src []byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: writing with numcodecs.zlib (gzip is the standard's codec)", ErrUnsupported)
}

func (zlibCodec) bound(n int) int         { return n + n>>8 + 1024 }
func (zlibCodec) fixed(n int) (int, bool) { return 0, false }

// lz4Codec reads numcodecs' LZ4: the content's length, uint32 LE, and one LZ4 block.
type lz4Codec struct{}

func (lz4Codec) decode(dst, src []byte) ([]byte, error) {
	if len(src) < 4 {
		return nil, fmt.Errorf("%w: lz4: %d bytes are too few", ErrCorrupt, len(src))
	}
	size := binary.LittleEndian.Uint32(src)
	if uint64(size) > uint64(cap(dst)) {
		return nil, fmt.Errorf("%w: lz4: %d bytes, more than the expected %d", ErrCorrupt, size, cap(dst))
	}
	n, err := lz4.UncompressBlock(src[4:], dst[:size])
	if err != nil || n != int(size) {
		return nil, fmt.Errorf("%w: lz4: %d of %d bytes: %v", ErrCorrupt, n, size, err)
	}
	return dst[:n], nil
}

func (lz4Codec) encode(dst, src []byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: writing with numcodecs.lz4", ErrUnsupported)
}

func (lz4Codec) bound(n int) int         { return n + n>>7 + 64 }
func (lz4Codec) fixed(n int) (int, bool) { return 0, false }
