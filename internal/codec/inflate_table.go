package codec

import (
	"bytes"
	"math/bits"
)

const (
	maxLitlen = 286 // symbols that a dynamic block may define
	maxDist   = 30

	litlenBits  = 11
	distBits    = 9
	precodeBits = 7
	maxCode     = 15 // longest code

	// With the main tables of these widths, no complete code needs more entries with its subtables: the
	// figures are those of zlib's enough.c for 288 symbols, 11 and 15 bits, and 32 symbols, 9 and 15 bits.
	litlenSize = 2342
	distSize   = 594
)

// An entry of the literal/length table:
//
//	literal    1<<31 | byte<<16 | code length
//	length     mask of the extra bits<<25 | base<<16 | code length<<8 | code length + extra bits
//	pair       mask of the distance's extra bits<<47 | its base<<32 | flagPair | length<<16 | bits before those<<8 | bits in all
//	the rest   flagRare | flagEnd or flagSub, or neither for a code that may not be
//	subtable   start<<16 | flagRare | flagSub | width<<8 | litlenBits
//
// A pair is a length with its extra bits and a distance's code where all of these fit the table's width, so that a match
// takes one look-up; see [Inflater.pair].
//
// The low byte is always what the symbol consumes, so that it can be subtracted before the kind is known.
type litlenTable [litlenSize]uint64

// An entry of the distance table, as above: base<<32 | mask<<16 | code length<<8 | code length + extra bits.
// flagRare, flagSub and a subtable's start are where the other table has them.
type distTable [distSize]uint64

const (
	flagLiteral = 1 << 31
	flagPair    = 1 << 30
	flagRare    = 1 << 15
	flagSub     = 1 << 14
	flagEnd     = 1 << 13
)

// litlenSymbols and distSymbols hold the entries without the code length, which is added once for what is consumed and
// once, times 256, for where the extra bits start.
var (
	litlenSymbols = makeLitlenSymbols()
	distSymbols   = makeDistSymbols()
)

func makeLitlenSymbols() (t [288]uint64) {
	for i := range 256 {
		t[i] = flagLiteral | uint64(i)<<16
	}
	t[256] = flagRare | flagEnd
	base := uint64(3)
	for i := range uint64(28) {
		extra := max(i/4, 1) - 1
		t[257+i] = (1<<extra-1)<<25 | base<<16 | extra
		base += 1 << extra
	}
	t[285] = 258 << 16
	t[286], t[287] = flagRare, flagRare
	return t
}

func makeDistSymbols() (t [32]uint64) {
	base := uint64(1)
	for i := range uint64(30) {
		extra := max(i/2, 1) - 1
		t[i] = base<<32 | (1<<extra-1)<<16 | extra
		base += 1 << extra
	}
	t[30], t[31] = flagRare, flagRare
	return t
}

// build fills a decoding table of 1<<width entries and the subtables behind it from code lengths.
// symbols holds the entries without lengths. It returns false for a set of lengths that is no code: over-subscribed
// or incomplete, other than one code of one bit or no code at all.
//
// Codes are made in order of length, bit-reversed; the table is doubled by copying whenever the length
// grows, so that each code is stored once.
func build[E uint32 | uint64](table, symbols []E, lens []uint8, width uint) bool {
	var count, next [maxCode + 1]uint16
	for _, l := range lens {
		count[l&maxCode]++
	}
	longest := uint(maxCode)
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	space, at := 0, uint16(0)
	for l := 1; l <= maxCode; l++ {
		space = space<<1 + int(count[l])
		next[l] = at
		at += count[l]
	}
	var sorted [288]uint16
	for s, l := range lens {
		if l > 0 {
			sorted[next[l&maxCode]] = uint16(s)
			next[l&maxCode]++
		}
	}
	main := table[:1<<width]
	if space != 1<<maxCode {
		// zlib, and compress/flate after it, let a lone code of one bit pass: the other one may not occur.
		if longest > 1 || count[1] > 1 {
			return false
		}
		for i := range main {
			main[i] = flagRare
		}
		if longest == 1 {
			for i := 0; i < len(main); i += 2 {
				main[i] = entry(symbols[sorted[0]], 1)
			}
		}
		return true
	}

	code, l := uint(0), uint(1)
	i, end := 0, uint(2) // the next of sorted; entries filled so far once l is done
	for l <= min(width, longest) {
		for range count[l] {
			main[code] = entry(symbols[sorted[i]], l)
			i++
			code = increment(code, l)
		}
		if l == width {
			break
		}
		copy(main[end:], main[:end])
		end *= 2
		l++
	}
	for ; end < uint(len(main)); end *= 2 {
		copy(main[end:], main[:end])
	}
	if longest <= width {
		return true
	}
	return subtables(table, symbols, sorted[i:], count, code, width)
}

// subtables adds the codes longer than width, from code on.
func subtables[E uint32 | uint64](table, symbols []E, sorted []uint16, count [maxCode + 1]uint16, code, width uint) bool {
	prefix, start, end := uint(1)<<width, uint(0), uint(1)<<width
	l := width + 1
	i := 0
	for ; l <= maxCode; l++ {
		left := uint(count[l])
		for ; left > 0; left-- {
			if p := code & (1<<width - 1); p != prefix {
				// A new subtable, just wide enough for the codes that will share this prefix.
				prefix, start = p, end
				sub, used := l-width, left
				for used < 1<<sub {
					sub++
					used = used<<1 + uint(count[width+sub])
				}
				end = start + 1<<sub
				if end > uint(len(table)) {
					return false
				}
				table[p] = E(uint32(start<<16 | flagRare | flagSub | sub<<8 | width))
			}
			e := entry(symbols[sorted[i]], l-width)
			i++
			for j := start + code>>width; j < end; j += 1 << (l - width) {
				table[j] = e
			}
			code = increment(code, l)
		}
	}
	return true
}

// entry adds a code's length to a symbol's entry.
func entry[E uint32 | uint64](symbol E, length uint) E {
	return symbol + E(length) + E(length)<<8
}

// increment returns the code after a bit-reversed code of l bits; after the last one it is that code again
// with a bit more, which is where the longer codes start.
func increment(code, l uint) uint {
	free := ^code & (1<<l - 1)
	if free == 0 {
		return code
	}
	top := uint(1) << (bits.Len(free) - 1)
	return code&(top-1) | top
}

// pair puts length and distance together in the table of literals and lengths wherever the bits of an index hold both:
// 96 % of the matches of the archive's files, which are short and near.
func (f *Inflater) pair() {
	main := f.litlen[:1<<litlenBits]
	for i, e := range main {
		if e&(flagLiteral|flagRare) != 0 {
			continue
		}
		used := uint(e & 0xff)
		if used >= litlenBits {
			continue
		}
		d := f.dist[i>>used&(1<<distBits-1)]
		code := uint(d >> 8 & 15)
		if d&flagRare != 0 || used+code > litlenBits {
			continue
		}
		length := e>>16&0x1ff + uint64(i)>>(e>>8&15)&(e>>25)
		main[i] = d>>16&0xffff<<47 | d>>32<<32 | flagPair | length<<16 | uint64(used+code)<<8 | (uint64(used) + d&0xff)
	}
}

// fixedTables sets the tables of the fixed codes (RFC 1951, section 3.2.6).
func (f *Inflater) fixedTables() {
	if f.fixed {
		return
	}
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	build(f.litlen[:], litlenSymbols[:], lens[:], litlenBits)
	build(f.dist[:], distSymbols[:], bytes.Repeat([]byte{5}, 32), distBits)
	f.pair()
	f.fixed = true
}

// precodeOrder is the order of the code length codes' lengths (RFC 1951, section 3.2.7).
var precodeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// precodeSymbols holds the entries of the code length alphabet: symbol<<16.
var precodeSymbols = func() (t [19]uint32) {
	for i := range t {
		t[i] = uint32(i) << 16
	}
	return t
}()

// dynamicTables reads a dynamic block's codes and sets the tables.
func (f *Inflater) dynamicTables() error {
	f.fixed = false
	if !f.need(14) {
		return corrupt("code lengths", f.read())
	}
	litlens, dists, precodes := int(f.take(5))+257, int(f.take(5))+1, int(f.take(4))+4
	if litlens > maxLitlen || dists > maxDist {
		return corrupt("number of codes", f.read())
	}
	var pre [19]uint8
	for _, s := range precodeOrder[:precodes] {
		if !f.need(3) {
			return corrupt("code lengths", f.read())
		}
		pre[s] = uint8(f.take(3))
	}
	var table [1 << precodeBits]uint32
	if !build(table[:], precodeSymbols[:], pre[:], precodeBits) {
		return corrupt("code lengths' code", f.read())
	}
	lens := f.lens[:litlens+dists]
	for i := 0; i < len(lens); {
		f.need(precodeBits + 7) // less is enough at the end of the input
		e := table[f.bits&(1<<precodeBits-1)]
		if e&flagRare != 0 || uint(e&0xff) > f.n {
			return corrupt("code lengths", f.read())
		}
		f.take(uint(e & 0xff))
		symbol, repeat, value := e>>16, 1, uint8(e>>16)
		if symbol > 15 {
			var extra, base uint
			switch symbol {
			case 16:
				if i == 0 {
					return corrupt("code lengths", f.read())
				}
				extra, base, value = 2, 3, lens[i-1]
			case 17:
				extra, base, value = 3, 3, 0
			default:
				extra, base, value = 7, 11, 0
			}
			if extra > f.n {
				return corrupt("code lengths", f.read())
			}
			repeat = int(base + f.take(extra))
			if repeat > len(lens)-i {
				return corrupt("code lengths", f.read())
			}
		}
		for range repeat {
			lens[i] = value
			i++
		}
	}
	if !build(f.litlen[:], litlenSymbols[:], lens[:litlens], litlenBits) {
		return corrupt("literal code", f.read())
	}
	if !build(f.dist[:], distSymbols[:], lens[litlens:], distBits) {
		return corrupt("distance code", f.read())
	}
	f.pair()
	return nil
}
