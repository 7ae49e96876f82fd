package zstd

import "math"

// smallLog2 has the logarithm of the numbers that are asked for most: the counts of samples, and all probabilities
// of a code. That of 0 is 0 there, for sums of h log h.
var smallLog2 = func() (list [1<<maxFSELog + 1]float64) {
	for i := range list[1:] {
		list[i+1] = math.Log2(float64(i + 1))
	}
	return list
}()

func log2(n uint32) float64 {
	if n < uint32(len(smallLog2)) {
		return smallLog2[n]
	}
	return math.Log2(float64(n))
}
