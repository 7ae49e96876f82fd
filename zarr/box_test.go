package zarr

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDecodeBox compares boxes of chunks that are decoded in part with the values that were encoded.
func TestDecodeBox(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for _, shape := range [][]int{{24, 12288}, {5, 7, 9000}, {300_000}, {40, 1, 9000}, {3, 50, 40, 30, 2}} {
		n, _ := product(shape, 1)
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(280 + 20*math.Sin(float64(i)/3000) + rng.NormFloat64())
		}
		raw := asBytes(values)
		c, err := newChain([]codecSpec{{name: "bytes", config: object{{"endian", Little}}}, {name: "zstd"}}, shape, TypeFloat32, make([]byte, 4))
		if err != nil {
			t.Fatal(err)
		}
		sc := getScratch()
		stored, err := c.encode(nil, raw, sc)
		if err != nil {
			t.Fatal(err)
		}
		served := 0
		for range 200 {
			start, size := make([]int, len(shape)), make([]int, len(shape))
			for d, m := range shape {
				size[d] = 1 + rng.IntN(m)
				if rng.IntN(2) == 0 {
					size[d] = []int{1, m}[rng.IntN(2)]
				}
				start[d] = rng.IntN(m - size[d] + 1)
			}
			got := make([]byte, len(raw))
			if !c.decodeBox(got, stored, start, size) {
				continue
			}
			served++
			m, _ := product(size, 4)
			want, have := make([]byte, m), make([]byte, m)
			zero := make([]int, len(shape))
			copyBox(want, size, zero, raw, shape, start, size, 4)
			copyBox(have, size, zero, got, shape, start, size, 4)
			if !bytes.Equal(want, have) {
				t.Fatalf("%v: box %v of %v differs", shape, size, start)
			}
		}
		if served < 20 {
			t.Errorf("%v: %d boxes of 200 were decoded in part", shape, served)
		}
		if c.decodeBox(make([]byte, len(raw)), stored, make([]int, len(shape)), slices.Clone(shape)) {
			t.Errorf("%v: the whole chunk as a part", shape)
		}
	}
}
