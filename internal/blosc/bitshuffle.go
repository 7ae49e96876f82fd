package blosc

import "encoding/binary"

// transposeBits transposes an 8 by 8 matrix of bits: bit k of byte j goes to bit j of byte k (Hacker's Delight,
// section 7-3).
func transposeBits(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}

// BitShuffleBlock writes the bit-shuffled form of src, elements of size bytes, to dst, which must be as long.
func BitShuffleBlock(dst, src []byte, size int) {
	n := len(src) / size
	if n%8 != 0 {
		copy(dst, src)
		return
	}
	row := n / 8
	for b := range size {
		planes := dst[8*b*row : 8*(b+1)*row]
		for i, at := 0, b; i < row; i, at = i+1, at+8*size {
			var x uint64
			for j, p := 0, at; j < 8; j, p = j+1, p+size {
				x |= uint64(src[p]) << (8 * j)
			}
			x = transposeBits(x)
			for k, p := 0, i; k < 8; k, p = k+1, p+row {
				planes[p] = byte(x >> (8 * k))
			}
		}
	}
	copy(dst[n*size:], src[n*size:])
}

// BitUnshuffle undoes BitShuffleBlock.
func BitUnshuffle(dst, src []byte, size int) {
	n := len(src) / size
	if n%8 != 0 {
		copy(dst, src)
		return
	}
	row := n / 8
	if size == 1 { // no gaps between the elements
		for i := range row {
			binary.LittleEndian.PutUint64(dst[8*i:], transposeBits(gather(src, i, row)))
		}
	} else {
		for b := range size {
			planes := src[8*b*row : 8*(b+1)*row]
			for i, at := 0, b; i < row; i, at = i+1, at+8*size {
				x := transposeBits(gather(planes, i, row))
				for j, p := 0, at; j < 8; j, p = j+1, p+size {
					dst[p] = byte(x >> (8 * j))
				}
			}
		}
	}
	copy(dst[n*size:], src[n*size:])
}

// gather returns byte i of eight rows.
func gather(planes []byte, i, row int) uint64 {
	var x uint64
	for k, p := 0, i; k < 8; k, p = k+1, p+row {
		x |= uint64(planes[p]) << (8 * k)
	}
	return x
}
