//go:build (amd64 || arm64) && !safe

package codec

import "unsafe"

const haveUnsafe = true

func load64(p unsafe.Pointer, i int) uint64 { return *(*uint64)(unsafe.Add(p, i)) }

func store64(p unsafe.Pointer, i int, v uint64) { *(*uint64)(unsafe.Add(p, i)) = v }

func store8(p unsafe.Pointer, i int, v byte) { *(*byte)(unsafe.Add(p, i)) = v }

func (f *Inflater) fastUnsafe(dst []byte, out int) (int, status) {
	inEnd, outEnd := len(f.src)-inRoom, len(dst)-outRoom
	in, bits, n := f.in, f.bits, uint64(f.n)
	if in > inEnd || out > outEnd {
		return out, more
	}
	src, o := unsafe.Pointer(unsafe.SliceData(f.src)), unsafe.Pointer(unsafe.SliceData(dst))
	lt, dt := &f.litlen, &f.dist
	s := more
	bits |= load64(src, in) << (n & 63)
	in += 7 - int(n>>3&7)
	n |= 56
	e := lt[bits&(1<<litlenBits-1)]
	for in <= inEnd && out <= outEnd {
		if int32(e) < 0 {
			bits >>= e & 63
			n -= uint64(e)
			store8(o, out, byte(e>>16))
			out++
			e = lt[bits&(1<<litlenBits-1)]
			bits |= load64(src, in) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
			if int32(e) < 0 {
				bits >>= e & 63
				n -= uint64(e)
				store8(o, out, byte(e>>16))
				out++
				e = lt[bits&(1<<litlenBits-1)]
				if int32(e) < 0 {
					bits >>= e & 63
					n -= uint64(e)
					store8(o, out, byte(e>>16))
					out++
					bits |= load64(src, in) << (n & 63)
					in += 7 - int(n>>3&7)
					n |= 56
					e = lt[bits&(1<<litlenBits-1)]
					for in <= inEnd && out <= outEnd {
						e1, e2, e3 := lt[bits>>8&(1<<litlenBits-1)], lt[bits>>16&(1<<litlenBits-1)], lt[bits>>24&(1<<litlenBits-1)]
						if ((e^(flagLiteral|8))|(e1^(flagLiteral|8))|(e2^(flagLiteral|8))|(e3^(flagLiteral|8)))&(flagLiteral|0xff) != 0 {
							break
						}
						store8(o, out, byte(e>>16))
						store8(o, out+1, byte(e1>>16))
						store8(o, out+2, byte(e2>>16))
						store8(o, out+3, byte(e3>>16))
						out += 4
						bits >>= 32
						n -= 32
						bits |= load64(src, in) << (n & 63)
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
				n -= uint64(e)
				store8(o, out, byte(e>>16))
				out++
				bits |= load64(src, in) << (n & 63)
				in += 7 - int(n>>3&7)
				n |= 56
				e = lt[bits&(1<<litlenBits-1)]
				continue
			}
			if e&flagRare != 0 {
				bits >>= e & 63
				n -= uint64(e)
				s = badData
				if e&flagEnd != 0 {
					s = done
				}
				break
			}
			bits |= load64(src, in) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
		}
		length := int(e>>16&0x1ff) + int(bits>>(e>>8&63)&uint64(e>>25))
		bits >>= e & 63
		n -= uint64(e)
		d := dt[bits&(1<<distBits-1)]
		bits |= load64(src, in) << (n & 63)
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
		dist := int(d>>32) + int(bits>>(d>>8&63)&(d>>16&0xffff))
		bits >>= d & 63
		n -= d
		e = lt[bits&(1<<litlenBits-1)]
		from := out - dist
		if from < 0 {
			s = badData
			break
		}

		to := out
		out += length
		if dist >= 8 {
			store64(o, to, load64(o, from))
			store64(o, to+8, load64(o, from+8))
			store64(o, to+16, load64(o, from+16))
			for to += 24; to < out; to += 8 {
				from += 8
				store64(o, to, load64(o, from+16))
			}
		} else {
			pattern := load64(o, from) & (1<<(8*uint(dist)&63) - 1) * patterns[dist&7]
			step := steps[dist&7]
			for {
				store64(o, to, pattern)
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
