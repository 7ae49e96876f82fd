//go:build !(goexperiment.simd && amd64)

package regrid

const vectors, wide = false, false

type weights struct{}

func scatterVector(sum, a, b []float64, t targets, lanes int, w *weights, wide bool) {
	panic("regrid: no vectors")
}

func scatterHolesVector(sum []float64, lost []uint32, a, b []float64, t targets, lanes int, w *weights, wide bool) {
	panic("regrid: no vectors")
}

func punchVector(v []float64, missing []float32) bool { panic("regrid: no vectors") }
