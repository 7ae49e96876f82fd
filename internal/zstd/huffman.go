package zstd

import (
	"slices"
	"sync"

	"github.com/klauspost/compress/fse"
)

// maxCodeBits is the longest code of a symbol that Zstandard allows.
const maxCodeBits = 11

// huffmanCode has for each byte its code, in the low 16 bits, and the code's length above.
type huffmanCode [256]uint32

// pairCode has the code of two bytes at once, which saves an eighth of the time: for the bytes as a
// little-endian number, the code of the second below that of the first (streams go backwards) in the low bits,
// and the length of both above.
type pairCode struct {
	single *huffmanCode
	pairs  [1 << 16]uint32
}

const (
	pairLength = 27 // position of the length: 22 bits at most, 5 for the number
	pairBits   = 1<<pairLength - 1
)

// pairCodes lends tables of 256 KiB.
var pairCodes = sync.Pool{New: func() any { return new(pairCode) }}

// make fills the table: 65536 steps, where encodeLiterals has 256 KiB or more to encode.
func (c *pairCode) make(code *huffmanCode) {
	c.single = code
	for second, e := range code {
		bits, n := e&0xffff, e>>16
		row := c.pairs[second<<8:][:256]
		for first := range row {
			f := code[first]
			row[first] = bits | f&0xffff<<n | (n+f>>16)<<pairLength
		}
	}
}

// makeCode makes a code for a histogram without zeros, and its description. The description is nil where it
// cannot be made.
func makeCode(hist *[256]uint32) (*huffmanCode, []byte) {
	lengths := codeLengths(hist)
	longest := uint8(0)
	for _, l := range lengths {
		longest = max(longest, l)
	}
	// A weight w stands for 2^(w-1) of the 2^longest cells of a decoding table. The cells go first to the
	// symbols of weight 1, then to those of weight 2, and so on; a code is the symbol's first cell, cut to length.
	var weights [256]byte
	var cell [maxCodeBits + 2]uint32
	for s, l := range lengths {
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
		code[s] = cell[w]>>(w-1) | uint32(lengths[s])<<16
		cell[w] += 1 << (w - 1)
	}
	return &code, describe(weights[:255]) // the last weight follows from the others
}

// describe is the weights' FSE-compressed form, behind its length.
func describe(weights []byte) []byte {
	var s fse.Scratch
	s.TableLog = 6
	b, err := fse.Compress(weights, &s)
	if err != nil || len(b) > 127 {
		return nil
	}
	return append([]byte{byte(len(b))}, b...)
}

// codeLengths makes Huffman's lengths, none longer than maxCodeBits.
func codeLengths(hist *[256]uint32) [256]uint8 {
	order := make([]int, 256) // from rare to frequent
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(int64(hist[a]) - int64(hist[b])) })
	// The nodes: 256 leaves in order, then the inner ones, whose counts ascend as well. Joining the two smallest
	// takes from the front of either.
	var count [511]uint64
	var parent [511]int
	for i, s := range order {
		count[i] = uint64(hist[s])
	}
	leaf, inner := 0, 256
	for next := 256; next < 511; next++ {
		for range 2 {
			least := inner
			if leaf < 256 && (inner == next || count[leaf] <= count[inner]) {
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
	var lengths [256]uint8
	var byLength [maxCodeBits + 1]int
	for i := 509; i >= 0; i-- {
		depth[i] = depth[parent[i]] + 1
		if i < 256 {
			byLength[min(depth[i], maxCodeBits)]++
		}
	}
	// Codes that were cut take more than the whole of the 2^11 cells: lengthen others, from the longest below
	// the limit on, until it fits.
	cells := 0
	for l, n := range byLength {
		cells += n << (maxCodeBits - l)
	}
	cells -= byLength[0] << maxCodeBits
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
	i := 0
	for l := maxCodeBits; l > 0; l-- {
		for range byLength[l] {
			lengths[order[i]] = uint8(l)
			i++
		}
	}
	return lengths
}
