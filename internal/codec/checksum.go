package codec

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// Fletcher32 returns HDF5's Fletcher-32 of b: sums of big-endian 16 bit words modulo 65535, an odd last byte
// counting as the high half of a word.
func Fletcher32(b []byte) uint32 {
	var s1, s2 uint64
	for len(b) >= 2 {
		block := b[:min(len(b)&^1, 1<<20)] // 2^19 words: s2 stays below 2^16 * 2^38
		b = b[len(block):]
		for ; len(block) >= 2; block = block[2:] {
			s1 += uint64(binary.BigEndian.Uint16(block))
			s2 += s1
		}
		s1, s2 = fold16(s1), fold16(s2)
	}
	if len(b) == 1 {
		s1 += uint64(b[0]) << 8
		s2 += s1
	}
	return uint32(fold16(s2)<<16 | fold16(s1))
}

// fold16 reduces x modulo 65535; a multiple other than 0 becomes 65535, as in HDF5.
func fold16(x uint64) uint64 {
	for x > 0xffff {
		x = x&0xffff + x>>16
	}
	return x
}

// CheckFletcher32 checks a chunk with HDF5's Fletcher-32 behind it and returns the chunk without it. It
// also takes the sum with swapped bytes that HDF5 1.6.2 wrote, as HDF5 does.
func CheckFletcher32(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("fletcher32: %w: %d bytes", ErrCorrupt, len(b))
	}
	data := b[:len(b)-4]
	want, got := binary.LittleEndian.Uint32(b[len(b)-4:]), Fletcher32(data)
	if want != got && want != bits.ReverseBytes32(got)<<16|bits.ReverseBytes32(got)>>16 {
		return nil, fmt.Errorf("fletcher32: %w: sum %08x, want %08x", ErrCorrupt, got, want)
	}
	return data, nil
}

// Lookup3 returns Bob Jenkins's lookup3 hash (hashlittle with initval 0), HDF5's metadata checksum.
func Lookup3(b []byte) uint32 {
	x := 0xdeadbeef + uint32(len(b))
	y, z := x, x
	for len(b) > 12 {
		x += binary.LittleEndian.Uint32(b)
		y += binary.LittleEndian.Uint32(b[4:])
		z += binary.LittleEndian.Uint32(b[8:])
		x = (x - z) ^ bits.RotateLeft32(z, 4)
		z += y
		y = (y - x) ^ bits.RotateLeft32(x, 6)
		x += z
		z = (z - y) ^ bits.RotateLeft32(y, 8)
		y += x
		x = (x - z) ^ bits.RotateLeft32(z, 16)
		z += y
		y = (y - x) ^ bits.RotateLeft32(x, 19)
		x += z
		z = (z - y) ^ bits.RotateLeft32(y, 4)
		y += x
		b = b[12:]
	}
	if len(b) == 0 {
		return z
	}
	var last [12]byte // zeros add nothing, so the tail needs no cases
	copy(last[:], b)
	x += binary.LittleEndian.Uint32(last[:])
	y += binary.LittleEndian.Uint32(last[4:])
	z += binary.LittleEndian.Uint32(last[8:])
	z = (z ^ y) - bits.RotateLeft32(y, 14)
	x = (x ^ z) - bits.RotateLeft32(z, 11)
	y = (y ^ x) - bits.RotateLeft32(x, 25)
	z = (z ^ y) - bits.RotateLeft32(y, 16)
	x = (x ^ z) - bits.RotateLeft32(z, 4)
	y = (y ^ x) - bits.RotateLeft32(x, 14)
	z = (z ^ y) - bits.RotateLeft32(y, 24)
	return z
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C returns the CRC-32C (Castagnoli) of b, the checksum of Zarr's crc32c codec.
func CRC32C(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
