package codec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

func TestUnshuffleLane(t *testing.T) {
	t.Parallel()
	const n = 100
	rng := rand.New(rand.NewPCG(1, 2))
	raw, shuffled := make([]byte, 4*n), make([]byte, 4*n)
	for i := range n {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(float32(rng.NormFloat64()*300)))
	}
	Shuffle(shuffled, raw, 4)
	planes := [4][]byte{shuffled[:n], shuffled[n : 2*n], shuffled[2*n : 3*n], shuffled[3*n:]}
	value := func(i int) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))) }
	for _, lanes := range []int{4, 8} {
		for _, from := range []int{0, 3, 80} {
			for count := range 21 {
				dst := make([]float64, count*lanes)
				for lane := range lanes {
					if count == 0 {
						break
					}
					largest := byte(0)
					for i := range count {
						largest = max(largest, byte(math.Float32bits(float32(math.Abs(value(from+i))))>>24))
					}
					if UnshuffleLane(dst[lane:], lanes, &planes, from, count, largest+1) {
						t.Errorf("%d from %d: over %#x, largest is %#x", count, from, largest+1, largest)
					}
					for _, top := range []byte{0, largest} {
						if !UnshuffleLane(dst[lane:], lanes, &planes, from, count, top) {
							t.Errorf("%d from %d: not over %#x, largest is %#x", count, from, top, largest)
						}
					}
				}
				for i, v := range dst {
					if v != value(from+i/lanes)*LaneScale {
						t.Fatalf("%d lanes, %d from %d: value %d is %g, want %g", lanes, count, from, i, v, value(from+i/lanes)*LaneScale)
					}
				}
			}
		}
	}
}

func TestScaledBits(t *testing.T) {
	t.Parallel()
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	values := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 273.15, -math.Pi, math.MaxFloat32, -math.MaxFloat32, 0x1p-126, -0x1p-126,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1.fffffcp-127, inf, -inf, nan, -nan, math.Float32frombits(0x7f800001)}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		values = append(values, math.Float32frombits(rng.Uint32()))
	}
	for _, v := range values {
		got, want := Unscalable(math.Float64frombits(ScaledBits(math.Float32bits(v)))), float64(v)*LaneScale
		if math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
			t.Errorf("%g (%#x): %g, want %g", v, math.Float32bits(v), got, want)
		}
		if back := float32(want / LaneScale); back != v && v == v {
			t.Errorf("%g comes back as %g", v, back)
		}
	}
}
