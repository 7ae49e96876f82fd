package zstd

import (
	"encoding/binary"
	"math"
)

// literals encodes the literals of blocks, one after the other.
type literals struct {
	code   *huffmanCode // the last block's that a reader knows; nil: none
	common *huffmanCode // one for the whole frame, and its description; nil: none
	tree   []byte
	pairs  *pairCode // made of the code of
	of     *huffmanCode
}

const (
	literalsRaw = iota
	literalsRLE
	literalsCoded
	literalsTreeless
)

// fewLiterals are coded byte by byte; of more, only a part is counted.
const fewLiterals = 64 << 10

// reset begins a frame. Blocks of a long one have mostly the same distribution, so one code, made of a sample, serves
// them all.
func (l *literals) reset(src []byte) {
	const long, every = 256 << 10, 1024
	if l.code, l.common = nil, nil; len(src) < long {
		return
	}
	hist, _ := sample(src, every)
	for s := range hist {
		hist[s]++ // each may occur
	}
	if l.common, l.tree = makeCode(hist); l.tree == nil {
		l.common = nil
	}
}

// append appends the literals section of a block. hist is src's histogram, or that of a part (see count).
// plain says that they are most of the block.
func (l *literals) append(dst, src []byte, hist *[256]uint32, counted int, plain bool) []byte {
	const few = 32 // shorter than any description
	if len(src) < few && (l.code == nil || len(src) < 8) {
		return appendRaw(dst, literalsRaw, src, len(src))
	}
	if int(hist[src[0]]) == counted && same(src) {
		return appendRaw(dst, literalsRLE, src[:1], len(src))
	}
	code, tree := l.choose(src, hist, counted, plain)
	if code == nil {
		return appendRaw(dst, literalsRaw, src, len(src))
	}
	start := len(dst)
	kind := uint64(literalsCoded)
	if tree == nil {
		kind = literalsTreeless
	}
	header := 3
	if len(src) >= 16<<10 {
		header = 5
	} else if len(src) >= 1<<10 {
		header = 4
	}
	dst = append(dst, make([]byte, header)...)
	dst = append(dst, tree...)
	dst = l.appendStreams(dst, src, code)
	size := len(dst) - start - header
	if size+header >= len(src)+2 || header == 4 && size >= 16<<10 || header == 3 && size >= 1<<10 {
		return appendRaw(dst[:start], literalsRaw, src, len(src))
	}
	var h uint64
	switch header {
	case 3:
		h = kind | oneStream(len(src))<<2 | uint64(len(src))<<4 | uint64(size)<<14
	case 4:
		h = kind | 2<<2 | uint64(len(src))<<4 | uint64(size)<<18
	case 5:
		h = kind | 3<<2 | uint64(len(src))<<4 | uint64(size)<<22
	}
	for i := range header {
		dst[start+i] = byte(h >> (8 * i))
	}
	l.code = code
	return dst
}

// oneStream: up to this length there is one stream; the size format says so.
func oneStream(n int) uint64 {
	if n < 256 {
		return 0
	}
	return 1
}

// choose returns the last block's code, without a tree, or a new one; or nil where neither saves space.
func (l *literals) choose(src []byte, hist *[256]uint32, counted int, plain bool) (*huffmanCode, []byte) {
	if l.common != nil && plain && counted < len(src) {
		// A code of its own is worth the time only if it saves more than this.
		const enough = 1.012
		if n, _ := l.common.bytes(hist); float64(n) <= enough*(entropy(hist, counted)+bias(hist)) {
			if l.code == l.common {
				return l.common, nil
			}
			return l.common, l.tree
		}
	}
	if counted < len(src) {
		hist = countAll(src)
	}
	code, tree := makeCode(hist)
	if tree == nil {
		code = nil
	}
	size := len(src)
	if code != nil {
		size, _ = code.bytes(hist)
	}
	if l.code != nil {
		if kept, known := l.code.bytes(hist); known && kept <= size+len(tree) {
			code, tree, size = l.code, nil, kept
		}
	}
	if size+len(tree)+3 >= len(src) {
		return nil, nil
	}
	return code, tree
}

// entropy is the least number of bytes that the bytes of a histogram take, each on its own.
func entropy(hist *[256]uint32, n int) float64 {
	bits := float64(n) * log2(uint32(n))
	for _, h := range hist {
		bits -= float64(h) * log2(h)
	}
	return bits / 8
}

// bias is how many bytes the entropy of a sample is too low on average (Miller and Madow's correction).
func bias(hist *[256]uint32) float64 {
	distinct := 0
	for _, h := range hist {
		if h > 0 {
			distinct++
		}
	}
	return float64(distinct-1) / (2 * math.Ln2 * 8)
}

// appendStreams appends one stream, or the sizes of three and four of them.
func (l *literals) appendStreams(dst, src []byte, code *huffmanCode) []byte {
	if len(src) < 256 {
		at := len(dst)
		dst = grow(dst, streamBound(len(src)))
		return dst[:at+code.encode(dst[at:cap(dst)], src)]
	}
	paired := len(src) >= fewLiterals && code == l.common // a table of pairs takes as long as half a block
	if paired {
		l.preparePairs(code)
	}
	quarter := (len(src) + 3) / 4
	sizes := len(dst)
	dst = append(dst, make([]byte, 6)...)
	for i := range 4 {
		part := src[min(i*quarter, len(src)):min((i+1)*quarter, len(src))]
		at, n := len(dst), 0
		dst = grow(dst, streamBound(len(part)))
		if out := dst[at:cap(dst)]; paired {
			n = l.pairs.encode(out, part, code)
		} else {
			n = code.encode(out, part)
		}
		dst = dst[:at+n]
		if i < 3 {
			binary.LittleEndian.PutUint16(dst[sizes+2*i:], uint16(n))
		}
	}
	return dst
}

func (l *literals) preparePairs(code *huffmanCode) {
	if l.of == code {
		return
	}
	if l.pairs == nil {
		l.pairs = new(pairCode)
	}
	l.pairs.make(code)
	l.of = code
}

// appendRaw appends literals as they are, or one byte that stands for all n.
func appendRaw(dst []byte, kind byte, src []byte, n int) []byte {
	switch {
	case n < 32:
		dst = append(dst, kind|byte(n)<<3)
	case n < 4096:
		dst = append(dst, kind|1<<2|byte(n)<<4, byte(n>>4))
	default:
		dst = append(dst, kind|3<<2|byte(n)<<4, byte(n>>4), byte(n>>12))
	}
	return append(dst, src...)
}

func same(src []byte) bool { return string(src[1:]) == string(src[:len(src)-1]) }

// count counts the bytes of src: all of a few, and a part of more.
func count(src []byte) (hist *[256]uint32, counted int) {
	if len(src) < fewLiterals {
		return countAll(src), len(src)
	}
	return sample(src, 1024)
}

// sampleRun is how many bytes a sample has of each place.
const sampleRun = 32

// sample counts sampleRun bytes of every some. They are brought together first: their loads then wait for memory at
// the same time, where counts wait for each other.
func sample(src []byte, every int) (hist *[256]uint32, counted int) {
	var t tally
	var near [64][sampleRun]byte
	for len(src) >= sampleRun {
		n := 0
		for ; n < len(near) && len(src) >= sampleRun; n++ {
			near[n] = [sampleRun]byte(src)
			src = src[min(every, len(src)):]
		}
		for i := range near[:n] {
			t.add(near[i][:])
		}
		counted += n * sampleRun
	}
	t.add(src)
	return t.sum(), counted + len(src)
}

func countAll(src []byte) *[256]uint32 {
	var t tally
	t.add(src)
	return t.sum()
}

// tally counts in four tables, so that equal bytes in a row do not wait for each other.
type tally [4][256]uint32

func (t *tally) add(p []byte) {
	for ; len(p) >= 4; p = p[4:] {
		t[0][p[0]]++
		t[1][p[1]]++
		t[2][p[2]]++
		t[3][p[3]]++
	}
	for _, x := range p {
		t[0][x]++
	}
}

func (t *tally) sum() *[256]uint32 {
	var hist [256]uint32
	for i := range hist {
		hist[i] = t[0][i] + t[1][i] + t[2][i] + t[3][i]
	}
	return &hist
}

// grow returns dst with room for n more bytes.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	more := make([]byte, len(dst), max(len(dst)+n, cap(dst)+cap(dst)/4))
	copy(more, dst)
	return more
}
