//go:build !(goexperiment.simd && amd64)

package codec

const vectors = false

func adlerVector(s1, s2 uint64, b []byte, n int) (uint64, uint64) { panic("codec: no vectors") }

func lanesVector(dst []float64, lanes int, l *[4]Lane, n int, top byte) bool {
	panic("codec: no vectors")
}

func swapVector(dst, src []uint32, from, to uint32) int { panic("codec: no vectors") }
