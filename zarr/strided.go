package zarr

import "encoding/binary"

// strides of a C-ordered box, in bytes.
func strides(shape []int, size int) []int {
	s := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		s[d] = size
		size *= shape[d]
	}
	return s
}

// copyBox copies n elements along each dimension from src, a C-ordered box of shape srcShape, starting at
// srcAt, to dst alike.
func copyBox(dst []byte, dstShape, dstAt []int, src []byte, srcShape, srcAt, n []int, size int) {
	do, so, run := 0, 0, size
	ds, ss := strides(dstShape, size), strides(srcShape, size)
	for d := range n {
		if n[d] == 0 {
			return
		}
		do += dstAt[d] * ds[d]
		so += srcAt[d] * ss[d]
	}
	// Trailing dimensions whose elements follow each other in both boxes are one run of bytes.
	dims := len(n)
	for dims > 0 && ds[dims-1] == run && ss[dims-1] == run {
		dims--
		run *= n[dims]
	}
	copyRuns(dst[do:], ds[:dims], src[so:], ss[:dims], n[:dims], run)
}

func copyRuns(dst []byte, ds []int, src []byte, ss, n []int, run int) {
	if len(n) == 0 {
		copy(dst[:run], src[:run])
		return
	}
	if len(n) == 1 && run == 4 { // single float32 values, such as one cell's series
		for i, d, s := 0, 0, 0; i < n[0]; i, d, s = i+1, d+ds[0], s+ss[0] {
			binary.NativeEndian.PutUint32(dst[d:], binary.NativeEndian.Uint32(src[s:]))
		}
		return
	}
	for i := range n[0] {
		copyRuns(dst[i*ds[0]:], ds[1:], src[i*ss[0]:], ss[1:], n[1:], run)
	}
}

// fillBox sets n elements along each dimension of dst, a C-ordered box, from at on.
func fillBox(dst []byte, shape, at, n []int, fill []byte) {
	off, run := 0, len(fill)
	ds := strides(shape, len(fill))
	for d := range n {
		if n[d] == 0 {
			return
		}
		off += at[d] * ds[d]
	}
	dims := len(n)
	for dims > 0 && ds[dims-1] == run {
		dims--
		run *= n[dims]
	}
	fillRuns(dst[off:], ds[:dims], n[:dims], run, fill)
}

func fillRuns(dst []byte, ds, n []int, run int, fill []byte) {
	if len(n) == 0 {
		fillBytes(dst[:run], fill)
		return
	}
	for i := range n[0] {
		fillRuns(dst[i*ds[0]:], ds[1:], n[1:], run, fill)
	}
}

// transpose writes axis perm[i] of src, a C-ordered box of the given shape, as axis i of dst.
func transpose(dst, src []byte, shape, perm []int, size int) {
	n := permute(shape, perm)
	copyAxes(dst, strides(n, size), src, permute(strides(shape, size), perm), n, size)
}

// untranspose is the inverse of transpose: dst has the given shape.
func untranspose(dst, src []byte, shape, perm []int, size int) {
	n := permute(shape, perm)
	copyAxes(dst, permute(strides(shape, size), perm), src, strides(n, size), n, size)
}

func copyAxes(dst []byte, ds []int, src []byte, ss, n []int, size int) {
	for _, x := range n {
		if x == 0 {
			return
		}
	}
	run, dims := size, len(n)
	for dims > 0 && ds[dims-1] == run && ss[dims-1] == run {
		dims--
		run *= n[dims]
	}
	copyRuns(dst, ds[:dims], src, ss[:dims], n[:dims], run)
}

// swapBytes reverses the bytes of every word. dst may be src.
func swapBytes(dst, src []byte, word int) {
	switch word {
	case 2:
		for i := 0; i+2 <= len(src); i += 2 {
			binary.LittleEndian.PutUint16(dst[i:], binary.BigEndian.Uint16(src[i:]))
		}
	case 4:
		for i := 0; i+4 <= len(src); i += 4 {
			binary.LittleEndian.PutUint32(dst[i:], binary.BigEndian.Uint32(src[i:]))
		}
	case 8:
		for i := 0; i+8 <= len(src); i += 8 {
			binary.LittleEndian.PutUint64(dst[i:], binary.BigEndian.Uint64(src[i:]))
		}
	default:
		copy(dst, src)
	}
}
