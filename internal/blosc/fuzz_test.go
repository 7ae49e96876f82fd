package blosc

import (
	"bytes"
	"testing"
)

// FuzzDecode decodes foreign buffers; those of a compressor that Encode has must survive another round.
func FuzzDecode(f *testing.F) {
	src := bytes.Repeat([]byte{1, 2, 3, 4, 0, 0, 0, 9}, 300)
	for _, name := range []string{"lz4", "zlib", "zstd"} {
		for shuffle := NoShuffle; shuffle <= BitShuffle; shuffle++ {
			out, err := Encode(nil, src, Options{Compressor: name, Level: 5, Shuffle: shuffle, TypeSize: 4, BlockSize: 1024})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(out)
		}
	}
	f.Add([]byte("\x02\x01\x10\x01\x0c\x00\x00\x00\x0c\x00\x00\x00\x1c\x00\x00\x00\x14\x00\x00\x00\x04\x00\x00\x00\x00a\xe0\x02")) // blosclz
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := DecodedLen(data)
		if err != nil || n > 1<<20 {
			return
		}
		dst := make([]byte, n+8)
		got, err := Decode(dst[:n], data)
		if !bytes.Equal(dst[n:], make([]byte, 8)) {
			t.Fatal("written past the end")
		}
		if err != nil {
			return
		}
		out, err := Encode(nil, dst[:got], Options{Compressor: "lz4", Level: 1, Shuffle: Shuffle(data[0] % 3), TypeSize: int(data[3]%9) + 1})
		if err != nil {
			t.Fatal(err)
		}
		back := make([]byte, got)
		if m, err := Decode(back, out); err != nil || m != got || !bytes.Equal(back, dst[:got]) {
			t.Fatalf("does not come back: %d of %d bytes, %v", m, got, err)
		}
	})
}

// FuzzBitShuffle compares the bit shuffle with its definition.
func FuzzBitShuffle(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1, 2, 3, 4, 5}, 50), uint8(4))
	f.Fuzz(func(t *testing.T, src []byte, typesize uint8) {
		size := int(typesize)%20 + 1
		dst, want := make([]byte, len(src)), make([]byte, len(src))
		BitShuffleBlock(dst, src, size)
		n := len(src) / size
		copy(want, src)
		if n%8 == 0 {
			clear(want[:n*size])
			for i := range n {
				for b := range size {
					for k := range 8 {
						want[(8*b+k)*(n/8)+i/8] |= src[i*size+b] >> k & 1 << (i % 8)
					}
				}
			}
		}
		if !bytes.Equal(dst, want) {
			t.Fatalf("size %d: %x, not %x", size, dst, want)
		}
		back := make([]byte, len(src))
		BitUnshuffle(back, dst, size)
		if !bytes.Equal(back, src) {
			t.Fatal("does not come back")
		}
	})
}
