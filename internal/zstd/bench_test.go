package zstd

import "testing"

// BenchmarkEncode encodes a chunk of noisy floats, without and with missing values.
func BenchmarkEncode(b *testing.B) {
	list := fields()
	for _, name := range []string{"noise", "signed", "masked", "packed"} {
		src := list[name]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			dst := make([]byte, 0, Bound(len(src)))
			for b.Loop() {
				if _, err := Encode(dst, src, 0, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
