package codec

import (
	"bytes"
	"compress/zlib"
	"errors"
	"testing"
)

func deflate(t testing.TB, b []byte, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, level)
	if err == nil {
		_, err = w.Write(b)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// samples are texts that lead to stored, fixed and dynamic blocks, near and far matches.
func samples() map[string][]byte {
	random := noise(70_000)
	mixed := bytes.Clone(random)
	for i := range mixed {
		if i%1000 > 300 {
			mixed[i] = mixed[i/7%50]
		}
	}
	return map[string][]byte{
		"empty": {}, "one": {7}, "short": []byte("hello, hello, hello"), "noise": random, "mixed": mixed,
		"zeros": make([]byte, 100_000), "pairs": bytes.Repeat([]byte("ab"), 40_000), "threes": bytes.Repeat([]byte("abc"), 3000),
		"far": append(append(bytes.Clone(random[:32700]), random[:32700]...), random[:300]...),
	}
}

func TestZlib(t *testing.T) {
	t.Parallel()
	var f Inflater
	for name, want := range samples() {
		for _, level := range []int{0, 1, 6, 9, zlib.HuffmanOnly} {
			src := deflate(t, want, level)
			dst := make([]byte, len(want))
			if n, err := f.Zlib(dst, src); err != nil || n != len(want) || !bytes.Equal(dst, want) {
				t.Errorf("%s, level %d: %d of %d bytes, %v", name, level, n, len(want), err)
			}
			if n, err := f.Zlib(make([]byte, len(want)+100), src); err != nil || n != len(want) {
				t.Errorf("%s, level %d, larger destination: %d of %d bytes, %v", name, level, n, len(want), err)
			}
			if len(want) > 0 {
				if _, err := f.Zlib(dst[:len(want)-1], src); !errors.Is(err, ErrTooLarge) {
					t.Errorf("%s, level %d, destination too small: %v", name, level, err)
				}
			}
			for _, cut := range []int{0, 1, 2, len(src) / 2, len(src) - 5, len(src) - 1} {
				if _, err := f.Zlib(dst, src[:cut]); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s, level %d, %d of %d bytes: %v", name, level, cut, len(src), err)
				}
			}
			src[len(src)-1]++
			if _, err := f.Zlib(dst, src); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, level %d, wrong Adler-32: %v", name, level, err)
			}
		}
	}
}
