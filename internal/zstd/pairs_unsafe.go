//go:build (amd64 || arm64) && !safe

package zstd

import "unsafe"

// pairs writes the codes of all of src but for the first 0 to 3 bytes. It returns the number of these, where in
// out it stands, and the n bits in acc that are still to be written there. pairs_safe.go has its twin with checked
// loads and stores.
//
// Each turn takes 4 bytes, from src[i-4] on with i >= 4, and adds at most 4*maxCodeBits = 44 bits to the 7 left
// over, so 51 fit in acc. Having taken k bytes, at is at most k*maxCodeBits/8, and the store of 8 bytes ends within
// out, which has streamBound(len(src)), 16 bytes more than that. Both machines load and store at any address,
// and are little-endian.
func (c *pairCode) pairs(out, src []byte) (rest, at int, acc uint64, n uint) {
	from, to := unsafe.Pointer(unsafe.SliceData(src)), unsafe.Pointer(unsafe.SliceData(out))
	i := len(src)
	for ; i >= 4; i -= 4 {
		second, first := *(*uint16)(unsafe.Add(from, i-2)), *(*uint16)(unsafe.Add(from, i-4))
		acc |= uint64(c.code[second]) << (n & 63)
		n += uint(c.length[second])
		acc |= uint64(c.code[first]) << (n & 63)
		n += uint(c.length[first])
		*(*uint64)(unsafe.Add(to, at)) = acc
		at += int(n >> 3)
		acc >>= n &^ 7 & 63
		n &= 7
	}
	return i, at, acc, n
}
