//go:build !(amd64 || arm64) || safe

package zstd

import "encoding/binary"

// pairs: see pairs_unsafe.go.
func (c *pairCode) pairs(out, src []byte) (rest, at int, acc uint64, n uint) {
	i := len(src)
	for ; i >= 4; i -= 4 {
		w := binary.LittleEndian.Uint32(src[i-4 : i : i])
		second, first := w>>16, w&0xffff
		acc |= uint64(c.code[second]) << (n & 63)
		n += uint(c.length[second])
		acc |= uint64(c.code[first]) << (n & 63)
		n += uint(c.length[first])
		binary.LittleEndian.PutUint64(out[at:at+8], acc)
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7
	}
	return i, at, acc, n
}
