package codec

import (
	"encoding/binary"
	"math"
)

// Shuffle writes the shuffled form of src, elements of size bytes, to dst, which must be as long.
func Shuffle(dst, src []byte, size int) {
	dst = dst[:len(src)]
	if size < 1 {
		size = 1
	}
	n := len(src) / size
	for k := range size {
		plane := dst[k*n : k*n+n]
		for i, j := 0, k; i < len(plane); i, j = i+1, j+size {
			plane[i] = src[j]
		}
	}
	copy(dst[n*size:], src[n*size:])
}

// Unshuffle undoes [Shuffle]. dst must be as long as src.
func Unshuffle(dst, src []byte, size int) {
	dst = dst[:len(src)]
	if size < 1 {
		size = 1
	}
	n := len(src) / size
	UnshuffleRange(dst[:n*size], src, size, 0)
	copy(dst[n*size:], src[n*size:])
}

// UnshuffleRange restores the elements from, from+1, ... of a shuffled chunk, as many as fill dst.
// len(dst) must be a multiple of size and the elements must be inside the chunk.
func UnshuffleRange(dst, src []byte, size, from int) {
	n := len(src) / max(size, 1)
	to := from + len(dst)/max(size, 1)
	switch size {
	case 0, 1:
		copy(dst, src[from:to])
	case 2:
		p0, p1 := src[from:to], src[n+from:n+to]
		p1 = p1[:len(p0)]
		for i := range p0 {
			binary.LittleEndian.PutUint16(dst[2*i:], uint16(p0[i])|uint16(p1[i])<<8)
		}
	case 4:
		p0, p1, p2, p3 := planes4(src, n, from, to)
		out := dst
		for i := range p0 {
			if len(out) < 4 {
				break
			}
			binary.LittleEndian.PutUint32(out, uint32(p0[i])|uint32(p1[i])<<8|uint32(p2[i])<<16|uint32(p3[i])<<24)
			out = out[4:]
		}
	case 8:
		p0, p1, p2, p3 := planes4(src, n, from, to)
		p4, p5, p6, p7 := planes4(src[4*n:], n, from, to)
		p4, p5, p6, p7 = p4[:len(p0)], p5[:len(p0)], p6[:len(p0)], p7[:len(p0)]
		for i := range p0 {
			binary.LittleEndian.PutUint64(dst[8*i:], uint64(uint32(p0[i])|uint32(p1[i])<<8|uint32(p2[i])<<16|uint32(p3[i])<<24)|
				uint64(uint32(p4[i])|uint32(p5[i])<<8|uint32(p6[i])<<16|uint32(p7[i])<<24)<<32)
		}
	default:
		for k := range size {
			for i, x := range src[k*n+from : k*n+to] {
				dst[i*size+k] = x
			}
		}
	}
}

// UnshuffleFloat32 restores elements from, from+1, ... of a shuffled chunk of float32, len(dst) of them.
// The elements must be inside the chunk. bigEndian tells the order of the bytes in the file.
func UnshuffleFloat32(dst []float32, src []byte, from int, bigEndian bool) {
	p0, p1, p2, p3 := planes4(src, len(src)/4, from, from+len(dst))
	if bigEndian {
		p0, p1, p2, p3 = p3, p2, p1, p0
	}
	// Four slices of one length: the compiler drops the bounds checks.
	p0, p1, p2, p3 = p0[:len(dst)], p1[:len(dst)], p2[:len(dst)], p3[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(p0[i]) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24)
	}
}

// planes4 returns elements from to to of the first four planes of n bytes.
func planes4(src []byte, n, from, to int) (p0, p1, p2, p3 []byte) {
	p0 = src[from:to]
	p1 = src[n+from : n+to][:len(p0)]
	p2 = src[2*n+from : 2*n+to][:len(p0)]
	p3 = src[3*n+from : 3*n+to][:len(p0)]
	return p0, p1, p2, p3
}
