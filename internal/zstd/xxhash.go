package zstd

import (
	"encoding/binary"
	"math/bits"
)

// The numbers of XXH64.
const (
	prime1 uint64 = 0x9e3779b185ebca87
	prime2 uint64 = 0xc2b2ae3d27d4eb4f
	prime3 uint64 = 0x165667b19e3779f9
	prime4 uint64 = 0x85ebca77c2b2ae63
	prime5 uint64 = 0x27d4eb2f165667c5
)

func mix(acc, v uint64) uint64 { return bits.RotateLeft64(acc+v*prime2, 31) * prime1 }

// xxhash is XXH64 with seed 0, whose lower half is a frame's checksum.
func xxhash(b []byte) uint64 {
	n := uint64(len(b))
	h := prime5
	if n >= 32 {
		p1, p2 := prime1, prime2
		lane := [4]uint64{p1 + p2, p2, 0, -p1}
		for ; len(b) >= 32; b = b[32:] {
			for i := range lane {
				lane[i] = mix(lane[i], binary.LittleEndian.Uint64(b[8*i:]))
			}
		}
		h = 0
		for i, v := range lane {
			h += bits.RotateLeft64(v, [4]int{1, 7, 12, 18}[i])
		}
		for _, v := range lane {
			h = (h^mix(0, v))*prime1 + prime4
		}
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^mix(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, x := range b {
		h = bits.RotateLeft64(h^uint64(x)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}
