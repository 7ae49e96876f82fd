package zstd

import (
	"encoding/binary"
	"math/bits"
)

// fseCode is a code of finite state entropy (RFC 8878, section 4.1), made ready for encoding: the probabilities,
// in cells of a table of 1<<log, and how each symbol moves the state.
type fseCode struct {
	log    uint
	norm   []int16 // cells of each symbol; -1: one cell, at the table's end
	next   [1 << maxFSELog]uint16
	symbol [maxCodes]fseSymbol
}

const (
	maxFSELog = 9
	maxCodes  = 53 // of match lengths, which have the most
)

// fseSymbol: a state, which is the table's size and more, gives (state+nbits)>>16 bits away and goes to
// next[state>>those + first].
type fseSymbol struct {
	nbits uint32
	first int32
}

// set makes the code of given probabilities, whose cells fill the table.
func (c *fseCode) set(norm []int16, log uint) {
	c.log, c.norm = log, append(c.norm[:0], norm...)
	size := 1 << log
	var cells [1 << maxFSELog]uint8
	high := size
	for s, p := range norm {
		if p == -1 {
			high--
			cells[high] = uint8(s)
		}
	}
	at, step := 0, size>>1+size>>3+3
	for s, p := range norm {
		for range p { // none for -1
			cells[at] = uint8(s)
			for at = (at + step) & (size - 1); at >= high; {
				at = (at + step) & (size - 1)
			}
		}
	}
	var start [maxCodes + 1]int
	for s, p := range norm {
		n := int(max(p, -p))
		start[s+1] = start[s] + n
		sym := &c.symbol[s]
		switch n {
		case 0:
		case 1:
			*sym = fseSymbol{uint32(log<<16) - uint32(size), int32(start[s]) - 1}
		default:
			most := log + 1 - uint(bits.Len(uint(n-1)))
			*sym = fseSymbol{uint32(most<<16) - uint32(n)<<most, int32(start[s] - n)}
		}
	}
	for i, s := range cells[:size] {
		c.next[start[s]] = uint16(size + i)
		start[s]++
	}
}

// first returns the state from which a stream's last symbol is read, and that costs no bits.
func (c *fseCode) first(s uint8) uint32 {
	sym := &c.symbol[s]
	n := (sym.nbits + 1<<15) >> 16
	return uint32(c.next[int32((n<<16-sym.nbits)>>n)+sym.first])
}

// encode appends what a symbol takes from the state.
func (c *fseCode) encode(w *bitWriter, state uint32, s uint8) uint32 {
	sym := &c.symbol[s]
	n := (state + sym.nbits) >> 16
	w.add(uint64(state&(1<<n-1)), uint(n))
	return uint32(c.next[int32(state>>n)+sym.first])
}

// normalize shares the cells of a table out to a histogram of more than one symbol, at least one to each
// that occurs. It returns the probabilities up to the last such symbol.
func normalize(norm []int16, hist []uint32, log uint) []int16 {
	total, last := uint64(0), 0
	for s, n := range hist {
		if total += uint64(n); n > 0 {
			last = s
		}
	}
	norm = norm[:0]
	left := 1 << log
	for _, n := range hist[:last+1] {
		p := int16((uint64(n)<<log + total/2) / total)
		if n > 0 {
			p = max(p, 1)
		}
		norm = append(norm, p)
		left -= int(p)
	}
	for left != 0 { // from or to the most frequent symbol, where it matters least
		top := 0
		for s, p := range norm {
			if p > norm[top] {
				top = s
			}
		}
		change := left
		if change < 0 {
			change = max(change, -int(norm[top]+1)/2)
		}
		norm[top] += int16(change)
		left -= change
	}
	return norm
}

// appendNorm appends the description of the probabilities (RFC 8878, section 4.1.1).
func appendNorm(dst []byte, norm []int16, log uint) []byte {
	w := bitWriter{out: dst}
	w.add(uint64(log-5), 4)
	left, width, threshold := 1<<log+1, log+1, 1<<log // left: cells not yet given away, and one
	for s := 0; s < len(norm) && left > 1; s++ {
		p := int(norm[s])
		value, few := p+1, 2*threshold-1-left // values below few take a bit less
		if left -= max(p, -p); value >= threshold {
			value += few
		}
		if value < few {
			w.add(uint64(value), width-1)
		} else {
			w.add(uint64(value), width)
		}
		for left < threshold {
			width--
			threshold >>= 1
		}
		if w.flush(); p != 0 {
			continue
		}
		zeros := 0
		for s+1+zeros < len(norm) && norm[s+1+zeros] == 0 {
			zeros++
		}
		s += zeros
		for ; zeros >= 3; zeros -= 3 {
			w.add(3, 2)
			w.flush()
		}
		w.add(uint64(zeros), 2)
		w.flush()
	}
	return w.bytes()
}

// bitWriter appends bits to out, from the lowest on.
type bitWriter struct {
	out []byte
	acc uint64
	n   uint
}

// add takes up to 56 bits since the last flush, less 7.
func (w *bitWriter) add(v uint64, n uint) {
	w.acc |= v << (w.n & 63)
	w.n += n
}

// flush moves whole bytes out.
func (w *bitWriter) flush() {
	whole := w.n >> 3
	w.out = binary.LittleEndian.AppendUint64(w.out, w.acc)[:len(w.out)+int(whole)]
	w.acc >>= 8 * whole & 63
	w.n &= 7
}

// bytes returns the bits, the last byte filled up with zeros.
func (w *bitWriter) bytes() []byte {
	if w.flush(); w.n > 0 {
		w.out = append(w.out, byte(w.acc))
	}
	return w.out
}

// closed returns the bits and a final 1, by which a reader finds the end.
func (w *bitWriter) closed() []byte {
	w.add(1, 1)
	return w.bytes()
}
