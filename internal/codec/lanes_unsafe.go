//go:build (amd64 || arm64) && !safe

package codec

import "unsafe"

// lane8 and lane4 are the inner loops of UnshuffleLane with unchecked loads and stores; lanes_safe.go has
// their twins. UnshuffleLane gives them, with n = len(p0) >= 8,
//
//	len(p0) = len(p1) = len(p2) = len(p3) = n      len(dst) = (n-1)*lanes + 1
//
// and 0 <= i <= n-8 at each turn: it starts with 0 and grows by 8 or to n-8, where the loop ends. So
//
//	A  the loads, p[i:i+8], end at n or before;
//	B  the stores reach from dst[i*lanes] to dst[(i+7)*lanes], at most dst[(n-1)*lanes], the last one.
//
// All slices stay alive and where they are; loads of 8 bytes at any address are what these machines do, and
// they are little-endian.
func lane8(dst []float64, p0, p1, p2, p3 []byte, add uint64) bool {
	n, seen := len(p0), uint64(0)
	q0, q1 := unsafe.Pointer(unsafe.SliceData(p0)), unsafe.Pointer(unsafe.SliceData(p1))
	q2, q3 := unsafe.Pointer(unsafe.SliceData(p2)), unsafe.Pointer(unsafe.SliceData(p3))
	to := unsafe.Pointer(unsafe.SliceData(dst))
	for i := 0; ; {
		a, b := *(*uint64)(unsafe.Add(q0, i)), *(*uint64)(unsafe.Add(q1, i)) // A
		c, d := *(*uint64)(unsafe.Add(q2, i)), *(*uint64)(unsafe.Add(q3, i))
		seen |= reach(d, add)
		a, b = swapBytes(a, b)
		c, d = swapBytes(c, d)
		a, c = swapPairs(a, c)
		b, d = swapPairs(b, d)
		w := (*[57]float64)(unsafe.Add(to, i*64)) // B
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
	q0, q1 := unsafe.Pointer(unsafe.SliceData(p0)), unsafe.Pointer(unsafe.SliceData(p1))
	q2, q3 := unsafe.Pointer(unsafe.SliceData(p2)), unsafe.Pointer(unsafe.SliceData(p3))
	to := unsafe.Pointer(unsafe.SliceData(dst))
	for i := 0; ; {
		a, b := *(*uint64)(unsafe.Add(q0, i)), *(*uint64)(unsafe.Add(q1, i)) // A
		c, d := *(*uint64)(unsafe.Add(q2, i)), *(*uint64)(unsafe.Add(q3, i))
		seen |= reach(d, add)
		a, b = swapBytes(a, b)
		c, d = swapBytes(c, d)
		a, c = swapPairs(a, c)
		b, d = swapPairs(b, d)
		w := (*[29]float64)(unsafe.Add(to, i*32)) // B
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
