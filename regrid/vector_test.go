package regrid

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"healpipe/internal/codec"
)

// FuzzVectors compares the vector kernels with the scalar ones, bit for bit. A build without vectors has nothing to compare.
func FuzzVectors(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		if !vectors {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		lanes := 4 + int(seed&1)*4
		special := []float64{0, math.Copysign(0, -1), nan, math.Inf(1), math.Inf(-1), math.MaxFloat32, 0x1p-149, -0x1p-126, 9999}
		row := func(holes bool) []float64 {
			v := make([]float64, (tileColumns+1)*lanes)
			for i := range v {
				v[i] = rng.NormFloat64() * 300
				if rng.IntN(4) == 0 {
					v[i] = special[rng.IntN(len(special))]
				}
				if !holes && (v[i] != v[i] || math.IsInf(v[i], 0)) {
					v[i] = 1
				}
				v[i] = float64(float32(v[i])) * codec.LaneScale
			}
			return v
		}
		var w weights
		const cells = 10
		tg := targets{first: rng.Float64() / codec.LaneScale, second: rng.Float64() / codec.LaneScale}
		for range rng.IntN(100) {
			x := rng.Float64()
			if rng.IntN(3) == 0 {
				x = float64(rng.IntN(2))
			}
			cell := int32(rng.IntN(cells))
			if n := len(tg.cell); n > 0 && rng.IntN(2) == 0 {
				cell = tg.cell[n-1]
			}
			tg.col, tg.x, tg.cell = append(tg.col, int32(rng.IntN(tileColumns))), append(tg.x, x), append(tg.cell, cell)
		}
		sum := make([]float64, cells*lanes)
		lost := make([]uint32, cells*lanes)
		for i := range sum {
			sum[i] = float64(float32(rng.NormFloat64()))
			if rng.IntN(3) == 0 {
				sum[i] = math.Copysign(0, -1)
			}
			lost[i] = rng.Uint32N(5)
		}
		for _, wide := range []bool{false, wide} {
			a, b := row(false), row(false)
			got, want := slices.Clone(sum), slices.Clone(sum)
			scatterVector(got, a, b, tg, lanes, &w, wide)
			if lanes == 8 {
				scatter8(want, a, b, tg)
			} else {
				scatter4(want, a, b, tg)
			}
			sameBits(t, "scatter", got, want)

			a, b = row(true), row(true)
			got, want = slices.Clone(sum), slices.Clone(sum)
			gotLost, wantLost := slices.Clone(lost), slices.Clone(lost)
			scatterHolesVector(got, gotLost, a, b, tg, lanes, &w, wide)
			scatterHoles(want, wantLost, a, b, tg, lanes, false)
			sameBits(t, "scatterHoles", got, want)
			if !slices.Equal(gotLost, wantLost) {
				t.Errorf("scatterHoles: lost %v, want %v", gotLost, wantLost)
			}
		}

		v := make([]float64, rng.IntN(70))
		for i := range v {
			bits := rng.Uint32()
			switch rng.IntN(3) {
			case 0:
				bits = math.Float32bits(9999)
			case 1:
				bits = math.Float32bits(float32(special[rng.IntN(len(special))]))
			}
			v[i] = math.Float64frombits(codec.ScaledBits(bits))
		}
		missing := []float32{9999, -1e30}[:rng.IntN(3)]
		got, want := slices.Clone(v), slices.Clone(v)
		if g, w := punchVector(got, missing), punchScalar(want, missing); g != w {
			t.Errorf("punch: holes %v, want %v", g, w)
		}
		sameBits(t, "punch", got, want)
	})
}

// sameBits wants equal bits, but for those of a NaN.
func sameBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: value %d is %x, want %x", what, i, math.Float64bits(got[i]), math.Float64bits(want[i]))
		}
	}
}
