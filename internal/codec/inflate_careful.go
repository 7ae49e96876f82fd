package codec

// careful decodes the rest of a block symbol by symbol and checks each byte that it reads or writes. It is what
// decodes near the ends of the buffers.
func (f *Inflater) careful(dst []byte, out int) (int, status) {
	for {
		f.need(48) // less is enough at the end of the input
		e := f.litlen[f.bits&(1<<litlenBits-1)]
		if e&flagSub != 0 {
			if f.n < litlenBits {
				return out, noInput
			}
			f.take(litlenBits)
			e = f.litlen[uint(e>>16)+uint(f.bits&(1<<(e>>8&15)-1))]
		}
		used := uint(e & 0xff)
		switch {
		case used > f.n:
			return out, noInput
		case e&flagLiteral != 0:
			if out == len(dst) {
				return out, noOutput
			}
			f.take(used)
			dst[out] = byte(e >> 16)
			out++
			continue
		case e&flagRare != 0:
			f.take(used)
			if e&flagEnd != 0 {
				return out, done
			}
			if used == 0 && f.n < maxCode {
				return out, noInput // the bits that are missing might have made another code
			}
			return out, badData
		}
		var length, dist int
		if e&flagPair != 0 {
			length = int(e >> 16 & 0x1ff)
			dist = int(e>>32&0x7fff) + int(f.bits>>(e>>8&15)&(e>>47))
			f.take(used)
		} else {
			length = int(e>>16&0x1ff) + int(f.bits>>(e>>8&15)&(e>>25))
			f.take(used)
			f.need(28)
			d := f.dist[f.bits&(1<<distBits-1)]
			if d&flagSub != 0 {
				if f.n < distBits {
					return out, noInput
				}
				f.take(distBits)
				d = f.dist[uint(d>>16&0xffff)+uint(f.bits&(1<<(d>>8&15)-1))]
			}
			used = uint(d & 0xff)
			if used > f.n {
				return out, noInput
			}
			if d&flagRare != 0 {
				return out, badData
			}
			dist = int(d>>32) + int(f.bits>>(d>>8&15)&(d>>16&0xffff))
			f.take(used)
		}
		switch {
		case dist > out:
			return out, badData
		case length > len(dst)-out:
			return out, noOutput
		}
		for range length {
			dst[out] = dst[out-dist]
			out++
		}
	}
}

// What a turn of a fast loop may touch beyond where it starts: three refills of the bit buffer, each reading 8 bytes and
// moving on by 7 at most; two literals, then a match of 258 bytes with 15 bytes of a copy's last step.
const (
	inRoom  = 3*7 + 8
	outRoom = 2 + 258 + 16
)
