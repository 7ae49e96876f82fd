package zstd

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestPairs compares the encoder of two bytes at a time with that of one, at all lengths up to some turns of its
// loop, in a buffer of just the bytes that it may touch.
func TestPairs(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, kinds := range []int{2, 20, 256} {
		var hist [256]uint32
		for s := range kinds {
			hist[s] = 1 << rng.IntN(20)
		}
		code, _ := makeCode(&hist)
		pairs := new(pairCode)
		pairs.make(code)
		for n := range 300 {
			src := make([]byte, n)
			for i := range src {
				src[i] = byte(rng.IntN(kinds))
			}
			const guard = 0xa5
			buf := bytes.Repeat([]byte{guard}, streamBound(n)+1)
			want := make([]byte, streamBound(n))
			m := code.encode(want, src)
			if got := pairs.encode(buf[:streamBound(n)], src, code); got != m || !bytes.Equal(buf[:got], want[:m]) {
				t.Fatalf("%d bytes of %d kinds: %x instead of %x", n, kinds, buf[:got], want[:m])
			}
			if buf[streamBound(n)] != guard {
				t.Fatalf("%d bytes: written beyond the bound", n)
			}
		}
	}
}
