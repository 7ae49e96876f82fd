package codec

import "encoding/binary"

const adlerMod = 65521

// Adler32 returns the Adler-32 of b (RFC 1950, section 8.2).
//
// Per byte d: s1 += d, s2 += s1. Sixteen bytes at a time, with d = d0...d15, that is
//
//	s2 += 16*s1 + 16*d0 + 15*d1 + ... + 1*d15;   s1 += d0 + ... + d15
//
// The bytes of two words are summed per lane of 16 bits over a block: even and odd bytes apart. The lanes'
// plain sums give s1; the lanes' running sums, added up once a step, give the 16*s1 terms; and the weights
// within a step are applied once a block to the lanes' sums.
func Adler32(b []byte) uint32 { return updateAdler32(1, b) }

func updateAdler32(sum uint32, b []byte) uint32 {
	const (
		mask  = 0x00ff00ff00ff00ff
		steps = 22 // running sums of 16 bit lanes: 255 * steps*(steps+1)/2 < 65536
	)
	s1, s2 := uint64(sum&0xffff), uint64(sum>>16)
	for len(b) >= 16 {
		// Up to 5552 bytes before a modulo would be needed for 32 bit sums; 64 bit sums take much more.
		block := b[:min(len(b)&^15, 1<<16)]
		b = b[len(block):]
		for len(block) >= 16 {
			part := block[:min(len(block), 16*steps)]
			block = block[len(part):]
			n := uint64(len(part) / 16)
			// e, o: lanes' sums of the even and odd bytes of the first word; f, p: of the second.
			// r: the running sum of e+o+f+p before each step.
			var e, o, f, p, re, ro, rf, rp uint64
			for len(part) >= 16 {
				x, y := binary.LittleEndian.Uint64(part), binary.LittleEndian.Uint64(part[8:])
				re += e
				ro += o
				rf += f
				rp += p
				e += x & mask
				o += x >> 8 & mask
				f += y & mask
				p += y >> 8 & mask
				part = part[16:]
			}
			s2 += 16 * n * s1
			s2 += 16 * (lanes(re) + lanes(ro) + lanes(rf) + lanes(rp))
			s2 += weigh(e, 16) + weigh(o, 15) + weigh(f, 8) + weigh(p, 7)
			s1 += lanes(e) + lanes(o) + lanes(f) + lanes(p)
		}
		s1 %= adlerMod
		s2 %= adlerMod
	}
	for _, d := range b {
		s1 += uint64(d)
		s2 += s1
	}
	return uint32(s2%adlerMod<<16 | s1%adlerMod)
}

// lanes adds the four 16 bit lanes of x.
func lanes(x uint64) uint64 {
	return x&0xffff + x>>16&0xffff + x>>32&0xffff + x>>48
}

// weigh adds the lanes of x times w, w-2, w-4, w-6.
func weigh(x, w uint64) uint64 {
	return w*(x&0xffff) + (w-2)*(x>>16&0xffff) + (w-4)*(x>>32&0xffff) + (w-6)*(x>>48)
}
