package zstd

import (
	"encoding/binary"
	"math/bits"
)

// matcher finds the sequences of one frame's blocks.
type matcher struct {
	p      params
	src    []byte
	window int
	reps   repeated
	// long and short have for each hash of the next bytes where they were seen last, plus one. With chains, short
	// has the chains' heads, and chain for each position the one before it with the same hash.
	long, short, chain []uint32
	next               int         // first position that the chains do not have
	cost               [256]uint16 // what each byte takes as a literal of this block, in 1/16 bits
	barren             int         // how many of the last blocks in a row had hardly a match
	seqs               []sequence
}

// params are the search's effort.
type params struct {
	longLog, shortLog int
	depth             int // candidates of a chain to look at; 0: no chains, but two tables
	lazy              int // how many positions to look ahead for a better match
	enough            int // a match of this length ends a search
}

// paramsOf come within 3 % of libzstd's sizes at each level (see the tests).
func paramsOf(level, n int) params {
	var p params
	switch {
	case level <= 4:
		p = params{longLog: 17, shortLog: 16}
	case level <= 8:
		p = params{shortLog: 17, depth: 16, lazy: 1, enough: 64}
	case level <= 12:
		p = params{shortLog: 18, depth: 64, lazy: 2, enough: 128}
	default:
		p = params{shortLog: 19, depth: 512, lazy: 2, enough: 512}
	}
	most := max(bits.Len(uint(n)), 8)
	p.longLog, p.shortLog = min(p.longLog, most), min(p.shortLog, most)
	return p
}

const maxChainLog = 20

func (m *matcher) reset(src []byte, window, level int) {
	m.p = paramsOf(level, len(src))
	m.src, m.window, m.reps, m.next = src, window, firstRepeats, 0
	m.barren = 0
	m.short = cleared(m.short, 1<<m.p.shortLog)
	if m.p.depth == 0 {
		m.long = cleared(m.long, 1<<m.p.longLog)
		return
	}
	n := 1 << min(bits.Len(uint(len(src))), maxChainLog)
	if cap(m.chain) < n {
		m.chain = make([]uint32, n)
	}
	m.chain = m.chain[:n]
}

func cleared(t []uint32, n int) []uint32 {
	if cap(t) < n {
		return make([]uint32, n)
	}
	t = t[:n]
	clear(t)
	return t
}

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// Hashes of 4, 5 and 8 bytes of a little-endian word, by multiplication with odd numbers.
func hash4(v uint64, log int) uint32 { return uint32(v) * 2654435761 >> (32 - log) }
func hash5(v uint64, log int) uint32 { return uint32(v << 24 * 889523592379 >> (64 - log)) }
func hash8(v uint64, log int) uint32 { return uint32(v * 0x9e3779b97f4a7c15 >> (64 - log)) }

// matchLength counts the equal bytes from a and from b on, where a is before b, up to end.
func matchLength(src []byte, a, b, end int) int {
	start := b
	for ; b+8 <= end; a, b = a+8, b+8 {
		if x := load64(src, a) ^ load64(src, b); x != 0 {
			return b - start + bits.TrailingZeros64(x)>>3
		}
	}
	for b < end && src[a] == src[b] {
		a++
		b++
	}
	return b - start
}

// emit notes a match at position at, behind the literals from anchor on.
func (m *matcher) emit(anchor, at, length, offset int) {
	s := sequence{literals: uint32(at - anchor), length: uint32(length), offset: uint32(offset)}
	s.code = m.reps.code(s.offset, s.literals)
	m.seqs = append(m.seqs, s)
}

// price sets the cost of literals by a histogram of n bytes.
func (m *matcher) price(hist *[256]uint32, n int) {
	whole := log2(uint32(n + 1))
	for s, h := range hist {
		m.cost[s] = uint16(16 * (whole - log2(h+1)))
	}
}

// pays says whether a match behind some literals takes less than its bytes as literals. In fields of noisy floats
// many of 4 or 5 bytes do not.
func (m *matcher) pays(literals, at, length, offset int) bool {
	if length >= 16 {
		return true
	}
	const codes = 1 // bits of the three codes, at least
	price := codes + bits.Len(uint(literals))
	if offset != int(m.reps[0]) {
		price += bits.Len(uint(offset))
	}
	price *= 16
	for _, b := range m.src[at : at+length] {
		price -= int(m.cost[b])
	}
	return price < 0
}

// block returns the sequences of src[from:end], which has the histogram hist of n of its bytes, and where the
// literals begin that follow the last one.
func (m *matcher) block(from, end int, hist *[256]uint32, n int) (seqs []sequence, rest int) {
	m.seqs = m.seqs[:0]
	m.price(hist, n)
	switch {
	case end-from < 16:
		rest = from
	case m.p.depth == 0:
		rest = m.double(from, end)
	default:
		rest = m.lazy(from, end)
	}
	return m.seqs, rest
}

// double looks a position up by 8 bytes and by 5. The longer it finds nothing, the farther it steps.
func (m *matcher) double(from, end int) (anchor int) {
	src, long, short := m.src, m.long, m.short
	longLog, shortLog := m.p.longLog, m.p.shortLog
	anchor = from
	step, patience := 1, 8
	switch {
	case m.barren > 8:
		step, patience = 32, 6
	case m.barren > 2:
		step, patience = 16, 7
	case m.barren > 0:
		step = 8
	}
	matched := 0
	defer func() {
		if m.barren++; matched >= (end-from)/128 {
			m.barren = 0
		}
	}()
	limit := end - 9 // 8 bytes from the next position on
	for at := from; at <= limit; {
		v := load64(src, at)
		hl, hs := hash8(v, longLog), hash5(v, shortLog)
		byLong, byShort := int(long[hl])-1, int(short[hs])-1
		long[hl], short[hs] = uint32(at+1), uint32(at+1)
		var length, with int
		start := at
		if r := int(m.reps[0]); r <= at+1 && load32(src, at+1-r) == uint32(v>>8) {
			start, with = at+1, at+1-r
			length = 4 + matchLength(src, with+4, start+4, end)
		} else if byLong >= 0 && at-byLong <= m.window && load64(src, byLong) == v {
			with = byLong
			length = 8 + matchLength(src, with+8, start+8, end)
		} else if byShort >= 0 && at-byShort <= m.window && load32(src, byShort) == uint32(v) {
			with = byShort
			v = load64(src, at+1)
			hl = hash8(v, longLog)
			if better := int(long[hl]) - 1; better >= 0 && at+1-better <= m.window && load64(src, better) == v {
				start, with = at+1, better
				length = 8 + matchLength(src, with+8, start+8, end)
			} else {
				length = 4 + matchLength(src, with+4, start+4, end)
			}
		} else if uint32(v) == uint32(v>>32) { // a float twice: in a run of it, this place is a match for the next
			at += 4
			continue
		} else {
			at += (at-anchor)>>patience + step
			continue
		}
		for start > anchor && with > 0 && src[start-1] == src[with-1] {
			start--
			with--
			length++
		}
		if !m.pays(start-anchor, start, length, start-with) {
			at += (at-anchor)>>patience + step
			continue
		}
		m.emit(anchor, start, length, start-with)
		matched += length
		next := start + length
		anchor = next
		if next > limit {
			break
		}
		for _, i := range [2]int{at + 2, next - 2} { // what was passed over may come again
			if i > at {
				v := load64(src, i)
				long[hash8(v, longLog)], short[hash5(v, shortLog)] = uint32(i+1), uint32(i+1)
			}
		}
		at = next
		// The offset before the last often comes at once.
		for at <= limit && at >= int(m.reps[1]) && load32(src, at) == load32(src, at-int(m.reps[1])) {
			r := int(m.reps[1])
			length := 4 + matchLength(src, at+4-r, at+4, end)
			v := load64(src, at)
			long[hash8(v, longLog)], short[hash5(v, shortLog)] = uint32(at+1), uint32(at+1)
			m.emit(at, at, length, r)
			at += length
			anchor = at
		}
	}
	return anchor
}

// found is a match: its value is about 4 for every byte that it saves, less the bits of its offset.
type found struct{ at, with, length, value int }

// lazy looks chains of positions up by 4 bytes, and at the next positions for a better match.
func (m *matcher) lazy(from, end int) (anchor int) {
	src := m.src
	anchor = from
	limit := end - 9
	for at := from; at <= limit; {
		best := m.search(at, anchor, end)
		if best.length == 0 || !m.pays(at-anchor, at, best.length, at-best.with) {
			at += (at-anchor)>>9 + 1
			continue
		}
		for ahead := 1; ahead <= m.p.lazy && best.at+ahead <= limit && best.length < m.p.enough; ahead++ {
			if f := m.search(best.at+ahead, anchor, end); f.length > 0 && f.value > best.value+3*ahead {
				best, ahead = f, 0
			}
		}
		for best.at > anchor && best.with > 0 && src[best.at-1] == src[best.with-1] && best.at-best.with != int(m.reps[0]) {
			best.at--
			best.with--
			best.length++
		}
		m.emit(anchor, best.at, best.length, best.at-best.with)
		at = best.at + best.length
		anchor = at
	}
	return anchor
}

// search returns the best match at a position; its length is 0 if there is none.
func (m *matcher) search(at, anchor, end int) (best found) {
	src := m.src
	v := load64(src, at)
	mask := len(m.chain) - 1
	for ; m.next < at; m.next++ {
		h := hash4(load64(src, m.next), m.p.shortLog)
		m.chain[m.next&mask] = m.short[h]
		m.short[h] = uint32(m.next + 1)
	}
	for i, r := range m.reps {
		with := at - int(r)
		if with < 0 || r == 0 || i == 0 && at == anchor || load32(src, with) != uint32(v) {
			continue
		}
		n := 4 + matchLength(src, with+4, at+4, end)
		if f := (found{at, with, n, 4*n - 1}); f.value > best.value {
			best = f
		}
	}
	oldest := max(at-m.window, at-len(m.chain), 0)
	with := int(m.short[hash4(v, m.p.shortLog)]) - 1
	for tries := m.p.depth; tries > 0 && with >= oldest && best.length < m.p.enough; tries-- {
		if n := best.length; load32(src, with) == uint32(v) && (at+n >= end || src[with+n] == src[at+n]) {
			n := 4 + matchLength(src, with+4, at+4, end)
			if f := (found{at, with, n, 4*n - bits.Len(uint(at-with))}); f.value > best.value {
				best = f
			}
		}
		before := int(m.chain[with&mask]) - 1
		if before >= with { // overwritten by a newer position
			break
		}
		with = before
	}
	return best
}
