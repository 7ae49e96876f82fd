//go:build (amd64 || arm64) && !safe

package codec

import "unsafe"

const haveUnsafe = true

func load64(p unsafe.Pointer, i int) uint64 { return *(*uint64)(unsafe.Add(p, i)) }

func store64(p unsafe.Pointer, i int, v uint64) { *(*uint64)(unsafe.Add(p, i)) = v }

func store8(p unsafe.Pointer, i int, v byte) { *(*byte)(unsafe.Add(p, i)) = v }

func (f *Inflater) fastUnsafe(dst []byte, out int) (int, status) {
	if len(f.src) < inRoom || len(dst) < outRoom {
		return out, more
	}
	src, o := unsafe.Pointer(unsafe.SliceData(f.src)), unsafe.Pointer(unsafe.SliceData(dst))
	inEnd, outEnd := len(f.src)-inRoom, len(dst)-outRoom
	lt, dt := &f.litlen, &f.dist
	in, bits, n := f.in, f.bits, uint64(f.n)
	s := more
	if in > inEnd || out > outEnd {
		return out, more
	}
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
					continue
				}
				bits |= load64(src, in) << (n & 63)
				in += 7 - int(n>>3&7)
				n |= 56
			}
		}
		if e&flagRare != 0 {
			if e&flagSub == 0 {
				bits >>= e & 63
				n -= uint64(e)
				if e&flagEnd != 0 {
					s = done
				} else {
					s = badData
				}
				break
			}
			bits >>= litlenBits
			n -= litlenBits
			e = lt[uint(e>>16)+uint(bits&(1<<(e>>8&15)-1))]
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
				if e&flagEnd != 0 {
					s = done
				} else {
					s = badData
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
		if d&flagRare != 0 {
			if d&flagSub == 0 {
				s = badData
				break
			}
			bits >>= distBits
			n -= distBits
			d = dt[uint(d>>16)+uint(bits&(1<<(d>>8&15)-1))]
			if d&flagRare != 0 {
				s = badData
				break
			}
		}
		dist := int(d>>32) + int(bits>>(d>>8&63)&(d>>16&0xffff))
		bits >>= d & 63
		n -= d
		from := out - dist
		if from < 0 {
			s = badData
			break
		}
		bits |= load64(src, in) << (n & 63)
		in += 7 - int(n>>3&7)
		n |= 56
		e = lt[bits&(1<<litlenBits-1)]

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
