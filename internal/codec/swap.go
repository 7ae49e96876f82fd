package codec

import "math/bits"

// Swap32 copies words with their bytes in the opposite order, and those that are from then as to. dst, as long as src,
// may be src.
func Swap32(dst, src []uint32, from, to uint32) {
	n := 0
	if vectors {
		n = swapVector(dst, src, from, to)
	}
	dst = dst[:len(src)]
	for i := n; i < len(src); i++ {
		u := bits.ReverseBytes32(src[i])
		if u == from {
			u = to
		}
		dst[i] = u
	}
}
