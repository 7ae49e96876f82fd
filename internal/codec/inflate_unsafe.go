//go:build (amd64 || arm64) && !safe

package codec

import "unsafe"

// haveUnsafe tells whether the unsafe fast loop is built in: on little-endian machines that load and store words at any
// address, unless the build tag "safe" is given.
const haveUnsafe = true

// fastUnsafe is the fast loop with unchecked loads and stores; [Inflater.fastSafe] is its twin, with the same
// results. It stops with more before the room at the end of either buffer, see inRoom and outRoom.
//
// src and o point at the first bytes of f.src and dst; both slices stay as they are and are alive throughout. The claims
// below, by letter, are all that the pointer arithmetic rests on; tables are indexed with Go's own checks.
//
//	A  At each turn of a loop in <= inEnd = len(src)-inRoom and out <= outEnd = len(dst)-outRoom: its condition.
//	   in and out only grow, so neither is ever negative.
//	B  A refill reads src[in:in+8] and adds at most 7 to in. A turn makes at most three: after a first literal, then
//	   after a third one or a subtable, then in a match. So reads end at inEnd+2*7+8 < inEnd+inRoom = len(src).
//	C  A turn stores at most three literals before a match or a jump, at out, out+1 and out+2 <= outEnd+2 < len(dst).
//	   Runs store four at out to out+3 after checking A anew.
//	D  length <= 258, as litlenSymbols has no more, nor have the pairs made of them. A match begins at to <= outEnd+2, as two literals at most went
//	   before it in the turn, so it ends at out <= outEnd+260.
//	E  dist >= 1, and from = to-dist >= 0 has been checked, so every source lies in dst, below what is stored to.
//	F  Copies store at most 24 bytes from to, or start below out and store 16 bytes at most, so they end at
//	   out+15 or before, below outEnd+outRoom = len(dst). Sources end where copies do, less dist.
//
// Bits: a turn starts with 28 valid bits or more, which a literal and the look-up after it (11+11) need, or a
// length with the look-up of a distance (11+5+9), or a pair (11+13). A refill leaves 56 or more: three literals need 33
// with the look-up, two and a length and a distance's look-up 47, a distance 28, which leaves 28 again. Bits above the valid ones are
// zero or the input's own, so that refills may be combined by or.
//
// n is only right modulo 64: each entry is subtracted whole, as its low byte holds what the symbol consumes.
func (f *Inflater) fastUnsafe(dst []byte, out int) (int, status) {
	inEnd, outEnd := len(f.src)-inRoom, len(dst)-outRoom
	in, bits, n := f.in, f.bits, uint64(f.n)
	if in > inEnd || out > outEnd {
		return out, more
	}
	src, o := unsafe.Pointer(unsafe.SliceData(f.src)), unsafe.Pointer(unsafe.SliceData(dst))
	lt, dt := &f.litlen, &f.dist
	s := more
	bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
	in += 7 - int(n>>3&7)
	n |= 56
	e := lt[bits&(1<<litlenBits-1)]
	for in <= inEnd && out <= outEnd { // A
		if int32(e) < 0 {
			bits >>= e & 63
			n -= e
			*(*byte)(unsafe.Add(o, out)) = byte(e >> 16) // C
			out++
			e = lt[bits&(1<<litlenBits-1)]
			bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
			in += 7 - int(n>>3&7)
			n |= 56
			if int32(e) < 0 {
				bits >>= e & 63
				n -= e
				*(*byte)(unsafe.Add(o, out)) = byte(e >> 16) // C
				out++
				e = lt[bits&(1<<litlenBits-1)]
				if int32(e) < 0 {
					bits >>= e & 63
					n -= e
					*(*byte)(unsafe.Add(o, out)) = byte(e >> 16) // C
					out++
					bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
					in += 7 - int(n>>3&7)
					n |= 56
					e = lt[bits&(1<<litlenBits-1)]
					// Codes of noise are mostly of 8 bits: look four up at once where they would be.
					for in <= inEnd && out <= outEnd { // A
						e1, e2, e3 := lt[bits>>8&(1<<litlenBits-1)], lt[bits>>16&(1<<litlenBits-1)], lt[bits>>24&(1<<litlenBits-1)]
						if ((e^(flagLiteral|8))|(e1^(flagLiteral|8))|(e2^(flagLiteral|8))|(e3^(flagLiteral|8)))&(flagLiteral|0xff) != 0 {
							break
						}
						*(*byte)(unsafe.Add(o, out)) = byte(e >> 16)    // C
						*(*byte)(unsafe.Add(o, out+1)) = byte(e1 >> 16) // C
						*(*byte)(unsafe.Add(o, out+2)) = byte(e2 >> 16) // C
						*(*byte)(unsafe.Add(o, out+3)) = byte(e3 >> 16) // C
						out += 4
						bits >>= 32
						n -= 32
						bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
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
				*(*byte)(unsafe.Add(o, out)) = byte(e >> 16) // C
				out++
				bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
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
			bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
			in += 7 - int(n>>3&7)
			n |= 56
		}
		var length, dist int
		if e&flagPair != 0 {
			length = int(e >> 16 & 0x1ff) // D
			dist = int(e>>32&0x7fff) + int(bits>>(e>>8&63)&(e>>47))
			bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
			in += 7 - int(n>>3&7)
			n |= 56
			bits >>= e & 63
			n -= e
		} else {
			length = int(e>>16&0x1ff) + int(bits>>(e>>8&63)&(e>>25)) // D
			bits >>= e & 63
			n -= e
			d := dt[bits&(1<<distBits-1)]
			bits |= *(*uint64)(unsafe.Add(src, in)) << (n & 63) // B
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
		if from < 0 { // E
			s = badData
			break
		}

		to := out
		out += length
		if dist >= 8 {
			// E, F
			*(*uint64)(unsafe.Add(o, to)) = *(*uint64)(unsafe.Add(o, from))
			*(*uint64)(unsafe.Add(o, to+8)) = *(*uint64)(unsafe.Add(o, from+8))
			*(*uint64)(unsafe.Add(o, to+16)) = *(*uint64)(unsafe.Add(o, from+16))
			from -= to
			for to += 24; to < out; to += 16 {
				*(*uint64)(unsafe.Add(o, to)) = *(*uint64)(unsafe.Add(o, to+from))
				*(*uint64)(unsafe.Add(o, to+8)) = *(*uint64)(unsafe.Add(o, to+from+8))
			}
		} else {
			// E, F; the string of dist bytes, repeated
			pattern := *(*uint64)(unsafe.Add(o, from)) & (1<<(8*uint(dist)&63) - 1) * patterns[dist&7]
			step := steps[dist&7]
			for {
				*(*uint64)(unsafe.Add(o, to)) = pattern
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
