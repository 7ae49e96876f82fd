package codec

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"healpipe/internal/testenv"
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

// pieces is a Next for src, size bytes at a time. The piece before is spoiled, as if its buffer were used again.
func pieces(src []byte, size int) Next {
	var last []byte
	return func(tail []byte) ([]byte, error) {
		n := min(size, len(src))
		buf := slices.Concat(tail, src[:n])
		clear(last)
		src, last = src[n:], buf
		return buf[:len(buf):len(buf)], nil
	}
}

func TestZlibPieces(t *testing.T) {
	t.Parallel()
	var f Inflater
	for name, want := range samples() {
		for _, level := range []int{0, 1, 6, zlib.HuffmanOnly} {
			src := append(deflate(t, want, level), 1, 2, 3)
			dst := make([]byte, len(want))
			for _, size := range []int{1, 2, 7, 8, 29, 37, 100, 4096, len(src)} {
				if len(src)/size > 1000 {
					continue
				}
				clear(dst)
				if n, err := f.ZlibPieces(dst, pieces(src, size)); err != nil || n != len(want) || !bytes.Equal(dst, want) {
					t.Errorf("%s, level %d, pieces of %d: %d of %d bytes, %v", name, level, size, n, len(want), err)
				}
				if _, err := f.ZlibPieces(dst, pieces(src[:len(src)-4], size)); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s, level %d, pieces of %d: a stream without its last byte: %v", name, level, size, err)
				}
				broken, next := errors.New("broken"), pieces(src[:len(src)/2], size)
				if _, err := f.ZlibPieces(dst, func(tail []byte) ([]byte, error) {
					b, err := next(tail)
					if len(b) == len(tail) {
						err = broken
					}
					return b, err
				}); err != broken {
					t.Errorf("%s, level %d, pieces of %d: the input breaks: %v", name, level, size, err)
				}
			}
		}
	}
}

// inflateStd is compress/flate's answer: the output and whether the stream is whole, at most limit bytes.
func inflateStd(src []byte, limit int) ([]byte, bool) {
	r := flate.NewReader(bytes.NewReader(src))
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	return out, err == nil
}

// checkDeflate compares both fast loops with compress/flate on a raw deflate stream, whole and in pieces: the same
// streams are whole, with the same output, and nothing outside the destination changes.
func checkDeflate(t *testing.T, src []byte, size int) {
	t.Helper()
	const guard = 64
	want, whole := inflateStd(src, size)
	for _, piece := range []int{0, 1 + len(src)%97} {
		for _, safe := range []bool{false, true} {
			f := Inflater{safe: safe}
			room := bytes.Repeat([]byte{0xa5}, size+2*guard)
			dst := room[guard : guard+size : guard+size]
			var n, used int
			var err error
			if piece == 0 {
				n, used, err = f.Deflate(dst, src[:len(src):len(src)])
			} else {
				f.begin(nil, pieces(src, piece))
				n, err = f.inflate(dst, nil)
				used = f.read() - int(f.n/8)
				f.end()
			}
			for _, b := range [][]byte{room[:guard], room[guard+size:]} {
				if bytes.Count(b, []byte{0xa5}) != guard {
					t.Fatalf("safe %v, pieces of %d: wrote outside the destination", safe, piece)
				}
			}
			switch {
			case err == nil && (!whole || len(want) > size || !bytes.Equal(dst[:n], want)):
				t.Fatalf("safe %v, pieces of %d: %d bytes, compress/flate: %d, whole %v", safe, piece, n, len(want), whole)
			case err == nil && used > len(src):
				t.Fatalf("safe %v, pieces of %d: used %d of %d bytes", safe, piece, used, len(src))
			case err != nil && whole && len(want) <= size:
				t.Fatalf("safe %v, pieces of %d: %v, compress/flate: %d bytes", safe, piece, err, len(want))
			case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge):
				t.Fatalf("safe %v, pieces of %d: %v", safe, piece, err)
			}
		}
	}
}

func FuzzDeflate(f *testing.F) {
	for _, b := range samples() {
		for _, level := range []int{0, 1, 6, zlib.HuffmanOnly} {
			if z := deflate(f, b, level); len(z) < 20_000 {
				f.Add(z[2:], uint32(len(b)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, size uint32) {
		checkDeflate(t, src, int(size%(1<<18)))
	})
}

// FuzzRoundTrip makes streams that are whole, so that the fast loops see more than the first bad symbol, and
// then spoils a byte.
func FuzzRoundTrip(f *testing.F) {
	for _, b := range samples() {
		f.Add(b[:min(len(b), 5000)], int8(6), uint32(7), byte(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, level int8, at uint32, change byte) {
		z := deflate(t, bytes.Repeat(b, 3), max(-2, int(level)%10))
		checkDeflate(t, z[2:], 3*len(b))
		z[2+int(at)%(len(z)-2)] ^= change
		checkDeflate(t, z[2:], 3*len(b))
	})
}

// Every prefix of a stream and every flipped bit of one.
func TestSpoiledStreams(t *testing.T) {
	t.Parallel()
	for name, b := range samples() {
		b = b[:min(len(b), 3000)]
		for _, level := range []int{0, 1, 6} {
			z := deflate(t, b, level)[2:]
			t.Run(fmt.Sprint(name, level), func(t *testing.T) {
				for cut := 0; cut < len(z); cut += 1 + len(z)/300 {
					checkDeflate(t, z[:cut], len(b))
				}
				for bit := 0; bit < 8*len(z); bit += 1 + len(z)/40 {
					z[bit/8] ^= 1 << (bit % 8)
					checkDeflate(t, z, len(b)+300)
					z[bit/8] ^= 1 << (bit % 8)
				}
			})
		}
	}
}

// Each stream breaks one rule of RFC 1951, as its name says; zlib refuses them all.
func TestMalformed(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/malformed/*.deflate")
	if err != nil || len(paths) < 17 {
		t.Fatalf("%d malformed streams, %v", len(paths), err)
	}
	testenv.RunPython(t, `
import sys, zlib
for path in sys.argv[1:]:
    d = zlib.decompressobj(-15)
    try:
        d.decompress(open(path, "rb").read())
    except zlib.error:
        continue
    assert not d.eof, path
`, absolute(t, paths)...)
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Alone, and with bytes behind it, which lets the fast loops at it.
		for _, tail := range []int{0, 500} {
			if tail > 0 && strings.Contains(path, "truncated") {
				continue
			}
			src := append(bytes.Clone(src), make([]byte, tail)...)
			for _, safe := range []bool{false, true} {
				f := Inflater{safe: safe}
				if _, _, err := f.Deflate(make([]byte, 1000), src); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s, safe %v, %d bytes behind: %v", path, safe, tail, err)
				}
			}
		}
	}
}

func absolute(t *testing.T, paths []string) (out []string) {
	for _, p := range paths {
		a, err := filepath.Abs(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}
