package hdf5

import (
	"encoding/binary"
	"fmt"
	"math"

	"healpipe/internal/codec"
)

// scaleOffset undoes filter 6. Parameters: scale type (0 decimal digits of a float, 2 integer), scale factor,
// elements, class (0 integer, 1 float), element size, sign, byte order, fill value defined, fill value.
// The chunk: bits per element 4, size of the minimum 1, minimum 8, 0 8, and the elements less the minimum
// in so many bits each; all bits set stands for the fill value.
func (fl *Filter) scaleOffset(dst, src []byte) (int, error) {
	const head = 21
	n, size := int(fl.param(2)), int(fl.param(4))
	float, big := fl.param(3) == 1, fl.param(6) == 1
	if size != 1 && size != 2 && size != 4 && size != 8 || float && size < 4 || n > len(dst)/size {
		return 0, fmt.Errorf("scaleoffset of %d elements of %d bytes: %w", n, size, ErrCorrupt)
	}
	total := n * size
	scale := int(int32(fl.param(1)))
	if float && fl.param(0) != 0 {
		return 0, unsupported("scaleoffset by exponent")
	}
	if !float && scale == 8*size { // the writer left everything as it was
		if len(src) > len(dst) {
			return 0, codec.ErrTooLarge
		}
		return copy(dst, src), nil
	}
	if len(src) < head {
		return 0, fmt.Errorf("scaleoffset chunk of %d bytes: %w", len(src), ErrCorrupt)
	}
	width := int(binary.LittleEndian.Uint32(src))
	var minimum uint64
	for i := range min(int(src[4]), 8) {
		minimum |= uint64(src[5+i]) << (8 * i)
	}
	src = src[head:]
	put := func(i int, v uint64) {
		p := dst[i*size : (i+1)*size]
		for k := range p {
			if big {
				p[size-1-k] = byte(v >> (8 * k))
			} else {
				p[k] = byte(v >> (8 * k))
			}
		}
	}
	if width >= 8*size {
		if width > 8*size || len(src) < total {
			return 0, fmt.Errorf("scaleoffset with %d bits in %d bytes: %w", width, len(src), ErrCorrupt)
		}
		for i := range n {
			var v uint64
			for k := range size {
				v |= uint64(src[i*size+k]) << (8 * k)
			}
			put(i, v)
		}
		return total, nil
	}
	fill := fl.fillBits(size)
	filled := fl.param(7) == 1
	bits := bitstream{b: src}
	for i := range n {
		raw := bits.read(width)
		switch {
		case filled && raw == 1<<width-1:
			put(i, fill)
		case !float:
			put(i, raw+minimum)
		case size == 4:
			v := float32(raw)/float32(math.Pow10(scale)) + math.Float32frombits(uint32(minimum))
			put(i, uint64(math.Float32bits(v)))
		default:
			v := float64(raw)/math.Pow10(scale) + math.Float64frombits(minimum)
			put(i, math.Float64bits(v))
		}
	}
	return total, bits.err()
}

// fillBits returns the fill value among the parameters.
func (fl *Filter) fillBits(size int) uint64 {
	v := uint64(fl.param(8))
	if size == 8 {
		v |= uint64(fl.param(9)) << 32
	}
	return v
}
