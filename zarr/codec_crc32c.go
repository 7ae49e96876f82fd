package zarr

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// crc32cCodec appends the CRC-32C of the bytes before it, little-endian.
type crc32cCodec struct{}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (crc32cCodec) encode(dst, src []byte) ([]byte, error) {
	sum := crc32.Checksum(src, castagnoli)
	return binary.LittleEndian.AppendUint32(append(dst, src...), sum), nil
}

func (crc32cCodec) decode(dst, src []byte) ([]byte, error) {
	n := len(src) - 4
	if n < 0 {
		return nil, fmt.Errorf("%w: %d bytes are too few for a crc32c", ErrCorrupt, len(src))
	}
	want, got := binary.LittleEndian.Uint32(src[n:]), crc32.Checksum(src[:n], castagnoli)
	if want != got {
		return nil, fmt.Errorf("%w: crc32c is %08x, stored %08x", ErrCorrupt, got, want)
	}
	return src[:n], nil
}

func (crc32cCodec) bound(n int) int         { return n + 4 }
func (crc32cCodec) fixed(n int) (int, bool) { return n + 4, true }
