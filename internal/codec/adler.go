package codec

import (
	"bytes"
	"encoding/binary"
)

const adlerMod = 65521

// Adler32 returns the Adler-32 of b (RFC 1950, section 8.2).
func Adler32(b []byte) uint32 { return updateAdler32(1, b) }

// run is how many bytes are looked at together for being all the same. Pads and the upper bytes of a field are.
const run = 2048

// updateAdler32 continues a sum over b.
//
// Per byte d the sums are s1 += d, s2 += s1; over a run of n bytes d that is s2 += n*s1 + d*n*(n+1)/2.
func updateAdler32(sum uint32, b []byte) uint32 {
	s1, s2 := uint64(sum&0xffff), uint64(sum>>16)
	for vectors && len(b) >= 32 {
		n := min(len(b)/32, 1024)
		s1, s2 = adlerVector(s1, s2, b, n)
		s1, s2 = s1%adlerMod, s2%adlerMod
		b = b[n*32:]
	}
	for len(b) > run { // one byte more, which addParts may read
		part := b[:run]
		if d := part[0]; part[run/2] == d && part[run-1] == d && bytes.Equal(part[:run-1], part[1:]) {
			s2 += s1*run + uint64(d)*(run*(run+1)/2)
			s1 += uint64(d) * run
		} else {
			s1, s2 = addParts(s1, s2, b, run/adlerPart)
		}
		b = b[run:]
		s1, s2 = s1%adlerMod, s2%adlerMod
	}
	if n := (len(b) - 1) / adlerPart; n > 0 {
		s1, s2 = addParts(s1, s2, b, n)
		b = b[n*adlerPart:]
	}
	for _, d := range b {
		s1 += uint64(d)
		s2 += s1
	}
	return uint32(s2%adlerMod<<16 | s1%adlerMod)
}

const adlerPart = 128

// addParts adds n parts of N = 128 bytes, at most 16; b has one byte more. Over a part
//
//	s2 += N*s1 + sum of (N-j)*d[j];   s1 += sum of d[j]
//
// With byte j the i-th of the k-th word of 8 its weight is 8*(15-k) + (8-i). Words are added in four lanes of 16 bits,
// even and odd bytes apart. The odd ones, o, are masked; the even ones need no masking, as the words' sum modulo
// 2^64, t, is even + 256*odd and the lanes of even do not overflow. pt and po are the sums of what t and o were
// before each word, which carry the weights 15-k, and are parted in the same way. The weights 8-i are applied
// once a part. No lane overflows: odd and even are at most 16*255, and what is before 120*255 each.
func addParts(s1, s2 uint64, b []byte, n int) (uint64, uint64) {
	const (
		bytesMask = 0x00ff00ff00ff00ff
		lanes     = 0x0000ffff0000ffff
		add       = 0x0001000100010001 // times x: the sum of x's lanes in the top lane
		add32     = 0x0000000100000001 // the same for two lanes of 32 bits
		weights   = 0x0004000300020001 // times x: 4, 3, 2, 1 times its lanes, from the lowest on, added
	)
	s2 += s1 * uint64(n) * adlerPart
	var seen, earlier uint64 // the sum of bytes, and of what it was before each part
	for range n {
		a := (*[adlerPart + 1]byte)(b)
		b = b[adlerPart:]
		earlier += seen
		var t, pt, o, po uint64
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[0:8])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[1:9])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[8:16])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[9:17])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[16:24])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[17:25])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[24:32])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[25:33])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[32:40])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[33:41])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[40:48])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[41:49])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[48:56])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[49:57])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[56:64])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[57:65])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[64:72])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[65:73])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[72:80])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[73:81])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[80:88])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[81:89])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[88:96])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[89:97])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[96:104])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[97:105])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[104:112])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[105:113])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[112:120])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[113:121])&bytesMask
		pt, t = pt+t, t+binary.LittleEndian.Uint64(a[120:128])
		po, o = po+o, o+binary.LittleEndian.Uint64(a[121:129])&bytesMask
		even, before := t-o<<8, pt-po<<8+po
		seen += (even + o) * add >> 48
		before = before&lanes + before>>16&lanes
		// The even bytes weigh 8, 6, 4, 2, the odd ones 7, 5, 3, 1.
		s2 += 8*(before*add32>>32) + 2*(even*weights>>48+o*weights>>48) - o*add>>48
	}
	return s1 + seen, s2 + adlerPart*earlier
}
