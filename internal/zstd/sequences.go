package zstd

import (
	"math"
	"math/bits"
)

// sequence is a match and the literals before it. offset is the distance in bytes; code the offset's value with
// the repeated offsets taken into account (RFC 8878, section 3.1.1.5).
type sequence struct {
	literals, length, offset, code uint32
}

// repeats are the three last offsets.
type repeated [3]uint32

var firstRepeats = repeated{1, 4, 8}

// code returns the value that stands for an offset behind n literals, and notes its use.
func (r *repeated) code(offset, n uint32) uint32 {
	shift := uint32(0)
	if n == 0 {
		shift = 1
	}
	switch {
	case offset == r[0] && n > 0:
		return 1
	case offset == r[1]:
		r[0], r[1] = r[1], r[0]
		return 2 - shift
	case offset == r[2]:
		r[0], r[1], r[2] = r[2], r[0], r[1]
		return 3 - shift
	case n == 0 && offset == r[0]-1:
		r[0], r[1], r[2] = offset, r[0], r[1]
		return 3
	}
	r[0], r[1], r[2] = offset, r[0], r[1]
	return offset + 3
}

const minMatch = 3 // of the format

// lengthCode is a range of lengths: the first, and how many bits tell one from another.
type lengthCode struct {
	first uint32
	bits  uint8
}

// literalCodes and matchCodes are the tables of RFC 8878, section 3.1.1.3.2.1.1, behind the codes that
// stand for one length each.
var (
	literalCodes = codesAfter(0, 16, []uint8{1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	matchCodes   = codesAfter(minMatch, 32, []uint8{1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
)

func codesAfter(first uint32, single int, widths []uint8) []lengthCode {
	var list []lengthCode
	for range single {
		list = append(list, lengthCode{first, 0})
		first++
	}
	for _, w := range widths {
		list = append(list, lengthCode{first, w})
		first += 1 << w
	}
	return list
}

// literalCode and matchCode find the code of a length. From the fifth doubling on, codes are powers of two.
func literalCode(n uint32) uint8 {
	if n >= 64 {
		return uint8(bits.Len32(n) + 18)
	}
	return shortLiteral[n]
}

func matchCode(n uint32) uint8 {
	if n -= minMatch; n >= 128 {
		return uint8(bits.Len32(n) + 35)
	}
	return shortMatch[n]
}

var (
	shortLiteral = lookup(literalCodes, 0, 64)
	shortMatch   = lookup(matchCodes, minMatch, 128)
)

func lookup(codes []lengthCode, from uint32, n int) []uint8 {
	list := make([]uint8, n)
	for i := range list {
		for c := range codes {
			if codes[c].first <= from+uint32(i) {
				list[i] = uint8(c)
			}
		}
	}
	return list
}

// The predefined probabilities (RFC 8878, section 3.1.1.3.2.2).
var (
	literalNorm = []int16{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	}
	matchNorm = []int16{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	}
	offsetNorm = []int16{1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1}
)

// kind is one of the three codes of a sequence.
type kind struct {
	predefined []int16
	log        uint // of the predefined code
	maxLog     uint
	codes      int
}

var (
	literalKind = kind{literalNorm, 6, 9, 36}
	matchKind   = kind{matchNorm, 6, 9, 53}
	offsetKind  = kind{offsetNorm, 5, 8, 32}
)

const (
	modePredefined = iota
	modeRLE
	modeFSE
	modeRepeat
)

// choose picks the cheapest code for a histogram of n symbols: the predefined one, a code for a single symbol, the
// last block's (if it had one), or one of its own, whose description is appended to dst. It sets c.
func (k kind) choose(c *fseCode, repeat bool, hist []uint32, n int, dst []byte) (out []byte, mode byte) {
	distinct, only := 0, 0
	for s, h := range hist {
		if h > 0 {
			distinct++
			only = s
		}
	}
	predefined := codeCost(hist, k.predefined, k.log)
	if distinct == 1 && (n > 2 || math.IsInf(predefined, 1)) {
		c.log, c.norm = 0, nil
		return append(dst, byte(only)), modeRLE
	}
	mode, best := modePredefined, predefined
	if repeat && c.norm != nil {
		if cost := codeCost(hist, c.norm, c.log); cost <= best {
			mode, best = modeRepeat, cost
		}
	}
	out = dst
	if distinct > 1 {
		log := min(k.maxLog, max(uint(bits.Len(uint(n)))-2+1, uint(bits.Len(uint(distinct-1)))+1, 5))
		var room [maxCodes]int16
		norm := normalize(room[:], hist, log)
		own := appendNorm(dst, norm, log)
		if cost := codeCost(hist, norm, log) + 8*float64(len(own)-len(dst)); cost < best || math.IsInf(best, 1) {
			c.set(norm, log)
			return own, modeFSE
		}
	}
	if mode == modePredefined {
		c.set(k.predefined, k.log)
	}
	return out, mode
}

// codeCost is about how many bits a code takes for a histogram; infinite where it lacks a symbol.
func codeCost(hist []uint32, norm []int16, log uint) float64 {
	total := 0.0
	for s, h := range hist {
		if h == 0 {
			continue
		}
		if s >= len(norm) || norm[s] == 0 {
			return math.Inf(1)
		}
		total += float64(h) * (float64(log) - smallLog2[max(norm[s], -norm[s])])
	}
	return total
}

// sequenceCodes are the codes of the last block and whether the next may repeat them.
type sequenceCodes struct {
	literal, match, offset fseCode
	repeat                 bool
}

// appendSequences appends the sequences section.
func (sc *sequenceCodes) appendSequences(dst []byte, seqs []sequence) []byte {
	n := len(seqs)
	switch {
	case n < 128:
		dst = append(dst, byte(n))
	case n < 0x7f00:
		dst = append(dst, byte(n>>8)+128, byte(n))
	default:
		dst = append(dst, 255, byte(n-0x7f00), byte((n-0x7f00)>>8))
	}
	if n == 0 {
		return dst
	}
	var literals, matches, offsets [maxCodes]uint32
	for i := range seqs {
		s := &seqs[i]
		literals[literalCode(s.literals)]++
		matches[matchCode(s.length)]++
		offsets[bits.Len32(s.code)-1]++
	}
	at := len(dst)
	dst = append(dst, 0)
	var ll, of, ml byte
	dst, ll = literalKind.choose(&sc.literal, sc.repeat, literals[:literalKind.codes], n, dst)
	dst, of = offsetKind.choose(&sc.offset, sc.repeat, offsets[:offsetKind.codes], n, dst)
	dst, ml = matchKind.choose(&sc.match, sc.repeat, matches[:matchKind.codes], n, dst)
	dst[at] = ll<<6 | of<<4 | ml<<2
	sc.repeat = true
	return sc.appendStream(grow(dst, 12*n+16), seqs)
}

// appendStream writes the sequences from the last to the first, each before its fields in the opposite order of
// reading.
func (sc *sequenceCodes) appendStream(dst []byte, seqs []sequence) []byte {
	w := bitWriter{out: dst}
	var literal, match, offset uint32
	for i := len(seqs) - 1; i >= 0; i-- {
		s := &seqs[i]
		ll, ml, of := literalCode(s.literals), matchCode(s.length), uint8(bits.Len32(s.code)-1)
		if i == len(seqs)-1 {
			match, offset, literal = sc.match.start(ml), sc.offset.start(of), sc.literal.start(ll)
		} else {
			offset = sc.offset.move(&w, offset, of)
			match = sc.match.move(&w, match, ml)
			literal = sc.literal.move(&w, literal, ll)
			w.flush()
		}
		w.add(uint64(s.literals-literalCodes[ll].first), uint(literalCodes[ll].bits))
		w.add(uint64(s.length-matchCodes[ml].first), uint(matchCodes[ml].bits))
		w.flush()
		w.add(uint64(s.code)&(1<<of-1), uint(of))
		w.flush()
	}
	w.add(uint64(match)&(1<<sc.match.log-1), sc.match.log)
	w.add(uint64(offset)&(1<<sc.offset.log-1), sc.offset.log)
	w.add(uint64(literal)&(1<<sc.literal.log-1), sc.literal.log)
	return w.closed()
}

// start and move are first and encode, and nothing for a code of a single symbol.
func (c *fseCode) start(s uint8) uint32 {
	if c.log == 0 {
		return 0
	}
	return c.first(s)
}

func (c *fseCode) move(w *bitWriter, state uint32, s uint8) uint32 {
	if c.log == 0 {
		return 0
	}
	return c.encode(w, state, s)
}
