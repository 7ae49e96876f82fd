package codec

import "encoding/binary"

// fastSafe is the fast loop in plain Go: the twin of fastUnsafe, with the same results, turn by turn. It stops
// with more before the room at the end of either buffer, see inRoom and outRoom.
func (f *Inflater) fastSafe(dst []byte, out int) (int, status) {
	inEnd, outEnd := len(f.src)-inRoom, len(dst)-outRoom
	in, bits, n := f.in, f.bits, uint64(f.n)
	if in > inEnd || out > outEnd {
		return out, more
	}
	src := f.src
	lt, dt := &f.litlen, &f.dist
	s := more
	bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
	in += 7 - int(n>>3&7)
	n |= 56
	e := lt[bits&(1<<litlenBits-1)]
	for in <= inEnd && out <= outEnd {
		if int32(e) < 0 {
			w := dst[out : out+4]
			bits >>= e & 63
			n -= e
			w[0] = byte(e >> 16)
			out++
			e = lt[bits&(1<<litlenBits-1)]
			bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
			if int32(e) < 0 {
				bits >>= e & 63
				n -= e
				w[1] = byte(e >> 16)
				out++
				e = lt[bits&(1<<litlenBits-1)]
				if int32(e) < 0 {
					bits >>= e & 63
					n -= e
					w[2] = byte(e >> 16)
					out++
					bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
					in += 7 - int(n>>3&7)
					n |= 56
					e = lt[bits&(1<<litlenBits-1)]
					// Codes of noise are mostly of 8 bits: look four up at once where they would be.
					for in <= inEnd && out <= outEnd {
						e1, e2, e3 := lt[bits>>8&(1<<litlenBits-1)], lt[bits>>16&(1<<litlenBits-1)], lt[bits>>24&(1<<litlenBits-1)]
						if ((e^(flagLiteral|8))|(e1^(flagLiteral|8))|(e2^(flagLiteral|8))|(e3^(flagLiteral|8)))&(flagLiteral|0xff) != 0 {
							break
						}
						binary.LittleEndian.PutUint32(dst[out:], uint32(e>>16&0xff|e1>>8&0xff00|e2&0xff0000|e3<<8&0xff000000))
						out += 4
						bits >>= 32
						n -= 32
						bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
						in += 7 - int(n>>3&7)
						n |= 56
						e = lt[bits&(1<<litlenBits-1)]
					}
					continue
				}
			}
		}
		if e&flagRare != 0 {
			if e&flagSub != 0 {
				bits >>= litlenBits
				n -= litlenBits
				e = lt[uint(e>>16)+uint(bits&(1<<(e>>8&15)-1))]
			}
			if int32(e) < 0 {
				bits >>= e & 63
				n -= e
				dst[out] = byte(e >> 16)
				out++
				bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
				in += 7 - int(n>>3&7)
				n |= 56
				e = lt[bits&(1<<litlenBits-1)]
				continue
			}
			if e&flagRare != 0 {
				bits >>= e & 63
				n -= e
				s = badData
				if e&flagEnd != 0 {
					s = done
				}
				break
			}
			bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
		}
		var length, dist int
		if e&flagPair != 0 {
			length = int(e >> 16 & 0x1ff)
			dist = int(e>>32&0x7fff) + int(bits>>(e>>8&63)&(e>>47))
			bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
			bits >>= e & 63
			n -= e
		} else {
			length = int(e>>16&0x1ff) + int(bits>>(e>>8&63)&(e>>25))
			bits >>= e & 63
			n -= e
			d := dt[bits&(1<<distBits-1)]
			bits |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
			if d&flagRare != 0 {
				if d&flagSub != 0 {
					bits >>= distBits
					n -= distBits
					d = dt[uint(d>>16&0xffff)+uint(bits&(1<<(d>>8&15)-1))]
				}
				if d&flagRare != 0 {
					s = badData
					break
				}
			}
			dist = int(d>>32) + int(bits>>(d>>8&63)&(d>>16&0xffff))
			bits >>= d & 63
			n -= d
		}
		e = lt[bits&(1<<litlenBits-1)] // ahead of the copy, which may be slow
		from := out - dist
		if from < 0 {
			s = badData
			break
		}

		to := out
		out += length
		if dist >= 8 {
			a, b := dst[from:from+24], dst[to:to+24]
			binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(a))
			binary.LittleEndian.PutUint64(b[8:], binary.LittleEndian.Uint64(a[8:]))
			binary.LittleEndian.PutUint64(b[16:], binary.LittleEndian.Uint64(a[16:]))
			if length > 24 {
				if dist >= length {
					copy(dst[to+24:out], dst[from+24:])
				} else {
					for to += 24; to < out; to += 8 {
						binary.LittleEndian.PutUint64(dst[to:], binary.LittleEndian.Uint64(dst[to-dist:]))
					}
				}
			}
		} else {
			// The string of dist bytes, repeated.
			pattern := binary.LittleEndian.Uint64(dst[from:]) & (1<<(8*uint(dist)&63) - 1) * patterns[dist&7]
			step := steps[dist&7]
			for {
				binary.LittleEndian.PutUint64(dst[to:], pattern)
				to += step
				if to >= out {
					break
				}
			}
		}
	}
	f.in, f.bits, f.n = in, bits, uint(n&63)
	f.normalize()
	return out, s
}

// patterns holds what repeats a string of so many bytes in 8 bytes; steps the longest multiple of the
// string's length in them.
var (
	patterns = [8]uint64{0, 0x0101010101010101, 0x0001000100010001, 0x0001000001000001, 0x0000000100000001, 0x0000010000000001, 0x0001000000000001, 0x0100000000000001}
	steps    = [8]int{8, 8, 8, 6, 8, 5, 6, 7}
)
