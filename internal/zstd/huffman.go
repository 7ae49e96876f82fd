package zstd

import (
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/fse"
)

// maxCodeBits is the longest code of a symbol that Zstandard allows.
const maxCodeBits = 11

// huffmanCode has for each byte its code, above lengthBits, and below the code's length; 0 for a byte without.
type huffmanCode [256]uint32

const lengthBits = 6

// pairCode has for two bytes at once, as a little-endian number, both codes, that of the second below that of the
// first (streams go backwards), and their length together.
type pairCode struct {
	code   [1 << 16]uint32
	length [1 << 16]uint8
}

// make fills the tables: 65536 steps, where at least as many bytes are encoded.
func (c *pairCode) make(code *huffmanCode) {
	for second, e := range code {
		bits, n := e>>lengthBits, e&(1<<lengthBits-1)
		codes, lengths := c.code[second<<8:][:256], c.length[second<<8:][:256]
		for first, f := range code {
			codes[first] = bits | f>>lengthBits<<n
			lengths[first] = uint8(n + f&(1<<lengthBits-1))
		}
	}
}

// bytes returns how many bytes a histogram takes, without the code's description; ok is false where the code
// lacks a byte.
func (c *huffmanCode) bytes(hist *[256]uint32) (n int, ok bool) {
	total := uint64(0)
	for s, h := range hist {
		length := c[s] & (1<<lengthBits - 1)
		if h > 0 && length == 0 {
			return 0, false
		}
		total += uint64(h) * uint64(length)
	}
	return int(total / 8), true
}

// makeCode makes a code for a histogram of at least two symbols, and its description. The description is nil
// where it cannot be made.
func makeCode(hist *[256]uint32) (*huffmanCode, []byte) {
	lengths, last := codeLengths(hist)
	longest := uint8(0)
	for _, l := range lengths {
		longest = max(longest, l)
	}
	// A weight w stands for 2^(w-1) of the 2^longest cells of a decoding table. The cells go first to the
	// symbols of weight 1, then to those of weight 2, and so on; a code is the symbol's first cell, cut to length.
	var weights [256]byte
	var cell [maxCodeBits + 2]uint32
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		weights[s] = longest + 1 - l
		if w := weights[s]; w < longest {
			cell[w+1] += 1 << (w - 1)
		}
	}
	for w := 2; w <= int(longest); w++ {
		cell[w] += cell[w-1]
	}
	var code huffmanCode
	for s, w := range weights {
		if w > 0 {
			code[s] = cell[w]>>(w-1)<<lengthBits | uint32(lengths[s])
			cell[w] += 1 << (w - 1)
		}
	}
	return &code, describe(weights[:last]) // the last weight follows from the others
}

// describe is the shorter of the weights' FSE-compressed form, behind its length, and 4 bits for each.
func describe(weights []byte) []byte {
	var packed []byte
	var s fse.Scratch
	s.TableLog = 6
	if b, err := fse.Compress(weights, &s); err == nil && len(b) <= 127 {
		packed = append([]byte{byte(len(b))}, b...)
	}
	if n := 1 + (len(weights)+1)/2; len(weights) <= 128 && (packed == nil || n < len(packed)) {
		packed = append(make([]byte, 0, n), byte(127+len(weights)))
		for i := 0; i < len(weights); i += 2 {
			b := weights[i] << 4
			if i+1 < len(weights) {
				b |= weights[i+1]
			}
			packed = append(packed, b)
		}
	}
	return packed
}

// codeLengths makes Huffman's lengths, none longer than maxCodeBits, 0 for symbols that do not occur. last is
// the last symbol that does.
func codeLengths(hist *[256]uint32) (lengths [256]uint8, last int) {
	var order [256]int // from rare to frequent
	n := 0
	for s, h := range hist {
		if h > 0 {
			order[n] = s
			n++
			last = s
		}
	}
	slices.SortFunc(order[:n], func(a, b int) int {
		if d := int(hist[a]) - int(hist[b]); d != 0 {
			return d
		}
		return a - b
	})
	// The nodes: n leaves in order, then the inner ones, whose counts ascend as well. Joining the two smallest
	// takes from the front of either.
	var count [511]uint64
	var parent [511]int
	for i, s := range order[:n] {
		count[i] = uint64(hist[s])
	}
	leaf, inner := 0, n
	for next := n; next < 2*n-1; next++ {
		for range 2 {
			least := inner
			if leaf < n && (inner == next || count[leaf] <= count[inner]) {
				least = leaf
				leaf++
			} else {
				inner++
			}
			count[next] += count[least]
			parent[least] = next
		}
	}
	var depth [511]uint8
	var byLength [maxCodeBits + 1]int
	for i := 2*n - 3; i >= 0; i-- {
		depth[i] = depth[parent[i]] + 1
		if i < n {
			byLength[min(depth[i], maxCodeBits)]++
		}
	}
	limit(&byLength)
	i := 0
	for l := maxCodeBits; l > 0; l-- {
		for range byLength[l] {
			lengths[order[i]] = uint8(l)
			i++
		}
	}
	return lengths, last
}

// limit makes the numbers of codes of each length fill the 2^11 cells, after some codes were cut.
func limit(byLength *[maxCodeBits + 1]int) {
	// Codes that were cut take more than the whole: lengthen others, from the longest below the limit on.
	cells := 0
	for l, n := range byLength {
		cells += n << (maxCodeBits - l)
	}
	for cells > 1<<maxCodeBits {
		l := maxCodeBits - 1
		for byLength[l] == 0 {
			l--
		}
		byLength[l]--
		byLength[l+1]++
		cells -= 1 << (maxCodeBits - l - 1)
	}
	// Cells left over go to the most frequent symbols that a shorter code brings to the whole.
	for l := 2; l <= maxCodeBits && cells < 1<<maxCodeBits; {
		if gain := 1 << (maxCodeBits - l); byLength[l] > 0 && cells+gain <= 1<<maxCodeBits {
			byLength[l]--
			byLength[l-1]++
			cells += gain
		} else {
			l++
		}
	}
}

// streamBound is the most bytes that a bit stream of n symbols takes, and that writing it touches.
func streamBound(n int) int { return n*maxCodeBits/8 + 16 }

// encode writes a bit stream to out and returns its length: the symbols from the last to the first, each above the
// one before, and a final 1.
func (c *huffmanCode) encode(out, src []byte) int { return c.finish(out, src, 0, 0, 0) }

// finish writes src, the rest of a stream of which n bits in acc are not written, and the final 1.
func (c *huffmanCode) finish(out, src []byte, at int, acc uint64, n uint) int {
	for i := len(src) - 1; i >= 0; i-- {
		e := c[src[i]]
		acc |= uint64(e>>lengthBits) << (n & 63)
		if n += uint(e & (1<<lengthBits - 1)); n >= 32 {
			binary.LittleEndian.PutUint32(out[at:], uint32(acc))
			acc >>= 32
			n -= 32
			at += 4
		}
	}
	acc |= 1 << (n & 63)
	n++
	binary.LittleEndian.PutUint64(out[at:], acc)
	return at + int(n+7)/8
}

// encode is that of the code single, of which c was made. out has streamBound(len(src)) bytes at least.
func (c *pairCode) encode(out, src []byte, single *huffmanCode) int {
	rest, at, acc, n := c.pairs(out[:streamBound(len(src))], src)
	return single.finish(out, src[:rest], at, acc, n)
}
