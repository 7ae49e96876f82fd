//go:build !(amd64 || arm64) || safe

package codec

import "encoding/binary"

// lane8 and lane4: see lanes_unsafe.go.
func lane8(dst []float64, p0, p1, p2, p3 []byte, add uint64) bool {
	n, seen := len(p0), uint64(0)
	for i := 0; ; {
		a, b := binary.LittleEndian.Uint64(p0[i:]), binary.LittleEndian.Uint64(p1[i:])
		c, d := binary.LittleEndian.Uint64(p2[i:]), binary.LittleEndian.Uint64(p3[i:])
		seen |= reach(d, add)
		a, b = swapBytes(a, b)
		c, d = swapBytes(c, d)
		a, c = swapPairs(a, c)
		b, d = swapPairs(b, d)
		w := (*[57]float64)(dst[i*8:])
		w[0], w[32] = widen(a)
		w[8], w[40] = widen(b)
		w[16], w[48] = widen(c)
		w[24], w[56] = widen(d)
		if i == n-8 {
			return seen&reached != 0
		}
		i = min(i+8, n-8) // the last step may do some elements again
	}
}

func lane4(dst []float64, p0, p1, p2, p3 []byte, add uint64) bool {
	n, seen := len(p0), uint64(0)
	for i := 0; ; {
		a, b := binary.LittleEndian.Uint64(p0[i:]), binary.LittleEndian.Uint64(p1[i:])
		c, d := binary.LittleEndian.Uint64(p2[i:]), binary.LittleEndian.Uint64(p3[i:])
		seen |= reach(d, add)
		a, b = swapBytes(a, b)
		c, d = swapBytes(c, d)
		a, c = swapPairs(a, c)
		b, d = swapPairs(b, d)
		w := (*[29]float64)(dst[i*4:])
		w[0], w[16] = widen(a)
		w[4], w[20] = widen(b)
		w[8], w[24] = widen(c)
		w[12], w[28] = widen(d)
		if i == n-8 {
			return seen&reached != 0
		}
		i = min(i+8, n-8) // the last step may do some elements again
	}
}
